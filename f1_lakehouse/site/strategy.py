"""The page about the forecasts: the scorecard, and how often chances came true.

Belongs here: the page. Not here: how a forecast is scored (strategy/scoring.py), and the pit wall of a race (sections/pit_wall.py).
"""

from f1_lakehouse.site.charts import axis, plain
from f1_lakehouse.site.page import NONE, Chart, Page, Section, Table, number
from f1_lakehouse.site.queries import Gold, Row

SCORES = {
    "mae": "mean absolute error; smaller is better",
    "log_loss": "log loss of the chances; smaller is better",
    "brier": "mean squared error of the chances (Brier score); smaller is better",
    "spearman": "rank correlation with the finishing order; larger is better",
    "hit_rate": "share of forecasts within one position; larger is better",
    "coverage": "share of cases inside the interval",
}
"""What `metric` of the scorecard means."""


def strategy_page(gold: Gold) -> Page:
    """The page of the scorecard."""
    rows = gold.scorecard()
    sections = [
        Section(
            "scorecard",
            "Scorecard",
            [
                "Each race is forecast by models trained on earlier races only. A gain counts if its 95 % interval, from drawing races, is "
                "above zero.",
                _table("All races", [row for row in rows if row["season"] == "all"]),
                *(
                    _table(f"Season {season}", [row for row in rows if row["season"] == season])
                    for season in sorted({row["season"] for row in rows} - {"all"}, reverse=True)
                ),
            ],
        )
    ]
    titles = {row["claim"]: str(row["forecast"]) for row in rows}
    charts = [
        _calibration(claim, titles.get(claim, claim), found)
        for claim, found in _by_claim(gold.calibration()).items()
    ]
    if charts:
        sections.append(Section("calibration", "Calibration of chances", list(charts)))
    return Page(
        title="What the forecasts are worth",
        of=[one.key for one in gold.sessions],
        lead="Forecasts of the pit wall against what happened.",
        sections=sections,
        trail=[("index.html", "All seasons"), ("data.html", "About the data")],
    )


def _table(caption: str, rows: list[Row]) -> Table:
    return Table(
        caption,
        (
            "Forecast and its baseline",
            "Verdict",
            "Races",
            "Cases",
            "Baseline",
            "Model",
            "Gain",
            "95 % interval",
            "Calibration error",
            "Score",
        ),
        [
            (
                name_of(row),
                verdict(row),
                row["races"],
                f"{row['n']:,}",
                number(row["baseline"], 3),
                number(row["model"], 3),
                number(row["difference"], 3),
                NONE
                if row["difference_low"] is None
                else f"{number(row['difference_low'], 3)} to {number(row['difference_high'], 3)}",
                number(row["calibration_error"], 3),
                score_of(row),
            )
            for row in rows
        ],
        text=(0, 1, 7, 9),
        wrap=True,
    )


def name_of(row: Row) -> str:
    """The forecast and what it is compared with: a forecast has a row for each of its baselines."""
    return f"{capitalized(row['forecast'])}, against: {row['baseline_name']}"


def capitalized(text: str) -> str:
    """The text with an upper-case first letter; all others stay."""
    return text[:1].upper() + text[1:]


def score_of(row: Row) -> str:
    """The score in words."""
    return SCORES.get(row["metric"], str(row["metric"]))


def verdict(row: Row) -> str:
    """The verdict without the name of the baseline, which is in the row's name; none for an interval, which is no comparison."""
    short = str(row["verdict"]).removesuffix(str(row["baseline_name"])).strip()
    return {
        "better than": "better",
        "no better than": "no better",
        "too few races to compare with": "too few races",
    }.get(short, NONE)


def _by_claim(rows: list[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        if row["season"] == "all":
            found.setdefault(row["claim"], []).append(row)
    return found


def _calibration(claim: str, title: str, rows: list[Row]) -> Chart:
    highest = max(max(row["forecast"], row["observed"]) for row in rows)
    points = {
        "mode": "markers+lines",
        "name": plain(title),
        "x": [round(row["forecast"], 4) for row in rows],
        "y": [round(row["observed"], 4) for row in rows],
        "customdata": [row["n"] for row in rows],
        "line": {"color": "--ink"},
        "marker": {"size": 8},
        "hovertemplate": "forecast %{x:.1%}, happened %{y:.1%} of %{customdata:d} cases<extra></extra>",
    }
    ideal = {
        "x": [0, highest],
        "y": [0, highest],
        "line": {"color": "--faint", "dash": "dot"},
        "hoverinfo": "skip",
    }
    return Chart(
        name=f"calibration-{claim.replace('_', '-')}",
        title=capitalized(title),
        alt="How often it happened, by forecast, in ten groups of equal size; on the dotted line both are equal.",
        height=360,
        figure=(
            [ideal, points],
            {
                "margin": {"l": 60, "r": 24, "t": 16, "b": 44},
                "xaxis": axis("Forecast chance", tickformat=".0%"),
                "yaxis": axis("Share that happened", tickformat=".0%"),
            },
        ),
    )
