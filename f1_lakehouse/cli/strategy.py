"""`f1 strategy`: the pit wall at a lap, another stop, the record of the forecasts, and the training of the models.

Does not belong here: the models and the published tables (the package strategy). Only training needs the extra.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from f1_lakehouse.cli.command import EXIT_USAGE, Command
from f1_lakehouse.cli.errors import CliError
from f1_lakehouse.cli.lake_folder import lake_settings, recorded
from f1_lakehouse.counts import counted

if TYPE_CHECKING:
    import duckdb

    from f1_lakehouse.settings import Settings

ACTIONS = ("show", "score", "models", "train")
EXTRA = "pip install 'f1-lakehouse[strategy]'"
COLUMNS_OF_FIELD = (
    "P", "driver", "tyres", "stops now", "loss s", "rejoins", "behind", "ahead of", "undercut", "undercut by next", "why not",
)  # fmt: skip
COLUMNS_OF_SCORE = (
    "claim", "season", "races", "n", "metric", "baseline", "model", "gain", "95 % interval", "verdict",
)  # fmt: skip
LIMIT_OF_CHOICES = (
    "differences between choices cannot be scored, and favor the earlier stop (docs/strategy.md)"
)
"""Printed with every comparison of stops."""


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=ACTIONS,
        default="show",
        help="show the pit wall (default), score the forecasts, list models, or train them",
    )
    parser.add_argument(
        "--session",
        nargs="+",
        metavar="NAME",
        help="the race: words such as singapore 2024, a session key, or latest",
    )
    parser.add_argument("--lap", type=int, metavar="N", help="the lap at whose end the forecast is made")
    parser.add_argument("--driver", metavar="DRIVER", help="car number or three letters, such as VER")
    parser.add_argument(
        "--what-if", type=int, metavar="STOP_LAP", help="compare the driver's stop with one in this lap"
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        help="with models: only the versions of this model; with score: re-score one",
    )
    parser.add_argument(
        "--version",
        dest="model_version",
        metavar="VERSION",
        help="with score and --model: the version to re-score on later races",
    )
    parser.add_argument("--json", action="store_true", help="one JSON value instead of a table")


def _strategy(given: argparse.Namespace) -> int:
    if given.action == "train":
        settings = lake_settings(writes=True)
        require_extra()
        return recorded(settings, "strategy train", lambda: _train(settings, given))
    settings = lake_settings()
    if given.action == "models":
        return _models(settings, given)
    if given.action == "score":
        return _rescore(settings, given) if given.model_version or given.model else _score(settings, given)
    if given.session is None or (given.lap is None and given.what_if is None):
        return _wrong_usage(
            "--session and --lap are required; for example f1 strategy --session latest --lap 20"
        )
    if given.what_if is not None and given.driver is None:
        return _wrong_usage("--what-if needs --driver")
    from f1_lakehouse.publishing.gold_file import connect_gold
    from f1_lakehouse.strategy.reading import find_race, wall_at

    with connect_gold(settings) as con:
        key = find_race(con, " ".join(given.session))
        if given.what_if is not None:
            return _what_if(con, key, given)
        return _show(
            wall_at(con, key, given.lap, given.driver), is_one=given.driver is not None, as_json=given.json
        )


def _wrong_usage(message: str) -> int:
    print(f"f1 strategy: {message}", file=sys.stderr)
    return EXIT_USAGE


def _show(rows: list[dict[str, Any]], *, is_one: bool, as_json: bool) -> int:
    if as_json:
        return _json(rows)
    return _show_one(rows[0]) if is_one else _show_field(rows)


def _show_field(rows: list[dict[str, Any]]) -> int:
    from rich.table import Table

    from f1_lakehouse.cli.tables import stdout

    first = rows[0]
    title = f"{first['season']} {first['meeting_name']}, end of lap {first['lap_number']}: if the car stopped in the next lap"
    table = Table(*COLUMNS_OF_FIELD, title=title, title_justify="left")
    letters = {row["driver_number"]: row["name_acronym"] for row in rows}
    for row in rows:
        table.add_row(
            _text(row["position"]),
            row["name_acronym"],
            f"{row['compound'] or '?'} {_text(row['tyre_age_laps'])}",
            _share(row["stop_chance"]),
            _text(row["pit_loss_s"], 1),
            _text(row["rejoin_position"]),
            _car(letters, row["rejoin_driver_number_ahead"], row["rejoin_gap_ahead_s"]),
            _car(letters, row["rejoin_driver_number_behind"], row["rejoin_gap_behind_s"]),
            _share(row["undercut_chance_answer_1_laps"]),
            _share(row["undercut_by_car_behind_chance_answer_1_laps"]),
            row["reason"] or "",
        )
    stdout().print(table)
    print("What these forecasts are worth: f1 strategy score")
    return 0


def _show_one(row: dict[str, Any]) -> int:
    from rich.table import Table

    from f1_lakehouse.cli.tables import stdout
    from f1_lakehouse.strategy.reading import OPTIONS

    age = row["tyre_age_laps"]
    print(
        f"{row['season']} {row['meeting_name']}, {row['name_acronym']} at the end of lap {row['lap_number']}: "
        f"P{_text(row['position'])}, {row['compound']} {'of unknown age' if age is None else counted(age, 'lap') + ' old'}"
    )
    if row["reason"]:
        print(f"no forecast of a stop: {row['reason']}")
        return 0
    print(
        f"chance of a stop in the next lap: {_share(row['stop_chance'])}; it was {'made' if row['has_stopped'] else 'not made'}"
    )
    print(f"a stop costs {_text(row['pit_loss_s'], 1)} s; after the out-lap P{_text(row['rejoin_position'])}")
    for answer in (1, 3):
        laps = counted(answer, "lap")
        own, other = (
            row[f"undercut_chance_answer_{answer}_laps"],
            row[f"undercut_by_car_behind_chance_answer_{answer}_laps"],
        )
        print(
            f"undercut if answered after {laps}: on the car ahead {_share(own)}, by the car behind {_share(other)}"
        )
    title = "Last stop: time to the finish if the race stays green, s"
    table = Table("stop", "expected", "80 % interval", "against now", title=title, title_justify="left")
    now = row["time_to_finish_stop_now_s"]
    for wait in OPTIONS:
        name = f"time_to_finish_stop_{f'in_{wait}_laps' if wait else 'now'}"
        value, low, high = row[f"{name}_s"], row[f"{name}_low_s"], row[f"{name}_high_s"]
        against = "" if value is None or now is None else f"{value - now:+.1f}"
        table.add_row(
            f"in {counted(wait, 'lap')}" if wait else "now",
            _text(value, 1),
            f"{_text(low, 1)} to {_text(high, 1)}",
            against,
        )
    stdout().print(table)
    print(LIMIT_OF_CHOICES)
    return 0


def _what_if(con: duckdb.DuckDBPyConnection, key: int, given: argparse.Namespace) -> int:
    from f1_lakehouse.strategy.reading import what_if

    found = what_if(con, key, given.driver, given.what_if)
    if given.json:
        from dataclasses import asdict

        return _json({**asdict(found), "difference": found.difference, "is_told_apart": found.is_told_apart})
    print(
        f"{found.driver} stopped in lap {found.actual_lap}; a stop in lap {found.stop_lap} instead is expected to take "
        f"{found.difference:+.1f} s to the finish, forecast from lap {found.from_lap}"
    )
    if found.low is None or found.high is None:
        print("no interval: too few earlier stops")
        return 0
    print(
        f"time to the finish {found.instead:.1f} s, 80 % interval {found.low:.1f} to {found.high:.1f} s, if the race stays green"
    )
    if not found.is_told_apart:
        print("the difference is smaller than what the forecast can tell apart")
    print(LIMIT_OF_CHOICES)
    return 0


def _score(settings: Settings, given: argparse.Namespace) -> int:
    from f1_lakehouse.publishing.gold_file import connect_gold
    from f1_lakehouse.strategy.reading import rows_of

    with connect_gold(settings) as con:
        rows = rows_of(con, "from strategy_scorecard")
        bins = rows_of(con, "from strategy_calibration") if given.json else []
    if given.json:
        return _json({"scorecard": rows, "calibration": bins})
    if not rows:
        print("too little history: no forecast was scored yet")
        return 0
    return _score_table(rows)


def _score_table(rows: list[dict[str, Any]]) -> int:
    from rich.table import Table

    from f1_lakehouse.cli.tables import stdout

    title = "Forecasts against what happened, each race by models trained on earlier races"
    table = Table(*COLUMNS_OF_SCORE, title=title, title_justify="left")
    for row in rows:
        low, high = row["difference_low"], row["difference_high"]
        table.add_row(
            row["claim"],
            row["season"],
            _text(row["races"]),
            _text(row["n"]),
            row["metric"],
            _text(row["baseline"], 3),
            _text(row["model"], 3),
            _text(row["difference"], 3),
            "" if low is None else f"{low:.3f} to {high:.3f}",
            row["verdict"],
        )
    stdout().print(table)
    return 0


def _models(settings: Settings, given: argparse.Namespace) -> int:
    from rich.table import Table

    from f1_lakehouse.cli.tables import stdout
    from f1_lakehouse.strategy.versions import Versions

    store = Versions(settings.models)
    used = store.in_use()
    rows = [
        {**one, "in_use": used.get(one["name"]) == one["version"]}
        for one in store.versions()
        if given.model in (None, one["name"])
    ]
    if given.json:
        return _json(rows)
    if not rows:
        print("no models are trained yet; run f1 strategy train")
        return 0
    title = "Versions of the models; * in use"
    table = Table("", "model", "version", "races", "last race", "examples", title=title, title_justify="left")
    for one in rows:
        table.add_row(
            "*" if one["in_use"] else "",
            one["name"],
            one["version"],
            _text(one["split"]["races"]),
            one["split"]["last_race"],
            _text(one["examples"]),
        )
    stdout().print(table)
    return 0


def _train(settings: Settings, given: argparse.Namespace) -> int:
    from f1_lakehouse.cli.progress import working
    from f1_lakehouse.strategy.training import train

    with working("training models") as say:
        done = train(settings, lambda name, races, of: say(f"{name}: {races} of {counted(of, 'race')}"))
    if given.json:
        return _json({"versions": done.versions, "fitted": done.fitted, "rows": done.rows})
    if not done.versions:
        print(
            "too little history: no model has enough races yet; the pit wall has reasons instead of forecasts"
        )
        return 0
    print(
        f"{counted(len(done.versions), 'model')} in use, {counted(sum(done.fitted.values()), 'version')} fitted now"
    )
    print(", ".join(f"{name}: {counted(rows, 'row')}" for name, rows in sorted(done.rows.items())))
    return 0


def _rescore(settings: Settings, given: argparse.Namespace) -> int:
    if given.model is None or given.model_version is None:
        return _wrong_usage("--version and --model belong together")
    require_extra()
    from f1_lakehouse.strategy.training import rescore

    lines = rescore(settings, given.model, given.model_version)
    return _json(lines) if given.json else _score_table(lines)


def require_extra() -> None:
    """Check that the extra is installed.

    Raises:
        CliError: it is not; the message has the command.
    """
    from importlib.util import find_spec

    if find_spec("lightgbm") is None or find_spec("sklearn") is None:
        raise CliError(f"the models need scikit-learn and LightGBM; {EXTRA}")


def _json(value: object) -> int:
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
    return 0


def _text(value: float | int | None, digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}" if digits else str(value)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"


def _car(letters: dict[int, str], number: int | None, gap: float | None) -> str:
    return "–" if number is None else f"{letters.get(number, number)} {_text(gap, 1)} s"


STRATEGY = Command(
    "strategy", "Show the pit wall at a lap, and score and train its models", _strategy, _add_arguments
)
