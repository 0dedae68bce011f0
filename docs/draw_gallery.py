"""Run the examples of docs/gallery/ on a generated lake: compare SQL with Python, draw the pictures, measure, write index.md.

    make gallery                                     # or: .venv/bin/python docs/draw_gallery.py FOLDER
    .venv/bin/python docs/draw_gallery.py --times    # only prints times, on the lake of F1_LAKEHOUSE_ROOT

FOLDER keeps the lake for the next run. An example is a heading of a page with a block of SQL, a block of Python that sets `answer`,
a block that draws it, and a picture. Does not belong here: the examples (the pages) and the lake (generated_lake.py).
"""

import io
import os
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import f1_lakehouse

DOCS = Path(__file__).parent
GALLERY = DOCS / "gallery"
INDEX = GALLERY / "index.md"
MAX_BYTES = 60_000
REPETITIONS = 7

_EXAMPLE = re.compile(
    r"^## (?P<title>[^\n]+)\n.*?```sql\n(?P<sql>.+?)```\n+```python\n(?P<python>.+?)```\n+```python\n(?P<drawing>.+?)```\n+"
    r"!\[[^\]]+\]\(\.\./(?P<picture>[^)]+)\)",
    re.DOTALL | re.MULTILINE,
)
Answer = list[dict[str, Any]]


@dataclass(frozen=True)
class Example:
    """One example: its page and heading, its code, and the path of its picture under docs/."""

    page: str
    title: str
    sql: str
    python: str
    drawing: str
    picture: str

    @property
    def link(self) -> str:
        """The address of the example from the index."""
        return f"{self.page}#{re.sub(r'[^a-z -]', '', self.title.lower()).replace(' ', '-')}"


def examples() -> list[Example]:
    """Return the examples of all pages.

    Raises:
        ValueError: a heading of a page has no complete example.
    """
    found = []
    for page in sorted(GALLERY.glob("*.md")):
        if page == INDEX:
            continue
        text = page.read_text(encoding="utf-8")
        of_page = [Example(page.name, **match.groupdict()) for match in _EXAMPLE.finditer(text)]
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        if [one.title for one in of_page] != headings:
            raise ValueError(f"{page.name}: {headings} are not all complete examples")
        found += of_page
    return found


def first_lines() -> tuple[str, str]:
    """Return the lines that the index gives for every block: those of the answers, and those of the drawings."""
    answers, drawings = re.findall(r"```python\n(.+?)```", INDEX.read_text(encoding="utf-8"), re.DOTALL)
    return answers, drawings


def prepared() -> dict[str, Any]:
    """Return the names that the first lines define, with the lake of F1_LAKEHOUSE_ROOT opened."""
    names: dict[str, Any] = {}
    exec(first_lines()[0], names)
    return names


def answer_of_sql(example: Example, lake: "f1_lakehouse.api.published_lake.PublishedLake") -> Answer:
    """Return the rows of the SQL."""
    return lake.sql(example.sql).rows()


def answer_of_python(example: Example, names: dict[str, Any]) -> Answer:
    """Return the rows of the Python; its names are added to `names`."""
    exec(example.python, names)
    return names["answer"].to_dicts()


def comparable(rows: Answer) -> Answer:
    """Return rows whose numbers are rounded: sums of floats depend on their order."""
    return [
        {name: round(value, 9) if isinstance(value, float) else value for name, value in row.items()}
        for row in rows
    ]


def milliseconds(call: Callable[[], object]) -> float:
    """Return the shortest CPU time of a call, in ms: other processes of the machine do not count."""
    runs = []
    for _ in range(REPETITIONS):
        began = time.process_time()
        call()
        runs.append(time.process_time() - began)
    return 1000 * min(runs)


def lines_of(code: str) -> int:
    """Return the number of lines that are neither empty nor a comment."""
    return sum(1 for line in code.splitlines() if line.strip() and not line.strip().startswith(("#", "--")))


def draw(example: Example, names: dict[str, Any]) -> bytes:
    """Return the picture of an answer, as PNG with few colors."""
    import matplotlib as mpl
    from PIL import Image

    mpl.use("agg")
    mpl.rcParams.update(
        {"figure.figsize": (8, 4.5), "figure.constrained_layout.use": True, "axes.titlesize": 11}
    )
    exec(first_lines()[1], names)
    names["plt"].close("all")
    exec(example.drawing, names)
    drawn, small = io.BytesIO(), io.BytesIO()
    names["fig"].savefig(drawn, format="png", dpi=100, metadata={"Software": None})
    Image.open(drawn).convert("RGB").quantize(64).save(small, "PNG", optimize=True)
    return small.getvalue()


def run(example: Example, names: dict[str, Any]) -> tuple[float, float]:
    """Run an example; return the times of SQL and Python in ms. Exit if their answers differ or are empty."""
    lake = names["lake"]
    of_sql, of_python = answer_of_sql(example, lake), answer_of_python(example, names)
    if not of_sql or comparable(of_sql) != comparable(of_python):
        raise SystemExit(
            f"{example.link}: SQL has {len(of_sql)} rows, Python {len(of_python)}, or other values"
        )
    return (
        milliseconds(lambda: answer_of_sql(example, lake)),
        milliseconds(lambda: answer_of_python(example, dict(names))),
    )


def write_measured(example: Example, sql: float, python: float) -> None:
    """Replace the measured cells of the example's row in the index."""
    cells = f"{lines_of(example.sql)} | {lines_of(example.python) + lines_of(example.drawing)} | {sql:.0f} | {python:.0f} |"
    row = re.compile(rf"^(\| [^\n]*\]\({re.escape(example.link)}\)[^\n|]*\|[^\n|]*\|)[^\n]*$", re.MULTILINE)
    text, replaced = row.subn(lambda found: f"{found[1]} {cells}", INDEX.read_text(encoding="utf-8"))
    if replaced != 1:
        raise SystemExit(f"index.md has {replaced} rows for {example.link}")
    INDEX.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> None:
    """Run every example; with a folder, draw the pictures and write the index."""
    only_times = arguments[:1] == ["--times"]
    if not only_times:
        from generated_lake import generated_lake

        os.environ["F1_LAKEHOUSE_ROOT"] = str(generated_lake(Path(arguments[0]).absolute()))
    names = prepared()
    for example in examples():
        if only_times and not answer_of_sql(example, names["lake"]):
            print(f"{example.link}: no rows")
            continue
        sql, python = run(example, names)
        print(f"{example.link}: SQL {sql:.1f} ms, Python {python:.1f} ms")
        if only_times:
            continue
        content = draw(example, names)
        if len(content) > MAX_BYTES:
            raise SystemExit(f"{example.picture}: {len(content):,} bytes")
        picture = DOCS / example.picture
        picture.parent.mkdir(parents=True, exist_ok=True)
        picture.write_bytes(content)
        write_measured(example, sql, python)


if __name__ == "__main__":
    main(sys.argv[1:])
