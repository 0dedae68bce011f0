"""History: the changes of each pull, the change feed, versions and time travel."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from f1_lakehouse.operations.history import Changes, HistoryError, compare
from f1_lakehouse.sources.openf1.endpoints import BY_NAME

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Lap = Callable[..., dict[str, Any]]
BronzeSetup = Any


@pytest.fixture
def changes(bronze_setup: BronzeSetup) -> Changes:
    return Changes(bronze_setup.bronze, bronze_setup.landing)


def counts(changes: Changes, scope: int | None = None) -> list[tuple[str, int, int, int]]:
    return [(s.pull.outcome, s.added, s.changed, s.gone) for s in changes.steps("laps", scope)]


def numbers(table: Any) -> list[int]:
    return sorted(table["lap_number"].to_pylist())


def apply_feed(feed: Any, key: list[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Apply the feed as another system does: merge by the key only."""
    state: dict[tuple[Any, ...], dict[str, Any]] = {}
    for frame in feed:
        for row in frame.to_dicts():
            name = (row["scope"], row["nth"], *(row[column] for column in key))
            assert (row["change"] == "insert") == (name not in state)
            if row["change"] == "delete":
                del state[name]
            else:
                state[name] = row
    return state


def test_each_pull_has_its_added_changed_and_removed_rows(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1), lap(2), lap(3)])
    bronze_setup.pull([lap(1), lap(2), lap(3)])
    bronze_setup.pull([lap(1), lap(2, lap_duration=80.0), lap(4), lap(5)])
    bronze_setup.pull([])
    bronze_setup.pull([])
    assert counts(changes) == [
        ("appended", 3, 0, 0),
        ("unchanged", 0, 0, 0),
        ("appended", 2, 1, 1),
        ("empty_unconfirmed", 0, 0, 0),
        ("emptied", 0, 0, 4),
    ]


def test_changed_lists_nulls_and_duplicates_are_changes(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1), lap(2, st_speed=300), lap(3), lap(3)])
    bronze_setup.pull([lap(1, segments_sector_1=[2049]), lap(2), lap(3)])
    assert counts(changes)[1] == ("appended", 0, 2, 1)


def test_history_is_ordered_by_time_and_can_be_limited_to_a_session(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)], at=NOON)
    bronze_setup.pull([lap(1, session_key=9607)], scope=9607, at=NOON + HOUR)
    bronze_setup.pull([lap(1, lap_duration=1.0)], at=NOON + 2 * HOUR)
    assert [s.pull.scope for s in changes.steps("laps")] == [9606, 9607, 9606]
    assert [s.pull.scope for s in changes.steps("laps", 9606)] == [9606, 9606]
    assert [s.pull.scope for s in changes.steps("laps", since=NOON)] == [9607, 9606]
    assert [s.changed for s in changes.steps("laps", since=NOON + HOUR)] == [1]


def test_merged_change_feed_gives_the_current_rows(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    random.seed(3)
    for step in range(12):
        scope = random.choice([9606, 9607])
        rows = [
            lap(n, session_key=scope, lap_duration=float(random.randrange(2)))
            for n in random.choices(range(6), k=random.randrange(6))
        ]
        bronze_setup.pull(rows, scope=scope, at=NOON + step * HOUR, force=True)
    state = apply_feed(changes.feed("laps"), list(BY_NAME["laps"].key))
    for scope in (9606, 9607):
        mine = [row for row in state.values() if row["scope"] == scope]
        current = bronze_setup.current_rows(scope=scope)
        shown = ["lap_number", "lap_duration"]
        assert sorted([r[c] for c in shown] for r in mine) == sorted([r[c] for c in shown] for r in current)


def test_change_feed_has_pull_ids_and_rows(bronze_setup: BronzeSetup, changes: Changes, lap: Lap) -> None:
    first = bronze_setup.pull([lap(1), lap(2)])
    second = bronze_setup.pull([lap(1, lap_duration=80.0)])
    feed = pl.concat(changes.feed("laps")).to_dicts()
    shown = [(r["change"], r["pull_id"], r["lap_number"], r["lap_duration"]) for r in feed]
    assert shown == [
        ("insert", first.pull_id, 1, 96.5),
        ("insert", first.pull_id, 2, 97.5),
        ("update", second.pull_id, 1, 80.0),
        ("delete", second.pull_id, 2, 97.5),
    ]
    assert {r["at"] for r in feed} == {first.at, second.at}
    assert [r["change"] for r in pl.concat(changes.feed("laps", since=first.at)).to_dicts()] == [
        "update",
        "delete",
    ]


def test_later_column_is_compared_as_null(bronze_setup: BronzeSetup, changes: Changes, lap: Lap) -> None:
    bronze_setup.pull([lap(1), lap(2)])
    bronze_setup.pull([lap(1, tyre_temp=90), lap(2)])
    assert counts(changes)[1] == ("appended", 0, 1, 0)
    assert apply_feed(changes.feed("laps"), list(BY_NAME["laps"].key))[
        (9606, 0, *(lap(1)[c] for c in BY_NAME["laps"].key))
    ]["tyre_temp"] == 90.0  # fmt: skip


def test_table_is_read_as_of_a_version_or_a_time(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)], at=NOON)
    bronze_setup.pull([lap(1, session_key=9607)], scope=9607, at=NOON + HOUR)
    bronze_setup.pull([lap(2), lap(3)], at=NOON + 2 * HOUR)
    assert [numbers(changes.rows("laps", version=v)) for v in range(4)] == [[], [1], [1, 1], [1, 2, 3]]
    assert numbers(changes.rows("laps", 9606, version=3)) == [2, 3]
    moments = [NOON - HOUR, NOON, NOON + HOUR, NOON + 3 * HOUR]
    assert [numbers(changes.rows("laps", at=at)) for at in moments] == [[], [1], [1, 1], [1, 2, 3]]
    assert numbers(changes.rows("laps")) == [1, 2, 3]


def test_emptied_session_has_rows_as_of_an_earlier_time_only(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1)], at=NOON)
    bronze_setup.pull([], at=NOON + HOUR, force=True)
    assert numbers(changes.rows("laps", at=NOON)) == [1]
    assert numbers(changes.rows("laps", at=NOON + HOUR)) == []


def test_versions_are_compared_in_both_directions(
    bronze_setup: BronzeSetup, changes: Changes, lap: Lap
) -> None:
    bronze_setup.pull([lap(1), lap(2)])
    bronze_setup.pull([lap(1, lap_duration=80.0)])
    bronze_setup.pull([lap(1, session_key=9607)], scope=9607)
    [(scope, forth)] = changes.difference("laps", 1, 2)
    assert (scope, forth["change"].to_list()) == (9606, ["update", "delete"])
    [(_, back)] = changes.difference("laps", 2, 1)
    assert back["change"].to_list() == ["update", "insert"]
    assert [scope for scope, _ in changes.difference("laps", 1, 3)] == [9606, 9607]
    assert [scope for scope, _ in changes.difference("laps", 1, 3, 9607)] == [9607]


def test_unknown_table_or_version_is_one_line(bronze_setup: BronzeSetup, changes: Changes, lap: Lap) -> None:
    bronze_setup.pull([lap(1)])
    for wrong, message in (
        (lambda: list(changes.steps("lap")), "there is no table 'lap'; there are: car_data"),
        (lambda: changes.rows("laps", version=2), "laps has no version 2; it has 0 to 1"),
        (lambda: changes.rows("laps", version=-1), "laps has no version -1"),
        (lambda: list(changes.steps("laps", 1)), "laps was never pulled for 1"),
    ):
        with pytest.raises(HistoryError, match=message):
            wrong()


@pytest.mark.parametrize("endpoint", ["laps", "sessions", "championship_teams", "team_radio"])
def test_empty_versions_have_no_changes(bronze_setup: BronzeSetup, endpoint: str) -> None:
    nothing = bronze_setup.bronze.rows(endpoint, 1)
    assert compare(bronze_setup.bronze.endpoints[endpoint].key, nothing, nothing).is_empty()


def test_null_key_is_compared_as_a_key(bronze_setup: BronzeSetup, changes: Changes) -> None:
    row = {"meeting_key": 1, "session_key": 9606, "team_name": None, "points_current": 5.0}
    bronze_setup.pull([row], "championship_teams")
    bronze_setup.pull([row | {"points_current": 6.0}], "championship_teams")
    assert [(s.added, s.changed, s.gone) for s in changes.steps("championship_teams")] == [
        (1, 0, 0),
        (0, 1, 0),
    ]
