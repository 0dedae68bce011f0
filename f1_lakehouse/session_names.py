"""Names of sessions: `2024 singapore race` → a session of the calendar, so that nobody needs a session key.

A name is a season, words for the meeting (Grand Prix, country, place, circuit, or `round 18`) and words for the session (race, r, q, sq,
s, fp1, practice 2). Upper case, accents and small typing errors do not matter. `f1 load`, `f1 sessions` and the Python API use this module.

Pure: the calendar is an argument. Does not belong here: where the calendar comes from (lakehouse.py, api/) and how candidates are
printed (cli/).
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from difflib import SequenceMatcher, get_close_matches
from functools import cache

from f1_lakehouse.errors import F1LakehouseError

_WORDS_OF_KIND = {
    "R": "race",
    "Q": "qualifying",
    "S": "sprint",
    "SQ": "sprint qualifying",
    "FP1": "fp1",
    "FP2": "fp2",
    "FP3": "fp3",
    "D1": "day 1",
    "D2": "day 2",
    "D3": "day 3",
}
"""Kind of a session → the words that this module writes for it."""

_KIND_PATTERNS = tuple(
    (re.compile(rf"(?<!\S)(?:{pattern})(?!\S)"), kind)
    for pattern, kind in (
        (r"sprint (?:qualifying|quali|shootout)|shootout|sq|ss", "SQ"),
        (r"(?:(?:free )?practice|fp|p) ?([123])", "FP"),
        (r"(?:day|d) ?([123])", "D"),
        (r"qualifying|quali|q", "Q"),
        (r"sprint(?: race)?|s", "S"),
        (r"race|r", "R"),
        (r"(?:free )?practice|fp", "FP"),
    )
)
"""The words of a name → kind, in this order: what is found is removed. `FP` without a number is any practice."""

_SEASON = re.compile(r"(?<!\S)(19[5-9]\d|20\d\d)(?!\S)")
_ROUND = re.compile(r"(?<!\S)(?:(?:round|rd|r) ?)?(\d{1,2})(?!\S)")
_WITHOUT_MEANING = frozenset({"grand", "prix", "gp", "the", "of", "formula", "f1", "session", "weekend"})
_ALIASES = {
    "us": "united states",
    "usa": "united states",
    "america": "united states",
    "uk": "british",
    "england": "british",
    "britain": "british",
    "holland": "dutch",
    "cota": "austin",
    "uae": "abu dhabi",
    "test": "testing",
    "tests": "testing",
}

_EXACT, _PREFIX, _TYPO = 0, 10, 20
"""The cost of a word, to which the rank of the field is added: a meeting with lower costs is the better match."""
MIN_PREFIX = 3
MIN_SIMILARITY = 0.8
"""`suzka` is suzuka; a word whose length differs by more than one letter is another word (austria, australia)."""
MAX_SUGGESTIONS, MAX_NAMES_SHOWN = 3, 6


class SessionNameError(F1LakehouseError):
    """A name that does not mean one session; one line with the nearest names."""


class AmbiguousSessionError(SessionNameError):
    """A name that means several sessions. `candidates`: these in date order, each with the name that means only it, if there is one."""

    def __init__(
        self,
        cause: str = "",
        url: str = "",
        cure: str = "",
        candidates: Mapping["NamedSession", str | None] | None = None,
    ) -> None:
        super().__init__(cause, url, cure)
        self.candidates = candidates or {}


@dataclass(frozen=True, order=True)
class NamedSession:
    """A session of the calendar with all that it can be named by. `start`: UTC. `round_number`: None for tests and cancelled meetings."""

    start: datetime
    key: int
    season: int
    meeting_key: int
    session_name: str
    meeting_name: str = ""
    location: str = ""
    circuit: str = ""
    country_name: str = ""
    country_code: str = ""
    round_number: int | None = None
    is_cancelled: bool = False

    @property
    def kind(self) -> str:
        """R, Q, S, SQ, FP1 to FP3, D1 to D3 (days of a test), or an empty text for a session with an unknown name."""
        name = plain(self.session_name)
        for pattern, kind in _KIND_PATTERNS:
            if (match := pattern.fullmatch(name)) is not None:
                return kind + (match[1] if pattern.groups else "")
        return ""

    @property
    def title(self) -> str:
        """The name for people, e.g. Singapore Grand Prix 2024, Race."""
        return f"{self.meeting_name or self.location} {self.season}, {self.session_name}"


@dataclass(frozen=True)
class SessionName:
    """A name, taken apart: `kinds` may be empty (any), `words` are those of the meeting."""

    text: str
    season: int | None = None
    round_number: int | None = None
    kinds: frozenset[str] = frozenset()
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Matches:
    """The meetings and sessions that a name means. `is_typo`: only if a word is taken for a similar one."""

    meetings: list[NamedSession] = field(default_factory=list)
    sessions: list[NamedSession] = field(default_factory=list)
    is_typo: bool = False


def plain(text: str) -> str:
    """Return a text in lower case, without accents, as words of letters and digits: `São Paulo` → `sao paulo`."""
    spread = unicodedata.normalize("NFKD", text.replace("ø", "o").replace("ß", "ss"))
    letters = "".join(c for c in spread if not unicodedata.combining(c)).casefold()
    return " ".join("".join(c if c.isalnum() else " " for c in letters).split())


def parse(text: str) -> SessionName:
    """Take a name apart.

    Raises:
        SessionNameError: it has two seasons or two rounds.
    """
    rest = plain(text)
    seasons = sorted({int(year) for year in _SEASON.findall(rest)})
    rest = _SEASON.sub(" ", rest)
    rest, kinds = _take_kinds(" ".join(rest.split()))
    rounds = sorted({int(number) for number in _ROUND.findall(rest)})
    rest = _ROUND.sub(" ", rest)
    for what, found in (("seasons", seasons), ("rounds", rounds)):
        if len(found) > 1:
            raise SessionNameError(
                f"{text!r} names {len(found)} {what}; name one, for example 2024 monaco race"
            )
    words = [word for word in rest.split() if word not in _WITHOUT_MEANING and word != "round"]
    words = [part for word in words for part in _ALIASES.get(word, word).split()]
    return SessionName(
        text,
        season=next(iter(seasons), None),
        round_number=next(iter(rounds), None),
        kinds=kinds,
        words=tuple(dict.fromkeys(words)),
    )


def _take_kinds(text: str) -> tuple[str, frozenset[str]]:
    """The text without the words that mean a kind of session, and the kinds."""
    kinds: set[str] = set()
    for pattern, kind in _KIND_PATTERNS:
        for match in pattern.finditer(text):
            kinds.add(kind + (match[1] or "" if pattern.groups else ""))
        text = " ".join(pattern.sub(" ", text).split())
    # "sprint singapore qualifying"
    return text, frozenset({"SQ"} if kinds == {"S", "Q"} else kinds)


def match(sessions: Iterable[NamedSession], name: SessionName, *, best: bool = True) -> Matches:
    """Return what a name means in a calendar, in date order.

    `best`: only the meetings that fit best (`bahrain` is the Grand Prix, not the test there); otherwise all that fit.
    """
    meetings: dict[int, list[NamedSession]] = {}
    for one in sorted(sessions):
        if name.season in (None, one.season) and name.round_number in (None, one.round_number):
            meetings.setdefault(one.meeting_key, []).append(one)
    costs = {key: _cost(found[0], name.words) for key, found in meetings.items()}
    fitting = {key: cost for key, cost in costs.items() if cost is not None}
    if not fitting:
        return Matches()
    least = min(fitting.values())
    is_typo = _is_typo(least)
    kept = [
        key for key, cost in fitting.items() if (cost == least if best else is_typo or not _is_typo(cost))
    ]
    return Matches(
        [meetings[key][0] for key in kept],
        sorted(one for key in kept for one in meetings[key] if _has_kind(one, name.kinds)),
        is_typo,
    )


def resolve(sessions: Iterable[NamedSession], name: SessionName) -> NamedSession:
    """Return the one session that a name means.

    Raises:
        AmbiguousSessionError: it means several.
        SessionNameError: it means none; the message has the nearest names.
    """
    known = list(sessions)
    found = match(known, name).sessions
    if not found:
        raise _nothing_found(known, name)
    if len(found) > 1:
        names = {one: name_of(one, known) for one in found}
        texts = [text or f"session key {one.key}" for one, text in names.items()]
        shown = ", ".join(texts[:MAX_NAMES_SHOWN]) + (", …" if len(texts) > MAX_NAMES_SHOWN else "")
        raise AmbiguousSessionError(f"{name.text!r} means {len(texts)} sessions: {shown}", candidates=names)
    return found[0]


def find(sessions: Iterable[NamedSession], name: SessionName) -> list[NamedSession]:
    """Return all sessions that a name fits, in date order, not only those that it fits best.

    Raises:
        SessionNameError: it fits none; the message has the nearest names.
    """
    known = list(sessions)
    found = match(known, name, best=False).sessions
    if not found:
        raise _nothing_found(known, name)
    return found


def name_of(one: NamedSession, sessions: Iterable[NamedSession]) -> str | None:
    """Return the name to type for a session, e.g. `2024 singapore race`; None if no name means only this session."""
    known = [other for other in sessions if other.season == one.season]
    kind = _WORDS_OF_KIND.get(one.kind, "")
    short = " ".join(word for word in plain(one.meeting_name).split() if word not in _WITHOUT_MEANING)
    places = [short, plain(one.location), plain(one.circuit)]
    if one.round_number is not None:
        places.append(f"round {one.round_number}")
    for place in filter(None, places):
        text = " ".join(filter(None, (str(one.season), place, kind)))
        found = match(known, parse(text)).sessions
        if found == [one]:
            return text
    return None


def numbered(sessions: Iterable[NamedSession]) -> list[NamedSession]:
    """Return the sessions with round numbers, as the dbt model dim_meetings counts them: Grands Prix that are not cancelled, by date.

    A meeting is cancelled if all its sessions are, or if its race is and no other race or sprint takes place.
    """
    meetings: dict[tuple[int, int], list[NamedSession]] = {}
    for one in sorted(sessions):
        meetings.setdefault((one.season, one.meeting_key), []).append(one)
    counts: dict[int, int] = {}
    found: list[NamedSession] = []
    for (season, _), held in meetings.items():
        number = None
        if not _is_test(held[0]) and not _is_meeting_cancelled(held):
            number = counts[season] = counts.get(season, 0) + 1
        found += [replace(one, round_number=number) for one in held]
    return found


def _is_test(one: NamedSession) -> bool:
    return "Testing" in one.meeting_name or one.meeting_name.startswith("Pre-Season")


def _is_meeting_cancelled(held: Sequence[NamedSession]) -> bool:
    races = [one for one in held if one.kind in ("R", "S")]
    is_race_cancelled = any(one.kind == "R" and one.is_cancelled for one in races)
    return all(one.is_cancelled for one in held) or (
        is_race_cancelled and all(one.is_cancelled for one in races)
    )


def _has_kind(one: NamedSession, kinds: frozenset[str]) -> bool:
    # "practice" means FP1 to FP3, and the days of a test
    return not kinds or one.kind in kinds or ("FP" in kinds and one.kind[:-1] in ("FP", "D"))


@cache
def _names(meeting_name: str, location: str, circuit: str, country: str, code: str) -> dict[str, int]:
    """The words of a meeting → the rank of their field; also each field as one word (`abudhabi`)."""
    found: dict[str, int] = {}
    for rank, text in ((0, meeting_name), (1, location), (1, circuit), (2, country), (3, code)):
        words = [word for word in plain(text).split() if word not in _WITHOUT_MEANING]
        for word in (*words, "".join(words)):
            if word:
                found.setdefault(word, rank)
    return found


def _words_of(one: NamedSession) -> dict[str, int]:
    return _names(one.meeting_name, one.location, one.circuit, one.country_name, one.country_code)


def _cost(one: NamedSession, words: Sequence[str]) -> tuple[int, ...] | None:
    """The costs of the words, the highest first; None if a word fits nothing of the meeting."""
    names = _words_of(one)
    costs = [cost for word in words if (cost := _word_cost(word, names)) is not None]
    return tuple(sorted(costs, reverse=True)) if len(costs) == len(words) else None


def _word_cost(word: str, names: dict[str, int]) -> int | None:
    if word in names:
        return _EXACT + names[word]
    if len(word) >= MIN_PREFIX:
        prefixed = [rank for name, rank in names.items() if name.startswith(word)]
        if prefixed:
            return _PREFIX + min(prefixed)
    similar = [rank for name, rank in names.items() if _is_similar(word, name)]
    return _TYPO + min(similar) if similar else None


def _is_similar(word: str, name: str) -> bool:
    return (
        abs(len(word) - len(name)) <= 1
        and len(word) > MIN_PREFIX
        and SequenceMatcher(None, word, name).ratio() >= MIN_SIMILARITY
    )


def _is_typo(cost: tuple[int, ...]) -> bool:
    return bool(cost) and cost[0] >= _TYPO


def _nothing_found(known: Sequence[NamedSession], name: SessionName) -> SessionNameError:
    """The error for a name that means no session: the meeting has none of that kind, or no meeting has the name."""
    if found := match(known, name).meetings:
        meeting = found[0]
        kinds = [
            one.kind or one.session_name for one in sorted(known) if one.meeting_key == meeting.meeting_key
        ]
        wanted = " or ".join(sorted(_WORDS_OF_KIND.get(kind, "practice") for kind in name.kinds))
        return SessionNameError(
            f"{meeting.meeting_name} {meeting.season} has no {wanted} session; it has {', '.join(kinds)}"
        )
    return SessionNameError(_no_meeting(known, name))


def _no_meeting(known: Sequence[NamedSession], name: SessionName) -> str:
    of_season = [one for one in known if name.season in (None, one.season)]
    season = f" in {name.season}" if name.season else ""
    if name.round_number is not None and not name.words:
        rounds = [one.round_number for one in of_season if one.round_number is not None]
        return f"there is no round {name.round_number}{season}; there are {min(rounds, default=0)} to {max(rounds, default=0)}"
    meetings = {one.meeting_key: one for one in sorted(of_season)}
    words: dict[str, str] = {}
    for one in meetings.values():
        words |= dict.fromkeys(_words_of(one), one.meeting_name)
    close = [
        words[near] for word in name.words for near in get_close_matches(word, words, MAX_SUGGESTIONS, 0.55)
    ]
    nearest = list(dict.fromkeys(close))[:MAX_SUGGESTIONS]
    listed = name.season or max((one.season for one in known), default="YEAR")
    cure = f"the nearest are: {', '.join(nearest)}" if nearest else f"f1 sessions {listed} lists them"
    return f"no meeting{season} has the name {' '.join(name.words) or name.text!r}; {cure}"
