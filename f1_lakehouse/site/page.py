"""A page of tables and charts, and its HTML.

Belongs here: the parts of a page, the format of times and numbers, and escaping. All text from data is
escaped: by Jinja in the page, by `as_json` in a chart's JSON, by `charts.plain` in the text of a chart.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import orjson
from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape

from f1_lakehouse.publishing.data_card import NO_RACES, RaceCount, attribution, generated_note
from f1_lakehouse.site import colours
from f1_lakehouse.site.charts import Figure, Json

NONE = "–"
"""Shown where gold has no value."""


@dataclass(frozen=True)
class Table:
    """A table. `text`: indices of the columns that hold text and not numbers; `head`: the column that names the row."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    text: Sequence[int] = (0,)
    head: int = 0
    cut_after: Sequence[int] = ()
    """Rows below which a line is drawn, counted from 1."""
    wrap: bool = False
    """Whether the last column, and the names of the rows if they are text of the first column, may take several lines."""
    is_grid: bool = False
    """Whether it is a grid of positions: narrow columns, the head of a row stays in view."""
    is_folded: bool = False
    """Whether the reader has to open it."""


@dataclass(frozen=True)
class Key:
    """An entry of a chart's legend: which traces it switches (`trace`), and how they look."""

    label: str
    colour: str
    trace: str | None = None
    dash: int = 0


@dataclass(frozen=True)
class Alternative:
    """A second set of values of a chart's traces, which the reader can choose.

    `label` says what is chosen, `names` are the first and the second choice, `y` has the values of each trace, and `layout` the keys
    of the layout that differ.
    """

    label: str
    names: tuple[str, str]
    y: Sequence[Json | list[int | None]]
    layout: Json


@dataclass(frozen=True)
class Chart:
    """A Plotly figure with its text alternative.

    `alt` says what the chart shows; `note` is what a reader of the chart also needs. Both are below it. `height` is in CSS pixels.
    """

    name: str
    title: str
    alt: str
    height: int
    figure: Figure
    table: Table | None = None
    note: str = ""
    keys: Sequence[Key] = ()
    alternative: Alternative | None = None


@dataclass(frozen=True)
class Comparison:
    """Two laps that the reader chooses. `content`: the drivers with their files, and the corners, as assets/compare.js reads them."""

    name: str
    title: str
    content: Json


Part = Table | Chart | Comparison | str


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading."""

    name: str
    title: str
    parts: Sequence[Part]


Names = dict[str, list[list[str]]]
"""What the search finds: kind → [name, address, what tells namesakes apart]."""


@dataclass
class Page:
    """A page. `trail`: the pages above it as (address, text); `facts`: shown at the top, as (name, value); `files`: what its scripts
    load when the reader asks for it, by address in the site.

    `of`: keys of the sessions that it shows something of; they, or the `races` of a page without sessions, decide the attribution.
    """

    title: str
    sections: Sequence[Section]
    of: Collection[int]
    facts: Sequence[tuple[str, object]] = ()
    trail: Sequence[tuple[str, str]] = ()
    siblings: Sequence[tuple[str, str]] = ()
    colours: Iterable[tuple[str, str | None]] = ()
    lead: str = ""
    races: RaceCount = NO_RACES
    search: Names | None = None
    files: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    charts: Sequence[Chart] = field(init=False)
    has_comparison: bool = field(init=False)

    def __post_init__(self) -> None:
        parts = [part for section in self.sections for part in section.parts]
        self.charts = [part for part in parts if isinstance(part, Chart)]
        self.has_comparison = any(isinstance(part, Comparison) for part in parts)


def render(page: Page, root: str) -> bytes:
    """The page as HTML.

    Args:
        page: its content.
        root: the relative address of the site's root, "" or "../".
    """
    style = Markup(_style() + colours.variables([*colours.FIXED.items(), *page.colours]))
    template = _environment().get_template("page.html")
    note = generated_note(page.of, page.races)
    said = {"attribution": attribution(note), "generated": note}
    return template.render(page=page, root=root, style=style, **said).encode()


@cache
def _style() -> str:
    """The style sheet without its comments and line breaks: it is part of each page, which needs no further file for its style."""
    text = (Path(__file__).parent / "assets" / "pages.css").read_text(encoding="utf-8")
    return re.sub(r"\s*([{};,>])\s*", r"\1", re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)).strip()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("f1_lakehouse.site", "assets"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["json"] = _figure_json
    made.filters["as_json"] = as_json
    made.tests["table"] = lambda part: isinstance(part, Table)
    made.tests["comparison"] = lambda part: isinstance(part, Comparison)
    made.tests["chart"] = lambda part: isinstance(part, Chart)
    return made


def _figure_json(chart: Chart) -> Markup:
    figure: Json = dict(zip(("data", "layout"), chart.figure, strict=True))
    if chart.alternative is not None:
        figure["alternative"] = {"y": chart.alternative.y, "layout": chart.alternative.layout}
    return as_json(figure)


def as_json(content: object) -> Markup:
    """Content as JSON that cannot end its script element, whatever its text says."""
    text = orjson.dumps(content).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def swatch(colour: str, text: Markup | str) -> Markup:
    """Text after a chip in a color, given as the name of a CSS variable."""
    return Markup('<i style="--c:var(--{})"></i>{}').format(colour, text)


def link(address: str, text: str) -> Markup:
    """A link to a page of the site."""
    # Markup.format takes four times as long, and a page of a constructor has hundreds of links.
    return Markup(f'<a href="{escape(address)}">{escape(text)}</a>')


def strong(text: str) -> Markup:
    """Emphasis for the best value of a column."""
    return Markup("<b>{}</b>").format(text)


# How numbers are written


def years(first: int | None, last: int | None) -> str:
    """1991–2012, or the one year."""
    return text(first) if first == last else f"{first}–{last}"


def lap_time(seconds: float | None) -> str:
    """1:34.486, or 54.321 below a minute."""
    if seconds is None:
        return NONE
    minutes, rest = divmod(round(seconds * 1000), 60_000)
    return f"{minutes}:{rest / 1000:06.3f}" if minutes else f"{rest / 1000:.3f}"


def race_time(seconds: float | None) -> str:
    """1:40:52.571."""
    if seconds is None:
        return NONE
    hours, rest = divmod(round(seconds * 1000), 3_600_000)
    return f"{hours}:{rest // 60_000:02d}:{rest % 60_000 / 1000:06.3f}" if hours else lap_time(seconds)


def number(value: float | None, digits: int = 0) -> str:
    """A number with this number of decimals and a typographic minus sign; zero without a sign."""
    if value is None:
        return NONE
    written = f"{value:.{digits}f}"
    return (written if float(written) else written.lstrip("-")).replace("-", "−")


def signed(value: float | None, digits: int = 0) -> str:
    """A difference, always with its sign; 0 without."""
    if value is None:
        return NONE
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def points(value: float | None) -> str:
    """Points, without a fraction if they are an integer."""
    return NONE if value is None else f"{value:g}"


def text(value: object) -> str:
    """A value as text; a dash for none."""
    return NONE if value is None or value == "" else str(value)
