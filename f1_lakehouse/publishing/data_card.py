"""The data card that travels with published gold: whose data it is, under which licence, what was done to it, what it lacks.

`meta.data_card` says it in words, `meta.coverage` in numbers; docs/data-card.md says the same at length.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import duckdb

from f1_lakehouse.simulator.keys import GENERATED as GENERATED_KEYS
from f1_lakehouse.simulator.keys import generated, is_generated
from f1_lakehouse.sources.registry import SOURCES
from f1_lakehouse.sources.source import Source


def credit_line(sources: Iterable[Source]) -> str:
    """Whose data it is and under which licence: the sources that have a licence, grouped by it."""
    by_licence: dict[str, list[str]] = {}
    for source in sources:
        if not source.licence:  # not stated by the source: the data card says so in `source`
            continue
        by_licence.setdefault(source.licence, []).append(source.credit)
    parts = [f"{' and '.join(credits)}, {licence}" for licence, credits in by_licence.items()]
    return f"Data: {'; '.join(parts)}. Not affiliated with Formula 1."


LICENCE = credit_line(SOURCES)
GENERATED = (
    "Generated data, made up by f1 generate: none of it took place, none of it is from a public source."
)

CARD = {
    "title": "Formula 1 timing since 2023 and race results since 1950: dimensions, facts and marts",
    "source": "; ".join(source.attribution for source in SOURCES),
    "attribution": LICENCE,
    "licence": "CC BY-NC-SA 4.0, https://creativecommons.org/licenses/by-nc-sa/4.0/; "
    "a source whose licence is not stated is named in source",
    "use": "Non-commercial, with attribution; what is made of it is shared under the same licence",
    "changes": "Typed, deduplicated, stints repaired, sentinels and impossible values made null, people and teams given "
    "ids that last over seasons; ranks, paces and gaps computed. Results, points and grids are as served",
    "corrections": "The source corrects rows for weeks without notice; sessions are pulled again after 1 hour and 1, 3, 8 "
    "and 30 days. result_revisions and source_changes have the changes",
    "known gaps": "The first lap of a race often has no start; intervals are of races and sprints only; telemetry only where "
    "it was loaded; some sessions lack weather, radio or positions; the source's championship tables are a beta",
    "tables of both sources": "fact_race_results, fact_qualifying, fact_lap_times, fact_race_pit_stops, their dimensions and what is "
    "computed from them. Where both sources have a value, columns *_source name the one that is used, and source_reconciliation has "
    "the differences",
    "quality": "data_quality_metrics: checks by day of the newest pull, with their history",
    "documentation": "comments on tables and columns; docs/data-card.md and docs/data-dictionary.md of the project",
}

OF_GENERATED = {
    "title": "Generated Formula 1 timing and results, to try the lakehouse with",
    "source": GENERATED,
    "attribution": GENERATED,
    "licence": "MIT, as the code that made it",
    "use": "Tests and demonstrations; not to be shown as results of Formula 1",
}
"""What differs where every session is generated."""


class RaceCount(NamedTuple):
    """How many races data is of, and how many of them are generated."""

    total: int = 0
    generated: int = 0

    @classmethod
    def of(cls, results: Iterable[Mapping[str, Any]]) -> "RaceCount":
        """The races of rows of fact_race_results."""
        races = {
            (row["season"], row["round_number"]): is_generated(row["session_key"], row["race_name"])
            for row in results
        }
        return cls(len(races), sum(races.values()))


NO_RACES = RaceCount()


def generated_note(sessions: Collection[int], races: RaceCount = NO_RACES) -> str:
    """What has to be said of data because some of it is generated; empty if none is.

    Args:
        sessions: the keys of the sessions that the data is of.
        races: the races, for data that has no sessions.
    """
    found, total, what = len(generated(sessions)), len(set(sessions)), "sessions"
    if not total:
        found, total, what = races.generated, races.total, "races"
    if not found:
        return ""
    if found == total:
        return GENERATED
    return f"{found} of {total} {what} are generated data, made up by f1 generate, and are marked so."


def attribution(note: str) -> str:
    """Whose data it is, in a sentence or two; `note` is what `generated_note` returns for it."""
    return note if note == GENERATED else f"{LICENCE} {note}".strip()


def attribution_of(con: duckdb.DuckDBPyConnection) -> str:
    """Whose the data of gold in the attached database `warehouse` is."""
    return attribution(generated_note(_sessions(con)))


def _sessions(con: duckdb.DuckDBPyConnection) -> set[int]:
    there = con.execute(
        "select table_name from duckdb_columns() where database_name = 'warehouse' and schema_name = 'gold' "
        "and table_name in ('dim_sessions', 'fact_laps', 'fact_results') and column_name = 'session_key'"
    ).fetchall()
    return {
        key
        for (table,) in there
        for (key,) in con.execute(f"select distinct session_key from warehouse.gold.{table}").fetchall()
    }


def _card(sessions: Collection[int]) -> dict[str, str]:
    note = generated_note(sessions)
    card = {**CARD, "attribution": attribution(note), **(OF_GENERATED if note == GENERATED else {})}
    if note and note != GENERATED:
        card["source"] = f"{CARD['source']}. {note}"
    card["is_generated"] = "yes" if note == GENERATED else "in part" if note else "no"
    card["generated sessions"] = (
        f"{len(generated(sessions))} of {len(set(sessions))}; their session_key is one of "
    )
    card["generated sessions"] += f"{GENERATED_KEYS.start} to {GENERATED_KEYS.stop - 1}"
    return card


def write_card(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Write both tables into the schema `meta` of the attached database `target`, out of gold in `warehouse`."""
    con.execute("create table target.meta.data_card (item varchar, says varchar)")
    con.executemany("insert into target.meta.data_card values (?, ?)", list(_card(_sessions(con)).items()))
    con.execute(
        "create table target.meta.coverage (table_name varchar, season integer, sessions bigint, row_count bigint, "
        "newest_pull timestamp, is_generated boolean)"
    )
    is_generated = f"session_key between {GENERATED_KEYS.start} and {GENERATED_KEYS.stop - 1}"
    for table in tables:
        columns = {name for (name, *_) in con.execute(f'describe warehouse.gold."{table}"').fetchall()}
        if {"season", "session_key", "pulled_at"} <= columns:
            con.execute(
                "insert into target.meta.coverage select ?, season, count(distinct session_key), count(*), max(pulled_at), "
                f'{is_generated} from warehouse.gold."{table}" group by season, {is_generated} order by season, {is_generated}',
                [table],
            )
