"""An independent score of the published forecasts: `python tests/unit/strategy/independent_score.py LAKE`.

It shares no code with f1_lakehouse/strategy. SQL on `lap_features` and `fact_results` says which cases count, what happened and what
the baseline forecast; the model's forecasts are those of `strategy_forecasts`. NumPy computes losses, intervals and calibration. Cases,
outcomes and baselines that differ from the stored ones, and numbers that differ from `strategy_scorecard`, are findings.

Of `undercut_vs_gap_and_answer`, `remaining_time` and `remaining_time_interval`, cases and baselines are taken as stored, and only the
scores are recomputed.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

EARLIER_RACES = 4
"""Races with cases before the first forecast of a model."""
DRAWS = 2000
INTERVAL_TOLERANCE = 0.1
"""Largest difference of an end of an interval, as a share of its width: both intervals are drawn at random."""
TOLERANCE = 2e-6
"""The scorecard has six decimals."""

PREPARED = """
create or replace temp table laps as
select session_key, season, session_date, circuit_key, driver_number, driver_id, team_id, lap_number, scheduled_laps, laps_remaining,
    lap_time_s::double as lap_time_s, lap_ended_at, stint_number, compound, tyre_age_laps, position, gap_ahead_s::double as gap_ahead_s,
    driver_number_ahead, track_status, is_clean_so_far, clean_laps_of_stint, pace_last_3_clean_s::double as pace_s,
    hindsight_is_in_lap, hindsight_is_clean_lap, coalesce(hindsight_is_dry_race, false) as is_dry
from lap_features where session_category = 'Race';

create or replace temp table stops as
select lap.*, two.position as position_after, one.lap_time_s + two.lap_time_s - 2 * lap.pace_s as loss_s
from laps as lap
join laps as one on one.session_key = lap.session_key and one.driver_number = lap.driver_number and one.lap_number = lap.lap_number + 1
join laps as two on two.session_key = lap.session_key and two.driver_number = lap.driver_number and two.lap_number = lap.lap_number + 2
where lap.is_dry and one.hindsight_is_in_lap and two.stint_number <> lap.stint_number
    and lap.track_status in ('Green', 'Yellow') and one.track_status = 'Green' and two.track_status = 'Green'
    and one.lap_time_s + two.lap_time_s - 2 * lap.pace_s between 8 and 45;
"""
"""The laps of races, and the stops for tyres under green, each at the lap before the in-lap."""

LAP_TIME = """
select lap.session_key, lap.driver_number, lap.lap_number, later.lap_time_s as target, lap.pace_s as reference
from laps as lap
join laps as later
    on later.session_key = lap.session_key and later.driver_number = lap.driver_number and later.lap_number = lap.lap_number + {ahead}
where lap.is_dry and lap.is_clean_so_far and lap.clean_laps_of_stint >= 3 and lap.pace_s is not null
    and later.hindsight_is_clean_lap and later.stint_number = lap.stint_number
"""

STOP_HAZARD = """
with cases as (
    select lap.session_key, lap.session_date, lap.driver_number, lap.lap_number,
        case when one.hindsight_is_in_lap and two.stint_number is distinct from lap.stint_number then 1.0 else 0.0 end as target,
        lap.compound || ' ' || least(greatest(lap.tyre_age_laps // 4, 0), 12) || ' ' ||
            coalesce(lap.track_status in ('VSC', 'SC', 'Red'), false) as cell
    from laps as lap
    join laps as one on one.session_key = lap.session_key and one.driver_number = lap.driver_number and one.lap_number = lap.lap_number + 1
    left join laps as two
        on two.session_key = lap.session_key and two.driver_number = lap.driver_number and two.lap_number = lap.lap_number + 2
    where lap.is_dry and lap.lap_number > 1 and lap.compound in ('SOFT', 'MEDIUM', 'HARD') and coalesce(lap.laps_remaining, 1) > 0
        and one.lap_time_s is not null and coalesce(lap.track_status, '') <> 'Red' and coalesce(one.track_status, '') <> 'Red'
),
races as (select distinct session_key, session_date from cases),
shares as (
    select races.session_key, avg(cases.target) as share
    from races join cases on cases.session_date < races.session_date group by all
),
cells as (
    select races.session_key, cases.cell, sum(cases.target) as stops, count(*) as n
    from races join cases on cases.session_date < races.session_date group by all
)
select cases.session_key, cases.driver_number, cases.lap_number, cases.target,
    coalesce((cells.stops + 20 * shares.share) / (cells.n + 20), shares.share) as reference
from cases
left join shares using (session_key)
left join cells using (session_key, cell)
"""

PIT_LOSS = """
select session_key, driver_number, lap_number, loss_s as target,
    (select median(earlier.loss_s) from stops as earlier where earlier.session_date < stops.session_date) as reference
from stops where lap_ended_at is not null
"""

REJOIN = """
with cases as (
    select * from stops
    where position is not null and position_after is not null
        and session_key in (select session_key from strategy_forecasts where claim = 'pit_loss')
)
select session_key, driver_number, lap_number, position_after::double as target,
    position + (
        select median(earlier.position_after - earlier.position) from cases as earlier where earlier.session_date < cases.session_date
    ) as reference
from cases
"""

UNDERCUT = """
with answered as (
    select own.session_key, own.session_date, own.driver_number, own.lap_number, own.driver_number_ahead, min(answer.lap_number) as answer_lap
    from stops as own
    join stops as answer
        on answer.session_key = own.session_key and answer.driver_number = own.driver_number_ahead
        and answer.lap_number - own.lap_number between 1 and 6
    where own.gap_ahead_s between 0 and 3.5
    group by all
),
cases as (
    select answered.*, case when own.lap_ended_at < ahead.lap_ended_at then 1.0 else 0.0 end as target
    from answered
    join laps as own
        on own.session_key = answered.session_key and own.driver_number = answered.driver_number
        and own.lap_number = answered.answer_lap + 2
    join laps as ahead
        on ahead.session_key = answered.session_key and ahead.driver_number = answered.driver_number_ahead
        and ahead.lap_number = answered.answer_lap + 2
    where own.lap_ended_at is not null and ahead.lap_ended_at is not null
)
select session_key, driver_number, lap_number, target,
    (select avg(earlier.target) from cases as earlier where earlier.session_date < cases.session_date) as reference
from cases
"""

FINISHING_ORDER = """
with finishes as (
    select session_key, driver_number, row_number() over (
        partition by session_key order by coalesce(position, 99), coalesce(number_of_laps, 0) desc, driver_number
    ) as finish
    from fact_results where session_category = 'Race'
)
select laps.session_key, laps.driver_number, laps.lap_number, finish::double as target, laps.position::double as reference
from laps
join finishes using (session_key, driver_number)
where laps.is_dry and laps.position is not null and laps.lap_number = ceil(laps.scheduled_laps * {share} / 100.0)
"""

CASES = {
    **{f"lap_time_{ahead}_ahead": LAP_TIME.format(ahead=ahead) for ahead in (1, 5, 10)},
    "stop_hazard": STOP_HAZARD,
    "pit_loss": PIT_LOSS,
    "rejoin_position": REJOIN,
    "rejoin_within_one": REJOIN,
    "undercut": UNDERCUT,
    **{f"finishing_order_{share}": FINISHING_ORDER.format(share=share) for share in (25, 50)},
}
"""Claim → its cases: key, what happened, and the forecast of the baseline."""

WALL = {
    **{f"lap_time_{ahead}_ahead": f"lap_time_{ahead}_ahead_s" for ahead in (1, 5, 10)},
    "stop_hazard": "stop_chance",
    "pit_loss": "pit_loss_s",
    "rejoin_position": "rejoin_position_expected",
}
"""Claim → the column of the pit wall with the same forecast."""


@dataclass(frozen=True)
class Score:
    """The recomputed line of a claim and season; `findings`: what differs from the published one."""

    claim: str
    season: str
    races: int
    n: int
    baseline: float
    model: float
    gain: float
    low: float | None
    high: float | None
    calibration_error: float | None
    findings: list[str]


def score_lake(con: duckdb.DuckDBPyConnection) -> Iterator[Score]:
    """Recompute every line of the scorecard of a connection to gold."""
    con.execute(PREPARED)
    for claim, metric in con.execute(
        "select distinct claim, metric from strategy_scorecard order by claim"
    ).fetchall():
        found = [] if claim not in CASES else _check_cases(con, claim)
        found += _check_origin(con, claim) + _check_wall(con, claim)
        lines = con.execute("from strategy_scorecard where claim = ? order by season desc", [claim])
        names = [column for column, *_ in lines.description or []]
        for values in lines.fetchall():
            yield _score(con, metric, dict(zip(names, values, strict=True)), found)


def _check_cases(con: duckdb.DuckDBPyConnection, claim: str) -> list[str]:
    """Compare the cases with the stored ones: which they are, what happened, and what the baseline forecast."""
    [(missing, unknown, targets, references)] = con.execute(
        f"""
        with cases as ({CASES[claim]}),
        numbered as (
            select cases.*, dense_rank() over (order by races.session_date, races.session_key) as race
            from cases join (select distinct session_key, session_date from laps) as races using (session_key)
        ),
        own as (select * from numbered where race > {EARLIER_RACES}),
        stored as (select * from strategy_forecasts where claim = ?)
        select count(case when stored.session_key is null then 1 end), count(case when own.session_key is null then 1 end),
            count(case when abs(own.target - stored.target) > 1e-6 then 1 end),
            count(case when abs(own.reference - stored.reference) > 1e-6 then 1 end)
        from own full join stored using (session_key, driver_number, lap_number)
        """,
        [claim],
    ).fetchall()
    counts = {"cases that are not scored": missing, "scored cases that do not count": unknown, "outcomes that differ": targets,
              "baselines that differ": references}  # fmt: skip
    return [f"{count} {what}" for what, count in counts.items() if count]


def _check_origin(con: duckdb.DuckDBPyConnection, claim: str) -> list[str]:
    """Check that every forecast is of a version that was trained up to an earlier day than that of the race."""
    [(late,)] = con.execute(
        "select count(*) from strategy_forecasts join (select distinct session_key, session_date from laps) using (session_key) "
        "where claim = ? and strptime(left(trained_until, 8), '%Y%m%d')::date >= session_date::date",
        [claim],
    ).fetchall()
    return [f"{late} forecasts by a version that has seen the race"] if late else []


def _check_wall(con: duckdb.DuckDBPyConnection, claim: str) -> list[str]:
    """Check that the pit wall shows the forecast that is scored, where it shows one."""
    if claim not in WALL:
        return []
    [(different, shown)] = con.execute(
        f"select count(case when abs(wall.{WALL[claim]} - prediction) > 0.0001 then 1 end), count(wall.{WALL[claim]}) "
        "from strategy_forecasts join pit_wall as wall using (session_key, driver_number, lap_number) where claim = ?",
        [claim],
    ).fetchall()
    if not shown:
        return ["the pit wall shows none of the forecasts"]
    return [f"{different} of {shown} forecasts differ from the pit wall"] if different else []


def _score(con: duckdb.DuckDBPyConnection, metric: str, line: dict[str, Any], found: list[str]) -> Score:
    rows = con.execute(
        "select session_key, target, prediction, reference, low, high from strategy_forecasts "
        "join (select distinct session_key, season from laps) using (session_key) "
        "where claim = $claim and ($season = 'all' or season::varchar = $season) order by session_key, driver_number, lap_number",
        {"claim": line["claim"], "season": line["season"]},
    ).fetchnumpy()
    sessions = np.asarray(rows["session_key"])
    model, base, weight = [], [], []
    for session in np.unique(sessions):
        target, prediction, reference, low, high = (
            np.ma.filled(rows[name][sessions == session].astype(float), np.nan)
            for name in ("target", "prediction", "reference", "low", "high")
        )
        if metric == "spearman":
            pair = _correlation(prediction, target), _correlation(reference, target)
            if not np.isfinite(pair).all():
                continue
            weight.append(1.0)
        elif metric == "coverage":
            pair = float(((target >= low) & (target <= high)).mean()), 0.8
            weight.append(float(len(target)))
        else:
            pair = _loss(metric, target, prediction), _loss(metric, target, reference)
            weight.append(float(len(target)))
        model.append(pair[0])
        base.append(pair[1])
    losses, weights = np.array([model, base]), np.array(weight)
    gains = losses[0] - losses[1] if metric in ("spearman", "hit_rate", "coverage") else losses[1] - losses[0]
    low_end, high_end = _interval(gains, weights) if line["difference_low"] is not None else (None, None)
    scored = Score(
        line["claim"], line["season"], len(weights), len(sessions), float(np.average(losses[1], weights=weights)),
        float(np.average(losses[0], weights=weights)), float(np.average(gains, weights=weights)), low_end, high_end,
        _calibration_error(con, line) if line["calibration_error"] is not None and metric != "coverage" else None, list(found),
    )  # fmt: skip
    scored.findings.extend(_differences(scored, line))
    return scored


def _loss(metric: str, target: Any, forecast: Any) -> float:
    if metric == "log_loss":
        chance = np.where(target == 1, forecast, 1 - forecast)
        return float(-np.log(np.maximum(chance, 1e-6)).mean())
    error = np.abs(forecast - target)
    if metric == "hit_rate":
        error = np.abs(np.rint(forecast) - target) < 1.5
    return float((error**2 if metric == "brier" else error).mean())


def _correlation(one: Any, other: Any) -> float:
    """Spearman's rank correlation; equal values share the mean of their ranks."""
    ranks = [
        ((values[:, None] > values).sum(1) + (values[:, None] >= values).sum(1)) / 2
        for values in (one, other)
    ]
    first, second = (rank - rank.mean() for rank in ranks)
    spread = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / spread) if spread else float("nan")


def _interval(gains: Any, weights: Any) -> tuple[float, float]:
    """The 95 % interval of the mean gain from drawing races with replacement."""
    races = np.random.default_rng(1).choice(len(gains), (DRAWS, len(gains)))
    means = (gains * weights)[races].sum(axis=1) / weights[races].sum(axis=1)
    return float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))


def _calibration_error(con: duckdb.DuckDBPyConnection, line: dict[str, Any]) -> float:
    """The mean distance of chance and share over ten bins of equal size, fewer with less than 50 cases."""
    bins = min(10, max(line["n"] // 5, 1))
    [(error,)] = con.execute(
        f"""
        with binned as (
            select target, prediction, ntile({bins}) over (order by prediction, session_key, driver_number, lap_number) as bin
            from strategy_forecasts join (select distinct session_key, season from laps) using (session_key)
            where claim = $claim and ($season = 'all' or season::varchar = $season)
        ),
        errors as (select count(*) as n, abs(avg(prediction) - avg(target)) as error from binned group by bin)
        select sum(n * error) / sum(n) from errors
        """,
        {"claim": line["claim"], "season": line["season"]},
    ).fetchall()
    return float(error)


def _differences(scored: Score, line: dict[str, Any]) -> list[str]:
    """What the published line says otherwise."""
    exact = {
        "races": scored.races,
        "n": scored.n,
        "baseline": scored.baseline,
        "model": scored.model,
        "difference": scored.gain,
    }
    if scored.calibration_error is not None:
        exact["calibration_error"] = scored.calibration_error
    found = [
        f"{name}: published {line[name]}, found {value:.6g}"
        for name, value in exact.items()
        if abs(line[name] - value) > TOLERANCE
    ]
    if scored.low is not None and scored.high is not None:
        allowed = TOLERANCE + INTERVAL_TOLERANCE * (line["difference_high"] - line["difference_low"])
        for name, value in (("difference_low", scored.low), ("difference_high", scored.high)):
            if abs(line[name] - value) > allowed:
                found.append(f"{name}: published {line[name]}, found {value:.6g}")
        if (scored.low > 0) != line["verdict"].startswith("better"):
            found.append(f"verdict: published {line['verdict']}, the interval starts at {scored.low:.4f}")
    return found


def main() -> None:
    """Print the recomputed scorecard of a lake; exit with 1 if the published one differs."""
    with duckdb.connect(str(Path(sys.argv[1]) / "gold.duckdb"), read_only=True) as con:
        scores = list(score_lake(con))
    print(
        f"{'claim':28}{'season':8}{'races':>6}{'n':>7}{'baseline':>10}{'model':>9}{'gain':>9}  95 % interval      calibration"
    )
    for one in scores:
        interval = f"{one.low:8.4f} to {one.high:7.4f}" if one.low is not None else " " * 19
        error = f"{one.calibration_error:12.4f}" if one.calibration_error is not None else ""
        print(
            f"{one.claim:28}{one.season:8}{one.races:6}{one.n:7}{one.baseline:10.4f}{one.model:9.4f}{one.gain:9.4f} {interval}{error}"
        )
        for finding in one.findings:
            print(f"  DIFFERENT: {finding}")
    sys.exit(1 if any(one.findings for one in scores) else 0)


if __name__ == "__main__":
    main()
