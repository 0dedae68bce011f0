"""The calendar in published gold, for readers who have nothing else of the lake.

Belongs here: from gold to named sessions. Does not belong here: what a name means (session_names.py).
"""

from datetime import UTC

import duckdb

from f1_lakehouse.lake_paths import LakePaths
from f1_lakehouse.publishing.gold_file import PublishError, connect_gold
from f1_lakehouse.session_names import NamedSession

_QUERY = """
select date_start, session_key, season, meeting_key, session_name, meeting_name, location, circuit_short_name, country_name,
    country_code, round_number, is_cancelled
from dim_sessions where date_start is not null order by date_start
"""


def published_calendar(settings: LakePaths) -> list[NamedSession]:
    """Return the sessions of published gold, in date order.

    Raises:
        PublishError: nothing is published, or it cannot be read.
    """
    with connect_gold(settings) as con:
        return sessions_of_gold(con)


def sessions_of_gold(con: duckdb.DuckDBPyConnection) -> list[NamedSession]:
    """Return the sessions of a connection to published gold, in date order. Raises PublishError if it has none."""
    try:
        rows = con.execute(_QUERY).fetchall()
    except duckdb.Error as error:
        raise PublishError(
            f"published gold has no calendar ({str(error).splitlines()[0]}); run f1 transform"
        ) from None
    return [
        NamedSession(
            start=start.replace(tzinfo=UTC),
            key=key,
            season=season,
            meeting_key=meeting_key,
            session_name=session_name or "",
            meeting_name=meeting_name or "",
            location=location or "",
            circuit=circuit or "",
            country_name=country or "",
            country_code=code or "",
            round_number=round_number,
            is_cancelled=bool(is_cancelled),
        )
        for start, key, season, meeting_key, session_name, meeting_name, location, circuit, country, code, round_number, is_cancelled in rows
    ]
