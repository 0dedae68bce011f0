"""Bronze: each pull completely and exactly once, despite crashes; history is kept, and one pull per partition is current."""

import random
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from f1_lakehouse.sources.catalog import Column, Kind
from f1_lakehouse.sources.registry import BY_NAME, ENDPOINTS
from f1_lakehouse.storage import bronze as bronze_module
from f1_lakehouse.storage.append_pull import DriftError
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.fingerprint import fingerprint
from f1_lakehouse.storage.parsing import merge, parse_rows
from f1_lakehouse.storage.pull_log import BronzeError, Pull

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
LAPS = BY_NAME["laps"]
Lap = Callable[..., dict[str, Any]]
BronzeSetup = Any
TABLES = [*(e.name for e in ENDPOINTS), "_pulls", "_quarantine"]


# Tables


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: e.name)
def test_new_lake_has_an_empty_typed_table_per_endpoint(bronze_setup: BronzeSetup, endpoint: Any) -> None:
    table = DeltaTable(bronze_setup.bronze.table_uri(endpoint.name))
    assert table.to_pyarrow_table().num_rows == 0
    assert {f.name: f.type for f in pa.schema(table.schema().to_arrow())} == {
        f.name: f.type for f in endpoint.bronze_schema
    }
    assert table.metadata().partition_columns == ["_season"]
    assert bronze_setup.bronze.rows(endpoint.name, 9606).num_rows == 0


def test_folder_of_bronze_says_that_its_tables_are_delta(bronze_setup: BronzeSetup) -> None:
    readme = Path(bronze_setup.bronze.uri) / "README.md"
    assert "Delta table, not a set of Parquet files" in readme.read_text()
    readme.write_text("mine")
    bronze_setup.bronze.create()
    assert readme.read_text() == "mine"


def test_second_creation_of_tables_changes_nothing(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap()])
    Bronze(bronze_setup.bronze.uri).create()
    assert len(bronze_setup.table()) == 1
    assert bronze_setup.version() == 1


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_append_only(bronze_setup: BronzeSetup, name: str) -> None:
    table = DeltaTable(bronze_setup.bronze.table_uri(name))
    assert table.metadata().configuration["delta.appendOnly"] == "true"
    one = pa.Table.from_pylist([{}], pa.schema(table.schema().to_arrow()))
    write_deltalake(table, one, mode="append")
    with pytest.raises(Exception, match="append"):
        write_deltalake(table, one, mode="overwrite")
    with pytest.raises(Exception, match="append"):
        DeltaTable(bronze_setup.bronze.table_uri(name)).delete()


def test_pull_log_with_a_log_retention_of_years_is_set_to_a_day(bronze_setup: BronzeSetup) -> None:
    uri = bronze_setup.bronze.table_uri("_pulls")
    DeltaTable(uri).alter.set_table_properties({"delta.logRetentionDuration": "interval 3650 days"})
    bronze_setup.bronze.create()
    assert DeltaTable(uri).metadata().configuration["delta.logRetentionDuration"] == "interval 1 day"
    bronze_setup.bronze.create()
    assert DeltaTable(uri).version() == 2
    laps = DeltaTable(bronze_setup.bronze.table_uri("laps")).metadata().configuration
    assert laps["delta.logRetentionDuration"] == "interval 3650 days"


def test_table_of_an_older_catalog_gets_the_new_columns(
    bronze_setup: BronzeSetup, lap: Lap, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze_setup.pull([lap(1)])
    newer = replace(LAPS, columns=(*LAPS.columns, Column("tyre_temp", Kind.DOUBLE, "Temperature, °C")))
    monkeypatch.setitem(BY_NAME, "laps", newer)
    bronze_setup.bronze.create()
    assert [row["tyre_temp"] for row in bronze_setup.table()] == [None]
    assert bronze_setup.bronze.extra_columns(newer) == {}
    bronze_setup.pull([lap(1, tyre_temp=90)])
    assert [row["tyre_temp"] for row in bronze_setup.current_rows()] == [90.0]


def test_table_with_older_column_descriptions_accepts_rows(
    bronze_setup: BronzeSetup, lap: Lap, monkeypatch: pytest.MonkeyPatch
) -> None:
    bronze_setup.pull([lap(1)])
    columns = tuple(replace(column, description="Another description") for column in LAPS.columns)
    newer = replace(LAPS, columns=columns, description="Another description")
    monkeypatch.setitem(BY_NAME, "laps", newer)
    bronze_setup.bronze.create()
    bronze_setup.pull([lap(1), lap(2), lap(3, unknown_column=1)])
    assert len(bronze_setup.current_rows()) == 3


@pytest.mark.parametrize("name", ["laps", "_quarantine", "_pulls"])
def test_lost_table_is_not_replaced_by_an_empty_one(bronze_setup: BronzeSetup, lap: Lap, name: str) -> None:
    bronze_setup.pull([lap(1), lap(2, st_speed="fast")])
    shutil.rmtree(bronze_setup.bronze.table_uri(name))
    with pytest.raises(BronzeError, match=f"{name} is gone.*run f1 rebuild-bronze"):
        Bronze(bronze_setup.bronze.uri).create()
    assert not bronze_setup.bronze.exists(name)


def test_lost_table_without_rows_is_created_again(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    shutil.rmtree(bronze_setup.bronze.table_uri("weather"))
    Bronze(bronze_setup.bronze.uri).create()
    assert bronze_setup.table("weather") == []


@pytest.mark.parametrize("name", ["laps", "_pulls"])
@pytest.mark.parametrize("what", ["*.parquet", "_delta_log/*.json"])
def test_damaged_table_is_named_in_one_line(
    bronze_setup: BronzeSetup, lap: Lap, name: str, what: str
) -> None:
    bronze_setup.pull([lap(1)])
    for path in Path(bronze_setup.bronze.table_uri(name)).rglob(what):
        path.write_bytes(b"{")
    with pytest.raises(BronzeError, match=f"{name} cannot be read.*run f1 rebuild-bronze") as caught:
        Bronze(bronze_setup.bronze.uri).rows("laps", 9606)
    assert "\n" not in str(caught.value)


# Exactly once


def test_pull_is_in_bronze_with_its_season_id_time_and_source(bronze_setup: BronzeSetup, lap: Lap) -> None:
    done = bronze_setup.pull([[lap(1)], [lap(2), lap(3)]])
    found = bronze_setup.table()
    assert {row["_season"] for row in found} == {2024}
    assert {row["_pull_id"] for row in found} == {done.pull_id}
    assert {row["_ingested_at"] for row in found} == {NOON}
    source = {row["lap_number"]: row["_source_url"] for row in found}
    assert source == {n: f"http://api/laps?part={part}" for n, part in ((1, 0), (2, 1), (3, 1))}
    assert (done.outcome, done.rows, done.requests, done.quarantined) == ("appended", 3, 2, 0)
    assert done.truth_pull_id == done.pull_id


def test_rows_are_numbered_in_served_order(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([[lap(3), lap(1)], [lap(9, st_speed="fast"), lap(2)]])
    found = {row["lap_number"]: row["_row_number"] for row in bronze_setup.table()}
    assert found == {3: 0, 1: 1, 2: 2}
    # The order is not part of a pull: the same rows in another order are unchanged.
    assert bronze_setup.pull([[lap(1), lap(2)], [lap(3), lap(9, st_speed="fast")]]).outcome == "unchanged"


def test_pull_applied_again_changes_nothing_and_returns_the_first_entry(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    manifest = bronze_setup.land([lap(1), lap(2, st_speed="fast")])
    first = bronze_setup.apply(manifest)
    assert bronze_setup.apply(manifest) == first
    assert (
        len(bronze_setup.table()),
        len(bronze_setup.quarantine()),
        len(bronze_setup.pulls()),
        bronze_setup.version(),
    ) == (1, 1, 1, 1)


def test_old_pull_applied_again_is_not_current(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    unchanged = bronze_setup.land([lap(1)], at=NOON + timedelta(hours=1))
    entered = bronze_setup.apply(unchanged)
    bronze_setup.pull([lap(1, lap_duration=80.0)])
    assert bronze_setup.apply(unchanged) == entered
    assert len(bronze_setup.table()) == 2
    assert bronze_setup.current_rows()[0]["lap_duration"] == 80.0


class Crash(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("step", ["rows", "quarantine", "pull log"])
@pytest.mark.parametrize("same_process", [True, False], ids=["same process", "new process"])
def test_interrupted_pull_is_in_bronze_once_after_it_is_applied_again(
    bronze_setup: BronzeSetup,
    lap: Lap,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    before: bool,
    same_process: bool,
) -> None:
    manifest = bronze_setup.land([lap(1), lap(2), lap(3, st_speed="fast")])
    target, name = {
        "rows": (bronze_module, "append_pull"),
        "quarantine": (bronze_setup.bronze.quarantine, "append"),
        "pull log": (bronze_setup.bronze.pull_log, "append"),
    }[step]
    original = getattr(target, name)

    def crash(*args: Any) -> None:
        if not before:
            original(*args)
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(target, name, crash)
        with pytest.raises(Crash):
            bronze_setup.apply(manifest)
    if not same_process:
        bronze_setup.bronze = Bronze(bronze_setup.bronze.uri)
    done = bronze_setup.apply(manifest)
    assert done.outcome == "appended"
    assert [row["lap_number"] for row in bronze_setup.table()] == [1, 2]
    assert [row["reason"] for row in bronze_setup.quarantine()] == ["st_speed: expected integer, got text"]
    assert [row["pull_id"] for row in bronze_setup.pulls()] == [manifest.pull_id]
    assert len(bronze_setup.current_rows()) == 2


def test_second_writer_before_the_commit_does_not_duplicate_a_pull(
    bronze_setup: BronzeSetup, lap: Lap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever step the other writer is faster, both write one pull."""
    manifest = bronze_setup.land([lap(1), lap(2, st_speed="fast")])
    other = Bronze(bronze_setup.bronze.uri)
    for module in ("append_pull", "quarantine", "pull_log"):
        monkeypatch.setattr(
            f"f1_lakehouse.storage.{module}.write_deltalake",
            lambda *args, **rest: (_once(), write_deltalake(*args, **rest)),
        )
    overtaken: list[Pull] = []

    def _once() -> None:
        if not overtaken:
            overtaken.append(None)  # type: ignore[arg-type]
            overtaken[0] = other.apply(manifest, other.parse(bronze_setup.landing, manifest))

    done = bronze_setup.apply(manifest)
    assert done == overtaken[0]
    assert (len(bronze_setup.table()), len(bronze_setup.quarantine()), len(bronze_setup.pulls())) == (1, 1, 1)


@pytest.mark.parametrize("table", ["_quarantine", "_pulls"])
def test_second_writer_in_any_later_step_does_not_duplicate_a_pull(
    bronze_setup: BronzeSetup, lap: Lap, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    manifest = bronze_setup.land([lap(1), lap(2, st_speed="fast")])
    other = Bronze(bronze_setup.bronze.uri)
    overtaken: list[bool] = []

    def write(target: Any, *args: Any, **rest: Any) -> None:
        if not overtaken and target.table_uri.rstrip("/").endswith(table):
            overtaken.append(True)
            other.apply(manifest, other.parse(bronze_setup.landing, manifest))
        write_deltalake(target, *args, **rest)

    for module in ("append_pull", "quarantine", "pull_log"):
        monkeypatch.setattr(f"f1_lakehouse.storage.{module}.write_deltalake", write)
    bronze_setup.apply(manifest)
    assert overtaken
    assert (len(bronze_setup.table()), len(bronze_setup.quarantine()), len(bronze_setup.pulls())) == (1, 1, 1)


def test_concurrent_writers_of_one_pull_write_it_once(bronze_setup: BronzeSetup, lap: Lap) -> None:
    manifest = bronze_setup.land([lap(n) for n in range(1, 50)] + [lap(50, st_speed="fast")])
    start = threading.Barrier(4)

    def write(_: int) -> Pull:
        own = Bronze(bronze_setup.bronze.uri)
        batches = own.parse(bronze_setup.landing, manifest)
        start.wait(10)
        return own.apply(manifest, batches)

    with ThreadPoolExecutor(4) as threads:
        done = list(threads.map(write, range(4)))
    assert len(set(done)) == 1
    assert (len(bronze_setup.table()), len(bronze_setup.quarantine()), len(bronze_setup.pulls())) == (
        49,
        1,
        1,
    )


def test_concurrent_writers_of_different_sessions_all_succeed(bronze_setup: BronzeSetup, lap: Lap) -> None:
    manifests = [bronze_setup.land([lap(1, session_key=key)], scope=key) for key in range(1, 6)]
    start = threading.Barrier(len(manifests))

    def write(manifest: Any) -> Pull:
        own = Bronze(bronze_setup.bronze.uri)
        batches = own.parse(bronze_setup.landing, manifest)
        start.wait(10)
        return own.apply(manifest, batches)

    with ThreadPoolExecutor(len(manifests)) as threads:
        done = list(threads.map(write, manifests))
    assert {pull.outcome for pull in done} == {"appended"}
    assert sorted(row["session_key"] for row in bronze_setup.table()) == [1, 2, 3, 4, 5]
    assert len(bronze_setup.pulls()) == 5


def test_table_history_describes_each_commit(bronze_setup: BronzeSetup, lap: Lap) -> None:
    done = bronze_setup.pull([lap(1), lap(2)])
    [commit, _] = DeltaTable(bronze_setup.bronze.table_uri("laps")).history()
    assert (commit["pull_id"], commit["scope"], commit["why"], commit["rows"]) == (
        done.pull_id,
        "9606",
        "test",
        "2",
    )
    assert done.delta_version == 1
    assert (
        DeltaTable(bronze_setup.bronze.table_uri("laps")).transaction_version("laps/9606")
        == NOON.timestamp() * 1e6
    )


# Corrections


def test_unchanged_pull_appends_nothing_and_is_logged(bronze_setup: BronzeSetup, lap: Lap) -> None:
    first = bronze_setup.pull([lap(1), lap(2)])
    again = bronze_setup.pull([lap(2), lap(1)])
    assert again.outcome == "unchanged"
    assert again.sha256 == first.sha256
    assert again.truth_pull_id == first.pull_id
    assert bronze_setup.version() == 1
    assert len(bronze_setup.pulls()) == 2


@pytest.mark.parametrize("change", ["value", "null", "vanished", "new", "doubled", "list"])
def test_changed_pull_is_appended_completely_and_history_is_kept(
    bronze_setup: BronzeSetup, lap: Lap, change: str
) -> None:
    bronze_setup.pull([lap(1), lap(2), lap(3)])
    changed = {
        "value": [lap(1), lap(2, lap_duration=88.0), lap(3)],
        "null": [lap(1), lap(2, lap_duration=None), lap(3)],
        "vanished": [lap(1), lap(3)],
        "new": [lap(1), lap(2), lap(3), lap(4)],
        "doubled": [lap(1), lap(2), lap(3), lap(3)],
        "list": [lap(1), lap(2, segments_sector_1=[2048, None]), lap(3)],
    }[change]
    done = bronze_setup.pull(changed)
    assert done.outcome == "appended"
    assert len(bronze_setup.table()) == 3 + len(changed)
    assert sorted(row["lap_number"] for row in bronze_setup.current_rows()) == [
        row["lap_number"] for row in changed
    ]


def test_return_to_an_earlier_state_is_appended_again(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([lap(1, lap_duration=80.0)])
    third = bronze_setup.pull([lap(1)])
    assert third.outcome == "appended"
    assert bronze_setup.current_rows()[0]["lap_duration"] == 96.5
    assert len(bronze_setup.table()) == 3


def test_exact_duplicate_rows_are_kept(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1), lap(1), lap(2)])
    assert [row["lap_number"] for row in bronze_setup.current_rows()] == [1, 1, 2]


def test_repeated_keys_are_those_of_the_current_pull(bronze_setup: BronzeSetup, lap: Lap) -> None:
    """Also after another process has pulled: this one still has the keys of its own last pull."""

    def repeated(bronze: Bronze) -> list[dict[str, int]]:
        return bronze.repeated_keys(LAPS, 9606).to_pylist()

    def key(number: int, rows: int) -> dict[str, int]:
        return {"session_key": 9606, "driver_number": 4, "lap_number": number, "rows": rows}

    assert repeated(bronze_setup.bronze) == []
    bronze_setup.pull([lap(1), lap(2), lap(2), lap(1), lap(2)])
    assert (
        repeated(bronze_setup.bronze) == repeated(Bronze(bronze_setup.bronze.uri)) == [key(2, 3), key(1, 2)]
    )
    bronze_setup.pull([lap(1), lap(1)], scope=9598)  # another partition
    replace(bronze_setup, bronze=Bronze(bronze_setup.bronze.uri)).pull([lap(3), lap(3)])
    assert repeated(bronze_setup.bronze) == [key(3, 2)]


_rows = st.lists(
    st.fixed_dictionaries(
        {
            "session_key": st.just(9606),
            "driver_number": st.sampled_from([1, 4]),
            "lap_number": st.integers(1, 2),
            "date_start": st.sampled_from([None, "2024-09-22T12:00:00+00:00", "NaT"]),
            "lap_duration": st.sampled_from([None, 0.0, 90.5]),
            "is_pit_out_lap": st.sampled_from([None, True, False]),
            "segments_sector_1": st.sampled_from([None, [], [None], [2048, None], [2049]]),
            "new": st.sampled_from([None, "a"]),
        }
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(_rows, st.randoms(), st.data())
def test_fingerprint_ignores_the_order_of_rows_and_their_responses(
    found: list[dict[str, Any]], rng: random.Random, data: st.DataObject
) -> None:
    shuffled = list(found)
    rng.shuffle(shuffled)
    cut = data.draw(st.integers(0, len(found)))
    parts = [parse_rows(LAPS, shuffled[:cut]), parse_rows(LAPS, shuffled[cut:])]
    assert fingerprint(merge(LAPS, parts)) == fingerprint(parse_rows(LAPS, found))
    changed = [*found[1:], {**found[0], "lap_number": 3}]
    assert fingerprint(parse_rows(LAPS, changed)) != fingerprint(parse_rows(LAPS, found))
    assert fingerprint(parse_rows(LAPS, [*found, found[0]])) != fingerprint(parse_rows(LAPS, found))


def test_fingerprint_ignores_the_order_of_rows_that_differ_in_a_list(lap: Lap) -> None:
    found = [lap(1, segments_sector_1=codes) for codes in ([2048], None, [], [2049, None])]
    assert fingerprint(parse_rows(LAPS, found)) == fingerprint(parse_rows(LAPS, found[::-1]))


def test_new_column_with_nulls_only_is_no_change(bronze_setup: BronzeSetup, lap: Lap) -> None:
    short = {k: v for k, v in lap(1).items() if k != "st_speed"}
    bronze_setup.pull([short])
    assert bronze_setup.pull([{**short, "st_speed": None, "new": None}]).outcome == "unchanged"


# Empty responses


def test_first_response_without_rows_is_current(bronze_setup: BronzeSetup) -> None:
    done = bronze_setup.pull([])
    assert (done.outcome, done.truth_pull_id, done.rows) == ("empty", done.pull_id, 0)
    assert bronze_setup.pull([]).outcome == "unchanged"
    assert bronze_setup.version() == 0


def test_empty_response_after_rows_is_current_only_if_confirmed(bronze_setup: BronzeSetup, lap: Lap) -> None:
    first = bronze_setup.pull([lap(1)])
    doubted = bronze_setup.pull([])
    assert (doubted.outcome, doubted.truth_pull_id) == ("empty_unconfirmed", first.pull_id)
    assert len(bronze_setup.current_rows()) == 1
    confirmed = bronze_setup.pull([])
    assert (confirmed.outcome, confirmed.truth_pull_id) == ("emptied", confirmed.pull_id)
    assert bronze_setup.current_rows() == []
    assert len(bronze_setup.table()) == 1
    assert bronze_setup.pull([]).outcome == "unchanged"


def test_rows_after_an_unconfirmed_empty_response_reset_its_confirmation(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([])
    assert bronze_setup.pull([lap(1)]).outcome == "unchanged"
    assert bronze_setup.pull([]).outcome == "empty_unconfirmed"


def test_failure_between_two_empty_responses_keeps_the_confirmation(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([])
    bronze_setup.bronze.fail(LAPS, 9606, 2024, "x", NOON, NOON + timedelta(hours=5), error="outage")
    assert bronze_setup.pull([]).outcome == "emptied"


def test_forced_empty_response_is_current_immediately(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    assert bronze_setup.pull([], force=True).outcome == "emptied"
    assert bronze_setup.current_rows() == []


def test_rows_after_an_emptied_session_are_appended(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([], force=True)
    assert bronze_setup.pull([lap(1)]).outcome == "appended"
    assert len(bronze_setup.current_rows()) == 1


# Failures


def test_failed_pull_is_logged_and_keeps_the_current_pull(bronze_setup: BronzeSetup, lap: Lap) -> None:
    first = bronze_setup.pull([lap(1)])
    failed = bronze_setup.bronze.fail(
        LAPS, 9606, 2024, "x", NOON, NOON + timedelta(hours=5), error="outage", requests=2
    )
    assert (failed.outcome, failed.truth_pull_id, failed.error) == ("failed", first.pull_id, "outage")
    assert not failed.is_answer
    assert not failed.is_applied
    assert len(bronze_setup.current_rows()) == 1


def test_pull_with_only_refused_rows_fails_and_keeps_the_current_pull(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    first = bronze_setup.pull([lap(1)])
    failed = bronze_setup.pull([lap(1, lap_number="one"), lap(2, lap_number="two")])
    assert (failed.outcome, failed.quarantined, failed.truth_pull_id) == ("failed", 2, first.pull_id)
    assert failed.error == "every row was refused: lap_number: expected integer, got text"
    assert len(bronze_setup.current_rows()) == 1
    assert len(bronze_setup.quarantine()) == 2
    # The pull is marked as applied, so it is not applied again.
    assert bronze_setup.bronze.pull_log.holds(failed.pull_id, "laps", 9606)


def test_single_refused_row_without_earlier_rows_is_an_empty_response(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    """An endpoint with one row, for example the only meeting of a season, does not fail a load."""
    outcomes = [bronze_setup.pull([lap(1, lap_number=text)]) for text in ("one", "one", "uno")]
    assert [(one.outcome, one.rows, one.is_answer) for one in outcomes] == [
        ("empty", 0, True),
        ("unchanged", 0, True),
        ("empty", 0, True),
    ]
    assert outcomes[0].error == "every row was refused: lap_number: expected integer, got text"
    assert len(bronze_setup.quarantine()) == 2
    bronze_setup.pull([lap(1)])
    assert bronze_setup.pull([lap(1, lap_number="one")]).outcome == "failed"
    assert len(bronze_setup.current_rows()) == 1


def test_refused_row_is_quarantined_once(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    broken = [lap(1, lap_number="one")]
    bronze_setup.pull(broken)
    bronze_setup.pull(broken)
    bronze_setup.bronze.fail(LAPS, 9606, 2024, "x", NOON, NOON + timedelta(hours=5), error="outage")
    bronze_setup.pull(broken)
    assert len(bronze_setup.quarantine()) == 1
    bronze_setup.pull([lap(1, lap_number="uno")])
    assert len(bronze_setup.quarantine()) == 2


# Drift


def test_new_column_is_added_reported_and_keeps_its_type(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    added = bronze_setup.pull([lap(1, grip=5)])
    assert added.added_columns == '{"grip":"double"}'
    assert bronze_setup.bronze.extra_columns(LAPS) == {"grip": Kind.DOUBLE}
    assert [row["grip"] for row in bronze_setup.table()] == [None, 5.0] or [
        r["grip"] for r in bronze_setup.table()
    ] == [
        5.0,
        None,
    ]
    later = bronze_setup.pull([lap(1, grip="high"), lap(2, grip=5.5)])
    assert later.added_columns is None
    assert later.retyped_columns == '{"grip":{"expected number, got text":1}}'
    assert [row["grip"] for row in bronze_setup.current_rows()] == [5.5]
    assert bronze_setup.quarantine()[0]["reason"] == "grip: expected number, got text"


def test_new_column_of_mixed_values_stays_json_text(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1, note="a"), lap(2, note=[1, None])])
    assert bronze_setup.bronze.extra_columns(LAPS) == {"note": Kind.JSON}
    bronze_setup.pull([lap(1, note="a"), lap(2, note={"b": 1.5}), lap(3, note=7)])
    assert bronze_setup.quarantine() == []
    notes = [orjson.loads(row["note"]) for row in bronze_setup.current_rows()]
    assert notes == ["a", {"b": 1.5}, 7]


def test_type_of_a_new_column_is_kept_after_compaction(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1, note="a"), lap(2, note=[1])])
    DeltaTable(bronze_setup.bronze.table_uri("laps")).optimize.compact()
    assert Bronze(bronze_setup.bronze.uri).extra_columns(LAPS) == {"note": Kind.JSON}


def test_new_column_with_different_types_in_two_pulls_is_not_cast(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    first = bronze_setup.land([lap(1, grip="high")])
    second = bronze_setup.land([lap(n, grip=5.5, session_key=9607) for n in (1, 2)], scope=9607)
    parsed_before = bronze_setup.bronze.parse(bronze_setup.landing, second)
    bronze_setup.apply(first)
    with pytest.raises(DriftError, match=r"laps\.grip came as double"):
        bronze_setup.bronze.apply(second, parsed_before)
    assert len(bronze_setup.table()) == 1
    # The next run finds the pull in landing and types it with the table's schema.
    assert bronze_setup.apply(second).outcome == "failed"
    assert [row["reason"] for row in bronze_setup.quarantine()] == 2 * ["grip: expected text, got number"]


def test_concurrent_pulls_with_the_same_new_column_are_both_applied(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    first = bronze_setup.land([lap(1, grip=1)])
    second = bronze_setup.land([lap(1, grip=2, session_key=9607)], scope=9607)
    parsed_before = bronze_setup.bronze.parse(bronze_setup.landing, second)
    bronze_setup.apply(first)
    bronze_setup.bronze.apply(second, parsed_before)
    assert sorted(row["grip"] for row in bronze_setup.table()) == [1.0, 2.0]


def test_row_with_a_retyped_value_is_quarantined_and_the_others_are_kept(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    done = bronze_setup.pull([lap(1, st_speed=300.0), lap(2, st_speed=300.5)])
    assert [row["st_speed"] for row in bronze_setup.table()] == [300]
    [refused] = bronze_setup.quarantine()
    assert refused["reason"] == "st_speed: expected integer, got a fraction"
    assert orjson.loads(refused["raw"]) == lap(2, st_speed=300.5)
    assert (refused["endpoint"], refused["session_key"], refused["pull_id"]) == ("laps", 9606, done.pull_id)
    assert refused["at"] == NOON
    assert (done.rows, done.quarantined) == (1, 1)


def test_quarantined_row_of_a_season_endpoint_has_no_session(bronze_setup: BronzeSetup) -> None:
    bronze_setup.pull([{"meeting_key": 1, "session_key": "x", "year": 2024}], "sessions", 2024)
    assert [row["session_key"] for row in bronze_setup.quarantine()] == [None]


def test_missing_column_is_reported_and_null(bronze_setup: BronzeSetup, lap: Lap) -> None:
    done = bronze_setup.pull([{k: v for k, v in lap(1).items() if k != "st_speed"}])
    assert done.missing_columns == '["st_speed"]'
    assert bronze_setup.current_rows()[0]["st_speed"] is None


def test_improbable_rows_are_kept_and_counted(bronze_setup: BronzeSetup, lap: Lap) -> None:
    done = bronze_setup.pull([lap(1, st_speed=999), lap(2, st_speed=-1, lap_duration=1.0), lap(3)])
    assert (done.rows, done.improbable, done.quarantined) == (3, 3, 0)


# Order


def test_pull_log_keeps_its_order_if_the_clock_is_set_to_an_earlier_time(
    bronze_setup: BronzeSetup, lap: Lap
) -> None:
    first = bronze_setup.pull([lap(1)], at=NOON)
    second = bronze_setup.pull([lap(1, lap_duration=80.0)], at=NOON - timedelta(days=1))
    failed = bronze_setup.bronze.fail(LAPS, 9606, 2024, "x", NOON, NOON - timedelta(days=2), error="outage")
    assert first.at < second.at < failed.at
    assert bronze_setup.current_rows()[0]["lap_duration"] == 80.0


def test_current_pull_is_per_partition(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    bronze_setup.pull([lap(1, session_key=9655), lap(2, session_key=9655)], scope=9655, season=2025)
    assert (len(bronze_setup.current_rows()), len(bronze_setup.current_rows(scope=9655))) == (1, 2)
    folders = {path.name for path in (bronze_setup.folder / "bronze" / "laps").glob("_season=*")}
    assert folders == {"_season=2024", "_season=2025"}


def test_bronze_is_rebuilt_from_landing_to_the_same_rows(bronze_setup: BronzeSetup, lap: Lap) -> None:
    bronze_setup.pull([lap(1), lap(2, new="x")])
    bronze_setup.pull([[lap(1, lap_duration=80.0)], [lap(2, st_speed=1.5)]])
    bronze_setup.pull([])
    before, quarantine, current = bronze_setup.table(), bronze_setup.quarantine(), bronze_setup.current_rows()
    shutil.rmtree(bronze_setup.folder / "bronze")
    bronze_setup.bronze = Bronze(bronze_setup.bronze.uri)
    bronze_setup.bronze.create()
    for manifest in bronze_setup.landing.manifests("laps"):
        bronze_setup.apply(manifest)

    def by_text(found: list[dict[str, Any]]) -> list[str]:
        return sorted(str(sorted(row.items())) for row in found)

    assert by_text(bronze_setup.table()) == by_text(before)
    assert by_text(bronze_setup.quarantine()) == by_text(quarantine)
    assert by_text(bronze_setup.current_rows()) == by_text(current)
