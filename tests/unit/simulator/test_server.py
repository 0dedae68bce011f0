"""Answers, windows, tokens and failures of the embedded OpenF1, asked over HTTP."""

from __future__ import annotations

import csv
import gzip
import http.client
import io
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import orjson
import pytest
import requests
from served_rows import LAPS, NOW, write

from f1_lakehouse.simulator import rows_of_file, store
from f1_lakehouse.simulator.gateway import Gateway
from f1_lakehouse.simulator.rows_of_file import ReplayFolderError
from f1_lakehouse.simulator.server import DROPPED, ReplayPortError, ReplayServer

NO_ROWS = {"detail": "No results found."}


class Ask(Protocol):
    def __call__(self, target: str) -> requests.Response: ...


def get(server: ReplayServer, target: str, **kwargs: Any) -> requests.Response:
    return requests.get(f"{server.url}/{target}", timeout=10, **kwargs)


def test_rows_are_served_as_stored(ask: Ask) -> None:
    response = ask("laps?driver_number=44&lap_number=2")
    assert response.headers["content-type"] == "application/json"
    assert response.content == orjson.dumps([row for row in LAPS if row["driver_number"] == 44][1:2])


@pytest.mark.parametrize("target", ["laps?driver_number=99", "laps?nothing=1", "nothing", "nothing?a=1"])
def test_no_rows_and_unknown_names_are_a_404(ask: Ask, target: str) -> None:
    response = ask(target)
    assert (response.status_code, response.json()) == (404, NO_ROWS)


@pytest.mark.parametrize("path", ["/v1", "/v1/laps/", "/v2/laps", "/laps", "/v1/laps/1"])
def test_a_bad_path_is_an_html_error(server: ReplayServer, path: str) -> None:
    response = requests.get(server.origin + path + "?lap_number=1", timeout=10)
    assert response.status_code == 500
    assert response.headers["content-type"].startswith("text/html")
    assert "Invalid route" in response.text


def test_the_path_may_be_upper_case(server: ReplayServer) -> None:
    assert requests.get(f"{server.origin}/V1/Laps", timeout=10).status_code == 200


def test_root_returns_welcome(server: ReplayServer) -> None:
    assert requests.get(server.origin, timeout=10).text == "Welcome to OpenF1!"


def test_rows_are_ordered_by_start_then_keys_and_missing_starts_come_first(ask: Ask) -> None:
    assert [row["session_key"] for row in ask("sessions").json()] == [11, 12, 13, 14]
    laps = [(row["lap_number"], row["driver_number"]) for row in ask("laps").json()]
    assert laps == [(lap, driver) for lap in range(1, 7) for driver in (1, 4, 44)]


def test_standings_are_ordered_by_current_position(server: ReplayServer, folder: Path) -> None:
    rows = [
        {"session_key": 11, "meeting_key": 1, "driver_number": n, "position_current": p}
        for n, p in ((1, 2), (4, 1), (9, None))
    ]
    write(folder, "championship_drivers", "11.json", rows)
    assert [row["driver_number"] for row in get(server, "championship_drivers").json()] == [9, 4, 1]


def test_rows_of_equal_keys_keep_the_order_they_are_stored_in(server: ReplayServer, folder: Path) -> None:
    for file in (9, 10):
        rows = [
            {"session_key": 5, "meeting_key": 1, "driver_number": n % 2, "n": (file, n)} for n in (3, 2, 1)
        ]
        write(folder, "odd", f"{file}.json", rows)
    assert [tuple(r["n"]) for r in get(server, "odd").json()] == [
        (9, 3),
        (9, 2),
        (9, 1),
        (10, 3),
        (10, 2),
        (10, 1),
    ]


def test_exact_duplicates_are_served_twice(server: ReplayServer, folder: Path) -> None:
    write(folder, "pit", "11.json", [{"session_key": 11, "lap_number": 3}] * 2)
    assert len(get(server, "pit").json()) == 2


def test_csv_has_sorted_columns_crlf_and_python_texts(ask: Ask) -> None:
    response = ask("laps?driver_number=1&lap_number<=2&csv=true")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"] == "attachment; filename=laps.csv"
    assert response.content.count(b"\r\n") == 3
    first, second = csv.DictReader(io.StringIO(response.text))
    assert list(first) == sorted(LAPS[0])
    assert (first["is_pit_out_lap"], first["lap_duration"], first["date_start"]) == ("True", "", "")
    assert first["segments_sector_1"] == "[None, 2049, 2051]"
    assert second["date_start"] == "2025-07-05 14:02:00.001000+00:00"


@pytest.mark.parametrize("wish", ["csv=false", "csv=0", "CSV=False"])
def test_csv_false_is_json(ask: Ask, wish: str) -> None:
    assert ask(f"laps?lap_number=1&{wish}").headers["content-type"] == "application/json"


def test_csv_without_rows_is_an_error_page(ask: Ask) -> None:
    response = ask("laps?lap_number=99&csv=1")
    assert (response.status_code, "No results" in response.text) == (500, True)


def test_more_rows_than_allowed_are_a_422(folder: Path) -> None:
    with ReplayServer(folder, max_rows=6) as server:
        assert get(server, "laps?driver_number=1").status_code == 200
        assert get(server, "laps").status_code == 422


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_second_window_refuses_and_opens_again(folder: Path) -> None:
    clock = Clock()
    with ReplayServer(folder, Gateway(rps=3), clock=clock) as server:
        statuses = [get(server, "drivers").status_code for _ in range(4)]
        refused = get(server, "drivers")
        clock.now += 1.0
        after = get(server, "drivers").status_code
    assert statuses == [200, 200, 200, 429]
    assert refused.json() == {"error": "Rate limit exceeded: 3 per 1 second"}
    assert "Retry-After" not in refused.headers
    assert after == 200


def test_the_minute_window_slides_and_refused_requests_do_not_count(folder: Path) -> None:
    clock = Clock()
    with ReplayServer(folder, Gateway(rpm=2), clock=clock) as server:
        statuses = []
        for _ in range(4):
            statuses.append(get(server, "drivers").status_code)
            clock.now += 20.0
    assert statuses == [200, 200, 429, 200]


def test_both_rate_windows_apply_together(folder: Path) -> None:
    clock = Clock()
    with ReplayServer(folder, Gateway(rps=2, rpm=3), clock=clock) as server:
        statuses = []
        for step in (0, 0, 0, 1, 1):
            clock.now += step
            statuses.append(get(server, "drivers").status_code)
    assert statuses == [200, 200, 429, 200, 429]


def test_during_a_live_session_every_request_needs_a_token(folder: Path) -> None:
    with ReplayServer(folder, Gateway(live=True, username="u", password="p w")) as server:
        refused = get(server, "sessions?year=2025")
        wrong = requests.post(f"{server.origin}/token", data={"username": "u", "password": "x"}, timeout=10)
        given = requests.post(f"{server.origin}/token", data={"username": "u", "password": "p w"}, timeout=10)
        token = given.json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        allowed = get(server, "sessions?year=2025", headers=headers)
        made_up = get(server, "sessions?year=2025", headers={"Authorization": "Bearer made-up"})
        server.gateway.live = False
        after = get(server, "sessions?year=2025")
    assert refused.status_code == wrong.status_code == made_up.status_code == 401
    assert refused.json()["detail"].startswith("Live F1 session in progress.")
    assert (given.status_code, token["expires_in"], token["token_type"]) == (200, "3600", "bearer")
    assert allowed.status_code == after.status_code == 200


def test_a_token_ends_after_its_hour(folder: Path) -> None:
    clock = Clock()
    with ReplayServer(folder, Gateway(live=True, username="u", password="p"), clock=clock) as server:
        token = requests.post(
            f"{server.origin}/token", data={"username": "u", "password": "p"}, timeout=10
        ).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        clock.now += 3599
        before = get(server, "drivers", headers=headers).status_code
        clock.now += 1
        after = get(server, "drivers", headers=headers).status_code
    assert (before, after) == (200, 401)


def test_no_token_is_issued_without_a_username(server: ReplayServer) -> None:
    assert (
        requests.post(f"{server.origin}/token", data={"username": "", "password": ""}, timeout=10).status_code
        == 401
    )


def test_failures_are_transient_plain_text_and_repeat_with_the_seed(folder: Path) -> None:
    runs = []
    for _ in range(2):
        with ReplayServer(folder, Gateway(fail_rate=0.5, seed=7)) as server:
            runs.append([get(server, "drivers") for _ in range(40)])
    statuses = [response.status_code for response in runs[0]]
    assert set(statuses) == {200, 502, 503, 504}
    assert statuses == [response.status_code for response in runs[1]]
    assert all(r.headers["content-type"] == "text/plain" for r in runs[0] if r.status_code != 200)


def test_dropped_connection_has_no_response(folder: Path) -> None:
    with ReplayServer(folder, Gateway(drop_rate=1.0)) as server:
        with pytest.raises(requests.ConnectionError):
            get(server, "drivers")
        assert server.requests[-1].status == DROPPED


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
def test_other_methods_are_not_allowed(server: ReplayServer, method: str) -> None:
    response = requests.request(method, f"{server.url}/drivers", timeout=10)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
    assert response.text == ("" if method == "HEAD" else '{"detail":"Method Not Allowed"}')


def test_requests_are_logged_as_sent_with_their_status(server: ReplayServer, ask: Ask) -> None:
    ask("laps?lap_number%3E=3")
    ask("nothing")
    assert [(r.target, r.status) for r in server.requests] == [
        ("/v1/laps?lap_number%3E=3", 200),
        ("/v1/nothing", 404),
    ]


def test_one_connection_serves_many_requests(server: ReplayServer) -> None:
    connection = http.client.HTTPConnection(server.origin.removeprefix("http://"), timeout=10)
    connection.connect()
    socket = connection.sock
    for _ in range(3):
        connection.request("GET", "/v1/drivers")
        assert len(orjson.loads(connection.getresponse().read())) == 2
        assert connection.sock is socket
    connection.close()


def test_a_closed_server_also_leaves_connections_that_clients_keep(folder: Path) -> None:
    with requests.Session() as session:
        with ReplayServer(folder) as server:
            session.get(f"{server.url}/drivers", timeout=10)
        with pytest.raises(requests.ConnectionError):
            session.get(f"{server.url}/drivers", timeout=10)


def test_concurrent_clients_get_complete_responses(server: ReplayServer) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: get(server, f"laps?driver_number={(1, 4, 44)[n % 3]}").json(), range(48))
        )
    assert [len(a) for a in answers] == [6] * 48
    assert len(server.requests) == 48


def test_serve_forever_responds_until_closed(folder: Path) -> None:
    server = ReplayServer(folder)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    assert get(server, "drivers").status_code == 200
    server.close()
    thread.join(timeout=10)
    assert not thread.is_alive()


def test_a_corrected_file_is_served_at_the_next_request(server: ReplayServer, folder: Path) -> None:
    assert get(server, "drivers?driver_number=1").json()[0]["name_acronym"] == "VER"
    path = write(
        folder, "drivers", "11.json", [{"session_key": 11, "driver_number": 1, "name_acronym": "NEW"}]
    )
    os.utime(path, ns=(1, 1))
    assert get(server, "drivers").json() == [{"session_key": 11, "driver_number": 1, "name_acronym": "NEW"}]
    write(folder, "drivers", "12.json", [{"session_key": 12, "driver_number": 1}])
    assert [row["session_key"] for row in get(server, "drivers").json()] == [11, 12]
    path.unlink()
    assert [row["session_key"] for row in get(server, "drivers").json()] == [12]


def test_a_file_in_hidden_folders_is_not_served(server: ReplayServer, folder: Path) -> None:
    write(folder / ".corrections", "drivers", "12.json", [{"session_key": 12, "driver_number": 1}])
    assert get(server, "drivers?session_key=12").status_code == 404


def test_a_file_that_is_not_json_is_an_error_that_names_it(server: ReplayServer, folder: Path) -> None:
    path = write(folder, "drivers", "12.json", [])
    path.write_text("{")
    response = get(server, "drivers")
    assert (response.status_code, str(path) in response.text) == (500, True)


@pytest.mark.parametrize("rows", [{"a": 1}, [1]])
def test_a_file_that_is_not_rows_is_an_error_that_names_it(
    server: ReplayServer, folder: Path, rows: Any
) -> None:
    path = write(folder, "drivers", "12.json", rows)
    assert str(path) in get(server, "drivers").text


def test_odd_rows_are_served_with_the_others(server: ReplayServer, folder: Path) -> None:
    path = write(folder, "drivers", "12.json", [])
    path.write_text(
        '[{"session_key": [1], "driver_number": {}}, {"session_key": 12, "team_name": "\\ud800"},'
        ' {"session_key": 12, "driver_number": NaN}, {"session_key": 12, "driver_number": 4}]'
    )
    served = get(server, "drivers?session_key=12")
    assert served.status_code == 200
    assert [row for row in served.json() if row.get("driver_number") == 4] == [
        {"session_key": 12, "driver_number": 4}
    ]
    assert len(served.json()) == 3
    assert {"session_key": [1], "driver_number": {}} in get(server, "drivers").json()


@pytest.mark.parametrize("make", [lambda p: p / "none", lambda p: p])
def test_a_folder_with_nothing_to_serve_is_refused_in_one_line(tmp_path: Path, make: Any) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReplayFolderError, match=r"`f1 generate`") as caught:
        ReplayServer(make(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_taken_port_is_refused_in_one_line(server: ReplayServer, folder: Path) -> None:
    port = int(server.origin.rpartition(":")[2])
    with pytest.raises(ReplayPortError, match=f"{port}.*choose another port"):
        ReplayServer(folder, port=port)


def telemetry(session: int, n: int = 600) -> list[dict[str, Any]]:
    """Two drivers by turns, some dates missing, and texts that look like the place between two rows."""
    return [
        {
            "date": None if i == 5 else f"2025-07-05T14:{i // 60:02}:{i % 60:02}.{driver:03}000+00:00",
            "session_key": session,
            "meeting_key": 1,
            "driver_number": driver,
            "speed": i,
            "note": "},{" * (20 if 100 < i < 200 else 0),
        }
        for i in range(n)
        for driver in (1, 4)
    ]


@pytest.fixture
def large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReplayServer]:
    """Telemetry of three sessions, with the bounds set so that its files count as large."""
    monkeypatch.setattr(rows_of_file, "ENCODE_FROM_BYTES", 1000)
    monkeypatch.setattr(rows_of_file, "PIECE_BYTES", 5000)
    monkeypatch.setattr(store, "LARGE_FILE", {".json": 1000, ".gz": 1000})
    monkeypatch.setattr(store, "KEPT_LARGE_BYTES", 100_000)
    for session in (11, 12):
        path = write(folder, "car_data", f"{session}.json", telemetry(session))
        path.with_suffix(".json.gz").write_bytes(gzip.compress(path.read_bytes(), mtime=0))
        path.unlink()
    with ReplayServer(folder, now=lambda: NOW) as server:
        yield server


@pytest.mark.parametrize(
    "target",
    [
        "car_data",
        "car_data?session_key=11",
        "car_data?session_key=11&driver_number=4",
        "car_data?session_key=11&driver_number=4&speed>=590",
        "car_data?session_key>11&driver_number=1&driver_number=4&date>=2025-07-05T14:03:00&date<2025-07-05T14:03:10",
        "car_data?driver_number=1&date=2025-07-05T14:03:00.001&date<2025-07-05T14:00:02",
        "car_data?date<2025-07-05T14:00:09",
    ],
)
def test_large_files_are_served_like_small_ones(large: ReplayServer, folder: Path, target: str) -> None:
    for session in (11, 12):
        write(folder, "small", f"{session}.json", telemetry(session)[:])
    rows_of_file.ENCODE_FROM_BYTES = 10**9  # restored by the fixture's monkeypatch
    small = get(large, target.replace("car_data", "small"))
    rows_of_file.ENCODE_FROM_BYTES = 1000
    answer = get(large, target)
    assert small.status_code == 200
    assert answer.content == small.content


def test_a_large_file_of_another_session_is_not_opened(large: ReplayServer, folder: Path) -> None:
    assert get(large, "car_data?session_key=11&driver_number=1").status_code == 200
    parts = large.store._tables["car_data"].parts
    assert {name: part.groups is not None for name, part in parts.items()} == {
        "11.json.gz": True,
        "12.json.gz": False,
    }


def test_file_names_do_not_select_rows(large: ReplayServer, folder: Path) -> None:
    write(folder, "car_data", "99.json", telemetry(21))
    write(folder, "car_data", "any.json", telemetry(22))
    assert len(get(large, "car_data?session_key=21").json()) == 1200
    assert len(get(large, "car_data?session_key=22").json()) == 1200
    assert get(large, "car_data?session_key=99").status_code == 404


def test_least_recently_used_large_files_are_dropped_and_read_again(
    large: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "KEPT_LARGE_BYTES", 1)
    for session in (11, 12, 11):
        assert len(get(large, f"car_data?session_key={session}").json()) == 1200
        parts = large.store._tables["car_data"].parts
        assert [name for name, part in parts.items() if part.groups is not None] == [f"{session}.json.gz"]


def recorded() -> Path:
    named = os.environ.get("F1_RECORDED_DATA")
    if not named:
        pytest.skip("F1_RECORDED_DATA names no recorded rows")
    return Path(named) / "openf1"


def test_recorded_telemetry_of_one_driver_is_found_in_726675_rows() -> None:
    with ReplayServer(recorded(), now=lambda: NOW) as server:
        rows = get(server, "car_data?session_key=9606&driver_number=1").json()
        window = "date>=2024-09-22T12:30:00&date<2024-09-22T12:40:00"
        cut = get(server, f"car_data?session_key=9606&driver_number=1&{window}").json()
    assert len(rows) == 36_339
    assert cut == [r for r in rows if r["date"] and "2024-09-22T12:30" <= r["date"] < "2024-09-22T12:40"]


def test_recorded_counts_equal_the_published_ones() -> None:
    with ReplayServer(recorded(), now=lambda: NOW) as server:
        found = {
            target: len(get(server, target).json())
            for target in ("laps?session_key=9606", "intervals?session_key=9655", "laps?session_key=9655")
        }
    assert found == {
        "laps?session_key=9606": 1179,
        "intervals?session_key=9655": 20_242,
        "laps?session_key=9655": 944,
    }
