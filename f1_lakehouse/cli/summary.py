"""The last lines of a load: what was loaded, which checks failed and what they mean, and where the result is.

Does not belong here: the checks (quality/) and the pages (site/).
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from f1_lakehouse.counts import counted
from f1_lakehouse.observability.log_output import tell
from f1_lakehouse.observability.run_log import CheckResult
from f1_lakehouse.settings import Settings
from f1_lakehouse.sources.catalog import Scope
from f1_lakehouse.sources.registry import BY_NAME
from f1_lakehouse.storage.pull_log import Pull

_CURES = {
    "row_count": "f1 load --session KEY --endpoint {table} --force requests it again",
    "schema": "the source has changed; install a newer version of f1-lakehouse, if there is one",
    "quarantine": 'f1 sql "from data_quality_metrics"; the rows themselves are in bronze/_quarantine',
    "duplicates": "nothing to do",
}
_SOURCE = "nothing to do, the source has these values; f1 ui shows the rows"
_DEFECT = "f1 ui shows the rows; see {runbooks}"


def print_loaded(pulls: Sequence[Pull], seconds: float) -> None:
    """Print one line with the sessions, pulls, rows, requests and seconds of a load."""
    completed = [pull for pull in pulls if pull.is_answer]
    if not completed:
        return
    sessions = {pull.scope for pull in completed if BY_NAME[pull.endpoint].scope is Scope.SESSION}
    waited = sum(pull.waited_s for pull in pulls)
    line = (
        f"loaded {counted(len(sessions), 'session')}: {counted(len(completed), 'pull')}, "
        f"{counted(sum(pull.rows for pull in completed), 'row')}, "
        f"{counted(sum(pull.requests for pull in pulls), 'request')}, {seconds:.0f} s"
    )
    # Requests of one pull wait concurrently: the sum can exceed the time of the load.
    if waited >= 1:
        line += f" (up to {min(waited, seconds):.0f} s waiting for the rate limit)"
    tell(line, "summary")


def print_checks(
    failed: Sequence[CheckResult],
    total: int,
    settings: Settings,
    descriptions: Callable[[], Mapping[tuple[str, str], str]],
) -> None:
    """Print the number of passed checks, and per failed check: where it failed, its meaning and the first step.

    Args:
        failed: the checks that did not pass, of `total`.
        settings: of the lake.
        descriptions: returns what each check verifies, by asset and check name; called only if a check failed.
    """
    if not total:
        return
    tell(f"checks: {total - len(failed)} of {total} passed", "summary")
    if not failed:
        return
    described = descriptions()
    groups: dict[tuple[str, str, str], list[CheckResult]] = {}
    for one in failed:
        groups.setdefault((one.severity, one.check, one.asset), []).append(one)
    for (severity, check, asset), found in sorted(groups.items()):
        first = found[0]
        where = (
            f"{len(found)} sessions"
            if len(found) > 1
            else ", ".join(filter(None, (first.partition, first.message)))
        )
        meaning = described.get((asset, check)) or check.replace("_", " ")
        cure = _CURES.get(check, _SOURCE if severity == "WARN" else _DEFECT)
        cure = cure.format(table=asset.rpartition("/")[2], runbooks=settings.runbooks)
        word = "failed" if severity == "ERROR" else "warning"
        tell(f"  {word}: {asset} {check}" + (f" ({where})" if where else ""), "summary")
        tell(f"    expected: {meaning}. First step: {cure}", "summary")


def print_where(settings: Settings, sessions: Sequence[int]) -> None:
    """Print the path of the page of the newest of these sessions (of a race, if there is one), and how to query gold."""
    page = page_of(settings, sessions)
    if page is not None:
        tell(f"page: {page}", "summary")
    tell('query: f1 sql "from session_leaderboard limit 5"', "summary")


def page_of(settings: Settings, sessions: Sequence[int] = ()) -> Path | None:
    """Return the page of the newest race among these sessions, else of the newest session; None if none has a page.

    Args:
        settings: of the lake.
        sessions: session keys; all of published gold when empty.
    """
    from f1_lakehouse.site.site import open_site, site

    with open_site(settings) as opened:
        found = [one for one in opened.sessions if not sessions or one.key in sessions]
    held = [one for one in found if not one.is_cancelled]
    races = [one for one in held if one.category == "Race"]
    for one in [*reversed(races), *reversed(held)]:
        if (site(settings) / one.page).exists():
            return site(settings) / one.page
    return None
