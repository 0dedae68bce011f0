"""Freshness and reconciliation of given calendars and pull logs."""

from datetime import UTC, datetime, timedelta

from f1_lakehouse.quality.freshness import judge_freshness
from f1_lakehouse.quality.reconciliation import reconcile
from f1_lakehouse.sources.openf1.calendar import Category, Session

END = datetime(2024, 9, 22, 14, tzinfo=UTC)


def session(key: int, end: datetime, **rest) -> Session:
    start = end - timedelta(hours=2)
    return Session(start, end, key, 1, end.year, "Race", "Marina Bay", Category.RACE, **rest)


OLD, NEW = session(1, END - timedelta(days=7)), session(2, END)


def test_gold_is_fresh_when_the_newest_finished_session_is_in_it():
    verdict = judge_freshness(END + timedelta(days=5), [OLD, NEW], {2})
    assert verdict.passed
    # A break of the calendar is no delay.
    assert verdict.numbers == {"sessions_behind": 0, "sessions_not_published": 1, "hours_behind": 0.0}


def test_gold_is_stale_when_only_an_older_session_was_backfilled():
    verdict = judge_freshness(END + timedelta(days=5), [OLD, NEW], {1})
    assert not verdict.passed
    assert not verdict.is_error
    assert "marina-bay-race-2 ended 5 days ago" in verdict.message
    assert verdict.numbers == {"sessions_behind": 1, "sessions_not_published": 1, "hours_behind": 120.0}


def test_session_may_be_missing_for_48_hours():
    assert judge_freshness(END + timedelta(hours=48), [OLD, NEW], {1}).passed
    assert not judge_freshness(END + timedelta(hours=48, seconds=1), [OLD, NEW], {1}).passed


def test_cancelled_session_is_not_expected():
    cancelled = session(3, END + timedelta(days=1), is_cancelled=True)
    assert judge_freshness(END + timedelta(days=30), [OLD, NEW, cancelled], {2}).passed


class FakePullLog:
    """A pull log with the row count of the current laps per session."""

    def __init__(self, rows: dict[int, int]) -> None:
        self.rows = rows

    def scopes(self):
        return [("laps", scope) for scope in self.rows] + [("weather", 9)]

    def current_pull(self, endpoint, scope):
        return type("Pull", (), {"rows": self.rows[scope]})

    def of(self, endpoint, scope):
        return [type("Pull", (), {"at": END + timedelta(minutes=scope)})]


def mismatches(current: dict[int, int], silver: dict[int, int], keyed: int = 1) -> list[int]:
    return [m.scope for m in reconcile(FakePullLog(current), "laps", silver, lambda scope: keyed)]


def test_silver_may_have_fewer_rows_than_bronze_but_not_more():
    assert mismatches({1: 10, 2: 10}, {1: 10, 2: 9}) == []
    assert mismatches({1: 10, 2: 10}, {1: 10, 2: 11}) == [2]


def test_session_of_bronze_must_be_in_silver_if_a_row_has_a_key():
    assert mismatches({1: 10}, {}) == [1]
    assert mismatches({1: 10}, {}, keyed=0) == []


def test_session_without_current_rows_must_not_be_in_silver():
    assert mismatches({1: 0}, {1: 3, 2: 4}) == [1, 2]


def test_session_pulled_while_dbt_ran_is_not_compared():
    pull_log = FakePullLog({1: 10, 2: 10})
    seen_at = END + timedelta(minutes=1)
    assert [m.scope for m in reconcile(pull_log, "laps", {}, lambda scope: 1, seen_at)] == [1]
