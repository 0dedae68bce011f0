"""Hooks of MkDocs: files of the repository outside docs/ that pages link to become files of the site.

Belongs here: the paths. The links in the pages stay as GitHub needs them.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).parents[2]
OUTSIDE = {"../benchmarks/RESULTS.md": "benchmarks.md", "../dbt_f1/assets/star.svg": "images/star.svg"}
"""Link as written in a page of docs/ → path in the site."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files outside docs/."""
    for link, path in OUTSIDE.items():
        content = (PROJECT / link.removeprefix("../")).read_text(encoding="utf-8")
        files.append(File.generated(config, path, content=content))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace the links to files outside docs/."""
    for link, path in OUTSIDE.items():
        markdown = markdown.replace(f"]({link}", f"]({path}")
    return markdown
