"""The data card that travels with published gold: whose data it is, under which licence, what was done to it, what it lacks.

`meta.data_card` says it in words, `meta.coverage` in numbers; docs/data-card.md says the same at length.
"""

from collections.abc import Iterable

import duckdb

LICENCE = "Data: OpenF1 (openf1.org), CC BY-NC-SA 4.0. Not affiliated with Formula 1."

CARD = {
    "title": "Formula 1 timing and results, 2023 to now: dimensions, facts and marts",
    "source": "OpenF1 API, https://openf1.org; the session results in it are those published by formula1.com",
    "attribution": LICENCE,
    "licence": "CC BY-NC-SA 4.0, https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "use": "Non-commercial, with attribution; what is made of it is shared under the same licence",
    "changes": "Typed, deduplicated, stints repaired, sentinels and impossible values made null, people and teams given "
    "ids that last over seasons; ranks, paces and gaps computed. Results, points and grids are as served",
    "corrections": "The source corrects rows for weeks without saying so; sessions are asked again after 1 hour and 1, 3, 8 "
    "and 30 days. result_revisions and source_changes say what changed",
    "known gaps": "The first lap of a race often has no start; intervals are of races and sprints only; telemetry only where "
    "it was loaded; some sessions lack weather, radio or positions; the source's championship tables are a beta",
    "quality": "data_quality_metrics: checks by day of the newest pull, with their history",
    "documentation": "comments on tables and columns; docs/data-card.md and docs/data-dictionary.md of the project",
}


def write_card(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> None:
    """Write both tables into the schema `meta` of the attached database `target`, out of gold in `warehouse`."""
    con.execute("create table target.meta.data_card (item varchar, says varchar)")
    con.executemany("insert into target.meta.data_card values (?, ?)", list(CARD.items()))
    con.execute(
        "create table target.meta.coverage "
        "(table_name varchar, season integer, sessions bigint, row_count bigint, newest_pull timestamp)"
    )
    for table in tables:
        columns = {name for (name, *_) in con.execute(f'describe warehouse.gold."{table}"').fetchall()}
        if {"season", "session_key", "pulled_at"} <= columns:
            con.execute(
                "insert into target.meta.coverage select ?, season, count(distinct session_key), count(*), max(pulled_at) "
                f'from warehouse.gold."{table}" group by season order by season',
                [table],
            )
