"""The questions of questions.md as a notebook on published gold: choose a race and a question, change the SQL, see a chart.

    .venv/bin/marimo run docs/explore.py     # or edit, to change the notebook itself

It needs the extra `explore`, reads the lake that F1_LAKEHOUSE_ROOT names, and changes nothing.
"""

import marimo

app = marimo.App(width="medium", app_title="Questions to gold")


@app.cell
def _():
    import re
    from pathlib import Path

    import marimo as mo
    import plotly.graph_objects as go

    from f1_lakehouse.publishing.gold_file import connect_gold
    from f1_lakehouse.settings import load_settings

    gold = load_settings().gold
    mo.stop(
        not gold.exists(),
        mo.md(f"Nothing is published at `{gold}`: run `f1 load`, or set F1_LAKEHOUSE_ROOT."),
    )
    con = connect_gold(load_settings())
    mo.md("# Questions to gold")
    return Path, con, go, mo, re


@app.cell
def _(Path, re):
    text = (Path(__file__).parent / "questions.md").read_text(encoding="utf-8")
    questions = dict(re.findall(r"^## (.+?)\n.*?```sql\n(.+?)```", text, re.DOTALL | re.MULTILINE))

    def about(sql: str, session_key: int) -> str:
        """Return the query for one race instead of the newest."""
        return re.sub(
            r"with race as \(.*\)\n", f"with race as (select {session_key} as session_key)\n", sql, count=1
        )

    return about, questions


@app.cell
def _(con, mo, questions):
    _races = con.execute(
        "select season || ' ' || meeting_name, max(session_key) from dim_sessions where is_race "
        "and session_key in (select session_key from fact_results) group by 1 order by max(date_start) desc"
    ).fetchall()
    mo.stop(not _races, mo.md("Published gold has no race yet."))
    race = mo.ui.dropdown(dict(_races), value=_races[0][0], label="Race")
    question = mo.ui.dropdown(list(questions), value=next(iter(questions)), label="Question")
    mo.vstack([race, question])
    return question, race


@app.cell
def _(about, mo, question, questions, race):
    editor = mo.ui.code_editor(about(questions[question.value], race.value), language="sql", label="SQL")
    editor
    return (editor,)


@app.cell
def _(con, editor, mo):
    try:
        answer = con.sql(editor.value).pl()
    except Exception as error:
        mo.stop(True, mo.md(f"```\n{error}\n```"))
    mo.ui.table(answer, selection=None)
    return (answer,)


@app.cell
def _(answer, mo):
    _numbers = [name for name, kind in answer.schema.items() if kind.is_numeric()]
    mo.stop(not _numbers or answer.is_empty(), mo.md("There is no number to draw."))
    across = mo.ui.dropdown(answer.columns, value=answer.columns[0], label="Across")
    up = mo.ui.dropdown(_numbers, value=_numbers[-1], label="Up")
    mo.hstack([across, up], justify="start")
    return across, up


@app.cell
def _(across, answer, go, up):
    go.Figure(
        go.Bar(x=answer[across.value].to_list(), y=answer[up.value].to_list()),
        {"xaxis": {"title": {"text": across.value}}, "yaxis": {"title": {"text": up.value}}},
    )
    return


if __name__ == "__main__":
    app.run()
