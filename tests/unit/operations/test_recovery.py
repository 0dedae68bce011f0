"""Recovery: damage is found, bronze is rebuilt from landing, and landing is restored from its backup."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from f1_lakehouse.operations.backup import copy_landing
from f1_lakehouse.operations.history import Changes
from f1_lakehouse.operations.maintenance import plan_restore, restore
from f1_lakehouse.operations.rebuild import rebuild
from f1_lakehouse.operations.verify import check_bronze, check_landing
from f1_lakehouse.sources import catalog
from f1_lakehouse.sources.catalog import Kind
from f1_lakehouse.sources.openf1.endpoints import BY_NAME
from f1_lakehouse.storage import bronze as bronze_module
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import Landing
from f1_lakehouse.storage.pull_log import BronzeError

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
Lap = Callable[..., dict[str, Any]]
BronzeSetup = Any


@pytest.fixture(scope="module")
def full_lake(
    lap: Lap, bronze_in: Callable[[Path], BronzeSetup], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of `full`."""
    setup = bronze_in(tmp_path_factory.mktemp("full"))
    setup.pull([[lap(1), lap(2)], [lap(3), lap(4, st_speed="fast")]])
    setup.pull([[lap(1), lap(2)], [lap(3), lap(4, st_speed="fast")]])
    setup.pull([lap(1), lap(1), lap(2, lap_duration=80.5, tyre_temp=90)])
    setup.pull([lap(1, session_key=9607)], scope=9607)
    setup.pull([], scope=9607, force=True)
    setup.pull([{"session_key": 9606, "meeting_key": 1, "driver_number": 4}], "drivers")
    # Pulls are applied directly here, so `forced` is recorded here.
    [path] = Path(setup.landing.store.uri).glob("laps/9607/*T13*/manifest.json")
    path.write_bytes(path.read_bytes().replace(b'"forced": false', b'"forced": true'))
    return setup.folder


@pytest.fixture
def full(full_lake: Path, bronze_in: Callable[[Path], BronzeSetup], tmp_path: Path) -> BronzeSetup:
    """Three pulls of laps and one of drivers, with corrections, quarantine, an emptied session and a new column."""
    shutil.copytree(full_lake, tmp_path, dirs_exist_ok=True)
    return bronze_in(tmp_path)


def content(bronze_setup: BronzeSetup) -> dict[str, list[str]]:
    tables = {name: bronze_setup.table(name) for name in ("laps", "drivers")} | {
        "_quarantine": bronze_setup.quarantine()
    }
    return {name: sorted(map(repr, rows)) for name, rows in tables.items()}


def current_pulls(bronze_setup: BronzeSetup) -> dict[tuple[str, int], tuple[Any, ...]]:
    pull_log = Bronze(bronze_setup.bronze.uri).pull_log
    found = {scope: pull_log.current_pull(*scope) for scope in pull_log.scopes()}
    return {s: (t.pull_id, t.rows, t.sha256, t.at, t.outcome) if t else () for s, t in found.items()}


def recreate(bronze_setup: BronzeSetup) -> list[Any]:
    return rebuild(Landing(bronze_setup.landing.store.uri), Bronze(bronze_setup.bronze.uri))


def remove(bronze_setup: BronzeSetup, *names: str) -> None:
    for name in names or bronze_setup.bronze.names():
        shutil.rmtree(bronze_setup.bronze.table_uri(name))


def corrupt(folder: str, pattern: str = "*.parquet", keep: int = 100) -> None:
    for path in Path(folder).rglob(pattern):
        path.write_bytes(path.read_bytes()[:keep])


# Bronze


DAMAGES: dict[str, Callable[[Any], None]] = {
    "a table deleted": lambda bronze_setup: remove(bronze_setup, "laps"),
    "quarantine deleted": lambda bronze_setup: remove(bronze_setup, "_quarantine"),
    "the pull log deleted": lambda bronze_setup: remove(bronze_setup, "_pulls"),
    "all of bronze deleted": lambda bronze_setup: remove(bronze_setup),
    "data files cut off": lambda bronze_setup: corrupt(bronze_setup.bronze.table_uri("laps")),
    "data files gone": lambda bronze_setup: [p.unlink() for p in Path(bronze_setup.bronze.table_uri("laps")).rglob("*.parquet")],
    "one data file gone": lambda bronze_setup: next(Path(bronze_setup.bronze.table_uri("laps")).rglob("*.parquet")).unlink(),
    "a log cut off": lambda bronze_setup: corrupt(bronze_setup.bronze.table_uri("laps"), "*.json", 9),
    "the pull log cut off": lambda bronze_setup: corrupt(bronze_setup.bronze.table_uri("_pulls")),
    "quarantine cut off": lambda bronze_setup: corrupt(bronze_setup.bronze.table_uri("_quarantine")),
    "a log gone": lambda bronze_setup: shutil.rmtree(bronze_setup.bronze.table_uri("laps") + "/_delta_log"),
}  # fmt: skip


IN_EACH_RUN = ("all of bronze deleted", "the pull log cut off", "one data file gone", "a log gone")


@pytest.mark.parametrize(
    "accident",
    [pytest.param(one, marks=() if one in IN_EACH_RUN else pytest.mark.slow) for one in DAMAGES],
)
def test_bronze_is_rebuilt_from_landing_with_the_same_rows_and_current_pulls(
    full: BronzeSetup, accident: str
) -> None:
    before, current = content(full), current_pulls(full)
    DAMAGES[accident](full)
    done = recreate(full)
    assert [line for one in done for line in one.problems] == []
    assert (content(full), current_pulls(full)) == (before, current)
    assert check_bronze(Bronze(full.bronze.uri)).problems == []
    Bronze(full.bronze.uri).create()


def test_rebuild_of_an_undamaged_lake_changes_nothing(full: BronzeSetup) -> None:
    before, pull_log = content(full), full.pulls()
    versions = [full.version(name) for name in ("laps", "drivers", "_pulls", "_quarantine")]
    done = {one.table: (one.there, one.restored) for one in recreate(full)}
    assert (done["laps"], done["drivers"], done["weather"]) == ((3, 0), (1, 0), (0, 0))
    assert (content(full), full.pulls()) == (before, pull_log)
    assert [full.version(name) for name in ("laps", "drivers", "_pulls", "_quarantine")] == versions


def test_interrupted_rebuild_is_completed_by_the_next(
    full: BronzeSetup, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, current = content(full), current_pulls(full)
    remove(full)
    whole, left = bronze_module.append_pull, [2]

    def dying(*args: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return whole(*args)

    with monkeypatch.context() as patch:
        patch.setattr(bronze_module, "append_pull", dying)
        with pytest.raises(KeyboardInterrupt):
            recreate(full)
    recreate(full)
    assert (content(full), current_pulls(full)) == (before, current)


def test_damaged_table_is_moved_and_not_deleted(full: BronzeSetup) -> None:
    corrupt(full.bronze.table_uri("laps"))
    [laps] = [one for one in recreate(full) if one.table == "laps"]
    assert (laps.restored, laps.rows) == (3, 7)
    assert laps.moved_to is not None
    assert list((Path(full.bronze.uri) / laps.moved_to).rglob("*.parquet"))


@pytest.fixture
def older_lake(full: BronzeSetup, monkeypatch: pytest.MonkeyPatch) -> BronzeSetup:
    """The lake of `full` as written by a version without row numbers."""
    remove(full)
    with monkeypatch.context() as patch:
        patch.setattr(catalog, "LAKE_COLUMNS", catalog.LAKE_COLUMNS[:-1])
        full.bronze.create()
        recreate(full)
    assert "_row_number" not in full.table()[0]
    return full


def test_lake_without_row_numbers_works_and_gets_them_by_a_rebuild(older_lake: BronzeSetup, lap: Lap) -> None:
    bronze = Bronze(older_lake.bronze.uri)
    bronze.create()
    assert {row["_row_number"] for row in older_lake.table()} == {None}
    assert bronze.extra_columns(BY_NAME["laps"]) == {"tyre_temp": Kind.DOUBLE}
    same = replace(older_lake, bronze=bronze)
    assert same.pull([lap(2, lap_duration=80.5, tyre_temp=90), lap(1), lap(1)]).outcome == "unchanged"
    done = same.pull([lap(2), lap(1)])
    assert (done.outcome, done.added_columns) == ("appended", None)
    without = [{k: v for k, v in row.items() if k != "_row_number"} for row in same.table()]
    assert check_bronze(bronze).problems == []

    [laps] = [one for one in recreate(same) if one.table == "laps"]
    assert (laps.restored, laps.problems) == (4, [])
    assert [row["_row_number"] for row in Bronze(bronze.uri).rows("laps", 9606).to_pylist()] == [0, 1]
    assert None not in {row["_row_number"] for row in same.table()}
    again = [{k: v for k, v in row.items() if k != "_row_number"} for row in same.table()]
    assert sorted(map(repr, again)) == sorted(map(repr, without))
    assert check_bronze(Bronze(bronze.uri)).problems == []
    assert not [one for one in recreate(same) if one.restored]


def test_rows_without_a_number_are_kept_if_landing_lacks_pulls(older_lake: BronzeSetup) -> None:
    [first, *_] = sorted(Path(older_lake.landing.store.uri).glob("laps/9606/*"))
    shutil.rmtree(first)
    before = older_lake.table()
    [laps] = [one for one in recreate(older_lake) if one.table == "laps"]
    assert (laps.moved_to, laps.restored) == (None, 0)
    assert [row | {"_row_number": None} for row in before] == older_lake.table()


def test_altered_rows_are_found_and_replaced(full: BronzeSetup, lap: Lap) -> None:
    # A flipped bit may leave a Parquet file readable: this file has the same schema and one other value.
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    before = content(full)
    folder = Path(full.bronze.table_uri("laps"))
    path = max(folder.glob("_season=*/*.parquet"), key=lambda p: p.stat().st_size)
    table = pq.ParquetFile(path).read()
    index = table.schema.get_field_index("lap_duration")
    other = pc.add(table["lap_duration"], 0.001)
    size = path.stat().st_size
    pq.write_table(table.set_column(index, "lap_duration", other), path)
    for log in folder.glob("_delta_log/*.json"):
        log.write_text(log.read_text().replace(f'"size":{size}', f'"size":{path.stat().st_size}'))
    [problem] = check_bronze(full.bronze).problems
    assert "rows that are not those that came" in problem
    recreate(full)
    assert content(full) == before


def test_restored_table_is_not_reported_as_damaged(full: BronzeSetup) -> None:
    changes = Changes(full.bronze, full.landing)
    restore(changes, plan_restore(changes, "laps", 1))
    assert check_bronze(full.bronze).problems == []


def test_pull_without_raw_responses_is_named(full: BronzeSetup) -> None:
    remove(full, "drivers")
    shutil.rmtree(Path(full.landing.store.uri) / "drivers")
    [drivers] = [one for one in recreate(full) if one.table == "drivers"]
    [problem] = drivers.problems
    assert "drivers-9606 is missing, and its raw answers are not in landing" in problem


def test_damaged_response_does_not_stop_the_rebuild_of_other_pulls(full: BronzeSetup) -> None:
    remove(full, "laps")
    corrupt(f"{full.landing.store.uri}/laps/9607", "*.zst", 5)
    [laps] = [one for one in recreate(full) if one.table == "laps"]
    assert laps.restored == 2
    assert any("is damaged" in line for line in laps.problems)
    assert len(full.current_rows()) == 3


def test_landed_pull_missing_from_bronze_is_applied(full: BronzeSetup, lap: Lap) -> None:
    full.land([lap(1, session_key=9610)], scope=9610)
    recreate(full)
    assert len(full.current_rows(scope=9610)) == 1


def test_unknown_table_is_refused(full: BronzeSetup) -> None:
    with pytest.raises(BronzeError, match="there is no table 'lap'"):
        rebuild(full.landing, full.bronze, ["lap"])


# Landing


def test_every_response_is_checked_against_its_manifest(full: BronzeSetup) -> None:
    found = check_landing(full.landing)
    assert (found.pulls, found.unfinished, found.answers, found.problems) == (6, 0, 8, [])
    assert found.bytes > 1000


@pytest.mark.parametrize(
    ("pattern", "damage", "message"),
    [
        ("0001-*.json.zst", lambda path: path.write_bytes(b"x"), "does not match its sha256"),
        ("0001-*.json.zst", lambda path: path.unlink(), "missing"),
        ("0001-*.meta.json", lambda path: path.unlink(), "missing"),
        ("0001-*.meta.json", lambda path: path.write_bytes(b"{"), "damaged"),
        ("manifest.json", lambda path: path.write_bytes(b"{"), "damaged"),
        (
            "manifest.json",
            lambda path: path.write_bytes(path.read_bytes().replace(b"part=0", b"part=7")),
            "says something else of",
        ),
    ],
)
def test_damaged_landing_files_are_found_and_restored_from_the_backup(
    full: BronzeSetup, tmp_path: Path, pattern: str, damage: Callable[[Path], None], message: str
) -> None:
    backup = Landing(str(tmp_path / "backup"))
    assert copy_landing(full.landing, backup).problems == []
    files = {p: p.read_bytes() for p in Path(full.landing.store.uri).rglob("*") if p.is_file()}
    damaged = next(iter(sorted(Path(full.landing.store.uri).glob(f"drivers/9606/*/{pattern}"))))
    damage(damaged)
    [problem] = check_landing(full.landing).problems
    assert message in problem
    assert damaged.name in problem
    done = copy_landing(backup, full.landing)
    assert (done.files, done.problems) == (1, [])
    assert {p: p.read_bytes() for p in Path(full.landing.store.uri).rglob("*") if p.is_file()} == files
    assert check_landing(full.landing).problems == []


def test_backup_copies_only_new_and_undamaged_files(full: BronzeSetup, tmp_path: Path, lap: Lap) -> None:
    backup = Landing(str(tmp_path / "backup"))
    first = copy_landing(full.landing, backup)
    assert (first.files, copy_landing(full.landing, backup).files) == (6 + 2 * 8, 0)
    full.pull([lap(9)])
    corrupt(f"{full.landing.store.uri}/drivers", "*.zst", 5)
    again = copy_landing(full.landing, backup)
    assert again.files == 3
    assert check_landing(backup).problems == []
    corrupt(f"{tmp_path}/backup/drivers", "*.zst", 4)
    [problem] = copy_landing(full.landing, backup).problems
    assert "drivers" in problem


def test_interrupted_backup_has_no_manifest_of_an_incomplete_pull(
    full: BronzeSetup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for stop in range(1, 22):
        target = Landing(str(tmp_path / f"backup{stop}"))
        left, whole = [stop], target.store.write

        def write(name: str, data: bytes, left: list[int] = left, whole: Any = whole) -> None:
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
            whole(name, data)

        with monkeypatch.context() as patch:
            patch.setattr(target.store, "write", write)
            with pytest.raises(KeyboardInterrupt):
                copy_landing(full.landing, target)
        for manifest in Path(target.store.uri).rglob("manifest.json"):
            folder = str(manifest.parent.relative_to(target.store.uri))
            assert check_landing(target).problems == [], folder


def test_lake_is_restored_from_its_backup_alone(full: BronzeSetup, tmp_path: Path) -> None:
    before, current = content(full), current_pulls(full)
    copy_landing(full.landing, Landing(str(tmp_path / "backup")))
    shutil.rmtree(full.landing.store.uri)
    remove(full)
    copy_landing(Landing(str(tmp_path / "backup")), full.landing)
    recreate(full)
    assert (content(full), current_pulls(full)) == (before, current)
