"""The request limits: exact at the server, across threads and processes."""

import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from f1_lakehouse.sources.errors import SourceError
from f1_lakehouse.sources.exchange import Window
from f1_lakehouse.sources.rate_limiter import TICKET_EXPIRES_S, RateLimiter


@pytest.fixture
def new(tmp_path: Path, clock: Any) -> Callable[..., RateLimiter]:
    """A function that returns a limiter with these requests per second and minute, or with `windows`."""

    def limiter(per_second: int = 0, per_minute: int = 0, **rest: Any) -> RateLimiter:
        windows = rest.pop("windows", [Window(per_second, 1.0), Window(per_minute, 60.0)])
        times = {"clock": clock, "sleep": clock.sleep, "wall": lambda: clock.now().timestamp()}
        return RateLimiter(tmp_path / "limits.sqlite", windows, **(times | rest))

    return limiter


def use(limits: RateLimiter) -> float:
    with limits.request() as slot:
        return slot.waited


def most_in_any_window(times: list[float], length: float) -> int:
    times = sorted(times)
    return max(sum(1 for other in times[i:] if other - start < length) for i, start in enumerate(times))


def test_all_limits_are_kept_with_a_minimal_wait(new: Any, clock: Any) -> None:
    limits = new(3, 30)
    arrivals = []
    for _ in range(61):
        with limits.request():
            arrivals.append(clock())
    assert most_in_any_window(arrivals, 1.0) == 3
    assert most_in_any_window(arrivals, 60.0) == 30
    assert arrivals[-1] - arrivals[0] < 121


def test_slot_leaves_a_window_by_the_age_of_its_response(new: Any, clock: Any) -> None:
    limits = new(1, 0)
    with limits.request():
        clock.seconds += 10  # a slow request may have arrived at any of these times
    assert use(limits) == pytest.approx(1, abs=0.01)


def test_slot_can_be_released_when_the_response_begins(new: Any, clock: Any) -> None:
    limits = new(1, 0)
    with limits.request() as slot:
        slot.answered()
        clock.seconds += 10
    assert use(limits) == 0


def test_request_in_flight_counts_until_its_time_out(new: Any, clock: Any) -> None:
    limits = new(1, 0, request_timeout=20)
    with limits.request():
        clock.seconds += 15
        assert use(limits) == pytest.approx(6, abs=0.1)


def test_killed_process_holds_its_slot_only_until_the_time_out(new: Any, tmp_path: Path, clock: Any) -> None:
    code = (
        "import os, sys; from f1_lakehouse.sources.exchange import Window\n"
        "from f1_lakehouse.sources.rate_limiter import RateLimiter\n"
        "held = RateLimiter(sys.argv[1], [Window(1, 1.0)], clock=lambda: 1000.0).request(); held.__enter__(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "limits.sqlite")], check=False)
    assert use(new(1, 0, request_timeout=20)) == pytest.approx(21, abs=0.1)


def test_window_of_zero_is_switched_off(new: Any, clock: Any) -> None:
    limits = new(0, 0)
    assert [use(limits) for _ in range(100)] == [0.0] * 100
    assert limits.remaining() == {}


def test_remaining_requests_and_the_wait_are_reported(new: Any, clock: Any) -> None:
    limits = new(0, 2)
    assert (limits.remaining()[60.0], limits.seconds_until_free()) == (2, 0)
    use(limits)
    assert (limits.remaining()[60.0], limits.seconds_until_free()) == (1, 0)
    use(limits)
    assert limits.remaining()[60.0] == 0
    assert limits.seconds_until_free() == pytest.approx(60, abs=0.1)


def test_pause_applies_to_every_process_and_a_shorter_one_does_not_end_it(new: Any, clock: Any) -> None:
    new(3, 30).pause(20)
    new(3, 30).pause(5)
    assert use(new(3, 30)) == pytest.approx(20)
    new(0, 0).pause(2)
    assert use(new(0, 0)) == pytest.approx(2)


def test_wait_is_reported_and_sleeps_in_short_steps(new: Any, clock: Any) -> None:
    limits = new(0, 1)
    use(limits)
    told: list[float] = []
    with limits.request(told.append):
        pass
    assert told[0] == pytest.approx(60, abs=0.1)
    assert told == sorted(told, reverse=True)
    assert max(clock.slept) <= 0.5


def test_interrupted_wait_leaves_no_ticket(new: Any, clock: Any) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    limits = new(1, 0)
    use(limits)
    with pytest.raises(KeyboardInterrupt), new(1, 0, sleep=interrupted).request():
        pass
    assert use(limits) == pytest.approx(1, abs=0.01)


def test_tickets_are_served_in_order_and_expire(new: Any, clock: Any) -> None:
    limits = new(1, 0)
    use(limits)
    assert limits.seconds_until_free() == pytest.approx(1, abs=0.01)
    # A ticket that is not renewed, as after a killed process.
    limits._do(lambda db: db.execute("insert into tickets (seen) values (?)", (clock(),)))
    assert limits.seconds_until_free() > 0.99
    clock.seconds += 1.1
    assert limits.seconds_until_free() > 0  # the free slot belongs to the other process
    assert use(limits) <= TICKET_EXPIRES_S


@pytest.mark.parametrize(
    "boot_id", ["second", "first"]
)  # without boot ids a monotonic clock that decreased shows the reboot
def test_after_a_reboot_windows_continue_by_the_wall_clock(new: Any, clock: Any, boot_id: str) -> None:
    windows = [Window(2, 3600.0)]
    before = new(windows=windows, boot_id=lambda: "first", wall=lambda: 5000.0)
    use(before)
    use(before)
    clock.seconds = 3.0
    after = new(windows=windows, boot_id=lambda: boot_id, wall=lambda: 5000.0 + 600.0)
    assert after.seconds_until_free() == pytest.approx(3000, abs=5)
    assert after.remaining() == {3600.0: 0}


def test_hour_window_is_not_shortened_by_a_wall_clock_set_to_an_earlier_time(new: Any, clock: Any) -> None:
    windows = [Window(1, 3600.0)]
    use(new(windows=windows, boot_id=lambda: "first", wall=lambda: 5000.0))
    clock.seconds = 3.0
    after = new(windows=windows, boot_id=lambda: "second", wall=lambda: 1000.0)
    assert after.seconds_until_free() == pytest.approx(3600, abs=5)


def test_change_of_the_wall_clock_alone_changes_nothing(new: Any, clock: Any) -> None:
    windows = [Window(1, 3600.0)]
    use(new(windows=windows, wall=lambda: 5000.0))
    clock.seconds += 10
    assert new(windows=windows, wall=lambda: 99_000.0).seconds_until_free() == pytest.approx(3590, abs=5)


def test_reboot_longer_than_the_window_frees_it(new: Any, clock: Any) -> None:
    limits = new(2, 2)
    use(limits)
    use(limits)
    limits.pause(100)
    clock.seconds = 3.0
    late = new(2, 2, wall=lambda: clock.now().timestamp() + 1200)
    assert [use(late), use(late)] == [0, 0]


def test_hour_window_survives_a_restart_of_the_process(new: Any, clock: Any) -> None:
    windows = [Window(4, 1.0), Window(10, 3600.0)]
    for _ in range(10):
        use(new(windows=windows))
    clock.seconds += 1800
    assert new(windows=windows).remaining() == {1.0: 4, 3600.0: 0}
    assert use(new(windows=windows)) == pytest.approx(1800, abs=10)


def test_file_without_boot_ids_of_an_earlier_version_is_used(new: Any, clock: Any) -> None:
    limits = new(0, 1)
    use(limits)
    with sqlite3.connect(limits.path) as db:
        db.execute("drop table boot")
    db.close()
    assert new(0, 1).remaining() == {60.0: 0}


def test_old_rows_are_pruned(new: Any, clock: Any) -> None:
    limits = new(10, 0)
    for _ in range(200):
        use(limits)
        clock.seconds += 1
    assert limits._do(lambda db: db.execute("select count(*) from requests").fetchone()[0]) < 70


@pytest.mark.parametrize("keep", [0, 100])
def test_damaged_file_is_replaced_and_counts_as_full_windows(
    new: Any, clock: Any, keep: int, caplog: pytest.LogCaptureFixture
) -> None:
    limits = new(3, 30)
    use(limits)
    limits.path.write_bytes(limits.path.read_bytes()[:keep] + b"garbage" * 2000)
    assert use(limits) == pytest.approx(60, abs=0.1)
    assert "damaged" in caplog.text
    assert use(limits) == 0


def test_foreign_file_is_moved_and_not_overwritten(new: Any, clock: Any) -> None:
    limits = new(3, 30)
    with sqlite3.connect(limits.path) as db:
        db.execute("create table precious (x)")
    db.close()
    assert use(limits) == pytest.approx(60, abs=0.1)
    with sqlite3.connect(limits.path.with_name("limits.sqlite.damaged")) as db:
        assert db.execute("select name from sqlite_master").fetchall() == [("precious",)]
    db.close()


def test_unwritable_folder_is_named_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SourceError, match=r"file/limits\.sqlite cannot be used.*F1_LAKEHOUSE_ROOT") as caught:
        use(RateLimiter(tmp_path / "file" / "limits.sqlite"))
    assert "\n" not in str(caught.value)


WORKER = """
import sys, threading, urllib.request
from f1_lakehouse.sources.exchange import Window
from f1_lakehouse.sources.rate_limiter import RateLimiter
path, port, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
limits = RateLimiter(path, [Window(6, 0.3), Window(14, 1.0)])
def work():
    for _ in range(count):
        with limits.request():
            urllib.request.urlopen(f"http://127.0.0.1:{port}/").read()
threads = [threading.Thread(target=work) for _ in range(3)]
[t.start() for t in threads]
[t.join() for t in threads]
"""


def test_two_processes_of_three_threads_exceed_no_window_at_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uses real time, because it tests real processes. The server counts a request up to half a window late, as a gateway
    behind a slow network does: a limiter that counts the time of sending fails here."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    arrivals: list[float] = []
    delays = random.Random(1)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(delays.choice([0.0, 0.0, 0.15]))
            arrivals.append(time.monotonic())
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", WORKER, str(tmp_path / "l"), str(server.server_port), "4"]
            )
            for _ in range(2)
        ]
        assert [worker.wait(30) for worker in workers] == [0, 0]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert len(arrivals) == 24
    assert most_in_any_window(arrivals, 0.3) <= 6
    assert most_in_any_window(arrivals, 1.0) <= 14
    assert max(arrivals) - min(arrivals) < 20  # at least 1 s; much longer on a busy machine
