"""What the features must meet before a model is trained on them: completeness, order in time, schema, ranges, drift.

The functions read the table `lap_features` of a connection and return a `Verdict`. What each column is for (its role) is in dbt's
manifest and is handed in. A failure stops training, never the publication of gold.
"""

import duckdb

from f1_lakehouse.counts import counted
from f1_lakehouse.sources.source import Verdict

MIN_COMPLETENESS = 0.95
"""Least share of laps with a value, for a column with the role `feature`."""
MAX_DRIFT = 6.0
"""Largest distance of the newest race's mean from the mean of the races before, in standard deviations between those races."""
MIN_RACES_FOR_DRIFT = 8
TIMED = "lap_number > 1 and lap_time_s is not null"
"""The laps that must be complete: lap 1 has no position, a lap without a time has no end."""
RANGES = {
    "lap_time_s": (40, 86400),
    "tyre_age_laps": (0, 120),
    "stint_age_laps": (1, 120),
    "position": (1, 40),
    "gap_to_leader_s": (0, 86400),
    "stops_so_far": (0, 30),
    "pace_last_1_clean_s": (40, 300),
    "pace_last_3_clean_s": (40, 300),
    "pace_last_5_clean_s": (40, 300),
    "full_throttle_share": (0, 1),
    "braking_share": (0, 1),
    "drs_share": (0, 1),
    "race_progress": (0, 1),
}
"""Lowest and highest plausible values of columns."""


def judge_completeness(con: duckdb.DuckDBPyConnection, features: list[str]) -> Verdict:
    """Check that each feature has a value in enough laps."""
    shares = ", ".join(f'count("{name}") / nullif(count(*), 0)' for name in features)
    [row] = con.execute(f"select {shares} from lap_features where {TIMED}").fetchall()
    found = {name: share for name, share in zip(features, row, strict=True) if share is not None}
    missing = {name: share for name, share in found.items() if share < MIN_COMPLETENESS}
    return _verdict(
        {f"{name} has values in {share:.1%} of the laps" for name, share in missing.items()},
        incomplete_features=len(missing),
        least_share=min(found.values(), default=1.0),
    )


def judge_order(con: duckdb.DuckDBPyConnection) -> Verdict:
    """Check that the laps of a driver end one after the other, and that no session belongs to two splits."""
    [(laps,)] = con.execute(
        "select count(*) from (select lap_ended_at < lag(lap_ended_at) over "
        "(partition by session_key, driver_number order by lap_number) as is_earlier from lap_features) where is_earlier"
    ).fetchall()
    [(sessions,)] = con.execute(
        "select count(*) from (select session_key from lap_features group by session_key "
        "having count(distinct split) > 1 or count(distinct split_all_seasons) > 1)"
    ).fetchall()
    found = {f"{counted(laps, 'lap')} ending before the lap before"} if laps else set()
    return _verdict(
        found | ({f"{counted(sessions, 'session')} in several splits"} if sessions else set()),
        laps_out_of_order=laps,
        sessions_in_several_splits=sessions,
    )


def judge_schema(con: duckdb.DuckDBPyConnection, types: dict[str, str]) -> Verdict:
    """Check that the table has the columns and types of the contract.

    Args:
        con: a connection with `lap_features`.
        types: the type of each column, as the contract names it.
    """
    actual = {name: kind.lower() for name, kind, *_ in con.execute("describe lap_features").fetchall()}
    wrong = {
        f"{name} is {actual.get(name, 'missing')}, not {kind}"
        for name, kind in types.items()
        if actual.get(name) != kind
    }
    return _verdict(wrong, wrong_columns=len(wrong))


def judge_ranges(con: duckdb.DuckDBPyConnection) -> Verdict:
    """Check that values are plausible."""
    counts = ", ".join(
        f"count(case when {name} not between {low} and {high} then 1 end)"
        for name, (low, high) in RANGES.items()
    )
    [row] = con.execute(f"select {counts} from lap_features").fetchall()
    return _verdict(
        {
            f"{name} is out of range in {counted(count, 'lap')}"
            for name, count in zip(RANGES, row, strict=True)
            if count
        },
        values_out_of_range=sum(row),
    )


def judge_drift(con: duckdb.DuckDBPyConnection, features: list[str]) -> Verdict:
    """Check that the newest race is like the races before: the mean of each number within their spread."""
    numbers = {
        name
        for name, kind, *_ in con.execute("describe lap_features").fetchall()
        if kind in ("INTEGER", "DOUBLE", "BIGINT") and name in features
    }
    found, largest = set(), 0.0
    for name in sorted(numbers):
        means = [
            mean
            for (mean,) in con.execute(
                f'select avg("{name}") from lap_features where {TIMED} group by session_key, session_date '
                f'having count("{name}") > 0 order by session_date, session_key'
            ).fetchall()
        ]
        earlier = means[:-1]
        if len(earlier) < MIN_RACES_FOR_DRIFT:
            continue
        centre = sum(earlier) / len(earlier)
        spread = (sum((mean - centre) ** 2 for mean in earlier) / (len(earlier) - 1)) ** 0.5
        if spread > 0:
            largest = max(largest, abs(means[-1] - centre) / spread)
        if abs(means[-1] - centre) > MAX_DRIFT * spread:
            found.add(f"{name}: mean {means[-1]:.4g} in the newest race, {centre:.4g} ± {spread:.4g} before")
    return _verdict(found, drifting_features=len(found), largest_drift_sd=round(largest, 3))


def _verdict(problems: set[str], **numbers: float) -> Verdict:
    return Verdict(not problems, bool(problems), "; ".join(sorted(problems)) or "no problem found", numbers)
