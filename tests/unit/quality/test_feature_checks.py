"""Each check before training passes on good rows and fails on one fault."""

from collections.abc import Callable

import duckdb
import pytest

from f1_lakehouse.quality import feature_checks as checks
from f1_lakehouse.sources.source import Verdict

FEATURES = ["lap_time_s", "tyre_age_laps", "position"]
TYPES = {"session_key": "integer", "lap_time_s": "double", "split": "varchar"}


@pytest.fixture
def con() -> duckdb.DuckDBPyConnection:
    """Ten races with forty laps of one driver."""
    con = duckdb.connect()
    others = ", ".join(f"0.5::double as {name}" for name in checks.RANGES if name not in FEATURES and name != "stint_age_laps"
                       and not name.startswith("pace"))  # fmt: skip
    paces = ", ".join(f"90.0::double as pace_last_{n}_clean_s" for n in (1, 3, 5))
    con.execute(
        f"create table lap_features as select race::integer as session_key, date '2024-01-01' + race::integer as session_date, "
        f"4 as driver_number, lap::integer as lap_number, 90 + race / 10 + 0.01 * lap::double as lap_time_s, lap::integer as tyre_age_laps, "
        f"1 + (race::integer) % 3 as position, 1 as stint_age_laps, 'train' as split, 'test' as split_all_seasons, "
        f"timestamp '2024-01-01' + to_seconds(90 * lap) as lap_ended_at, {others}, {paces} from range(10) r(race), range(1, 41) l(lap)"
    )
    return con


RULES: dict[str, Callable[[duckdb.DuckDBPyConnection], Verdict]] = {
    "completeness": lambda con: checks.judge_completeness(con, FEATURES),
    "order": checks.judge_order,
    "schema": lambda con: checks.judge_schema(con, TYPES),
    "ranges": checks.judge_ranges,
    "drift": lambda con: checks.judge_drift(con, FEATURES),
}


@pytest.mark.parametrize("rule", RULES)
def test_good_features_pass(con: duckdb.DuckDBPyConnection, rule: str) -> None:
    assert RULES[rule](con).passed, RULES[rule](con).message


@pytest.mark.parametrize(
    ("rule", "fault", "said"),
    [
        ("completeness", "update lap_features set position = null where lap_number % 15 = 0", "position has values in"),
        ("order", "update lap_features set lap_ended_at = timestamp '2020-01-01' where lap_number = 9", "ending before"),
        ("order", "update lap_features set split = 'test' where lap_number = 9", "several splits"),
        ("schema", "alter table lap_features alter lap_time_s type varchar", "lap_time_s is varchar, not double"),
        ("schema", "alter table lap_features drop split", "split is missing, not varchar"),
        ("ranges", "update lap_features set tyre_age_laps = -1 where lap_number = 3", "tyre_age_laps is out of range in 10"),
        ("drift", "update lap_features set lap_time_s = 130 where session_key = 9", "lap_time_s: mean 130"),
    ],
)  # fmt: skip
def test_fault_is_found(con: duckdb.DuckDBPyConnection, rule: str, fault: str, said: str) -> None:
    con.execute(fault)
    verdict = RULES[rule](con)
    assert not verdict.passed
    assert verdict.is_error
    assert said in verdict.message


def test_empty_table_has_no_problem(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("delete from lap_features")
    assert all(rule(con).passed for rule in RULES.values())
