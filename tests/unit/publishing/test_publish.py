"""Publish: readers see the old or the new gold, and only a successful build is published."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake

from f1_lakehouse.publishing import build_record
from f1_lakehouse.publishing import publish as publish_module
from f1_lakehouse.publishing.build_record import (
    Build,
    current_digest,
    last_build,
    mark_build_started,
    must_rebuild,
    record_build,
)
from f1_lakehouse.publishing.file_state import identity
from f1_lakehouse.publishing.gold_file import GoldLockedError, PublishError, connect_gold
from f1_lakehouse.publishing.publication import find_lag, publication, published_sessions
from f1_lakehouse.publishing.publish import publish
from f1_lakehouse.publishing.table_state import table_states
from f1_lakehouse.settings import Settings

NOON = datetime(2024, 9, 22, 12, 0, tzinfo=UTC)
BUILD = Build("3-abc", "run-1", NOON, seen_at=NOON, digest=current_digest())


@pytest.fixture
def lake(tmp_path: Path) -> Settings:
    return Settings(lakehouse_root=tmp_path)


@pytest.fixture
def build(lake: Settings) -> Callable[..., None]:
    """Fill the warehouse with SQL, as dbt does, and record the build."""

    def run(*statements: str, version: str = "3-abc") -> None:
        mark_build_started(lake)
        with duckdb.connect(str(lake.warehouse)) as con:
            con.execute("create schema if not exists gold; create schema if not exists silver")
            for statement in statements:
                con.execute(statement)
        record_build(lake, replace(BUILD, bronze_version=version))

    return run


FIRST = (
    "create or replace table gold.dim_driver as select n as driver_number, 'driver ' || n as name from range(3) r(n)",
    "comment on table gold.dim_driver is 'Who''s who'",
    "comment on column gold.dim_driver.name is 'Name, °'",
    "create or replace table gold.fact_telemetry as select 9606 as session_key, 1 as driver_number, now() as date, 'pull' as built_from",
    "create or replace table silver.silver_laps as select 1 as lap_number",
)


def read(path: Path, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(query).fetchall()


def write(path: Path, statement: str) -> None:
    with duckdb.connect(str(path)) as con:
        con.execute(statement)


def test_gold_is_published_with_its_comments_and_origin(lake: Settings, build: Callable[..., None]) -> None:
    build(*FIRST)
    published = publish(lake)
    assert (published.bronze_version, published.rows) == ("3-abc", {"dim_driver": 3})
    assert publication(lake) == published
    assert read(lake.gold, "select count(*) from gold.dim_driver") == [(3,)]
    assert read(lake.gold, "select comment from duckdb_tables() where table_name = 'dim_driver'") == [
        ("Who's who",)
    ]
    assert read(
        lake.gold, "select comment from duckdb_columns() where column_name = 'name' and comment is not null"
    ) == [("Name, °",)]
    assert "CC BY-NC-SA" in str(read(lake.gold, "select licence from meta.publication"))


def test_only_gold_is_published_and_telemetry_as_delta_only(
    lake: Settings, build: Callable[..., None]
) -> None:
    build(*FIRST)
    publish(lake)
    assert read(lake.gold, "select table_schema, table_name from information_schema.tables order by all") == [
        ("main", "dim_driver"),
        ("meta", "coverage"),
        ("meta", "data_card"),
        ("meta", "publication"),
    ]
    assert sorted(path.name for path in Path(lake.published_tables).iterdir() if path.is_dir()) == [
        "dim_driver",
        "fact_telemetry",
    ]
    assert DeltaTable(f"{lake.published_tables}/dim_driver").to_pyarrow_table().num_rows == 3


def test_data_card_is_published_with_the_data(lake: Settings, build: Callable[..., None]) -> None:
    """The data card has source, licence and coverage per season, also of the table outside the file."""
    rows = "select 9606 + n % 2 as session_key, 2024 as season, timestamp '2024-09-23' as pulled_at, 'p' as built_from"
    build(
        *FIRST[:3],
        f"create or replace table gold.fact_laps as {rows} from range(5) r(n)",
        f"create or replace table gold.fact_telemetry as {rows}, 1 as driver_number, now() as date from range(7) r(n)",
    )
    publish(lake)
    card = dict(read(lake.gold, "from meta.data_card"))
    assert "openf1.org" in card["attribution"]
    assert "creativecommons.org/licenses/by-nc-sa/4.0" in card["licence"]
    assert read(lake.gold, "select * exclude newest_pull from meta.coverage order by 1") == [
        ("fact_laps", 2024, 2, 5, False),
        ("fact_telemetry", 2024, 2, 7, False),
    ]
    assert card["is_generated"] == "no"
    assert DeltaTable(f"{lake.published_tables}/fact_laps").metadata().description == card["attribution"]


@pytest.mark.parametrize(
    ("keys", "is_generated", "coverage"),
    [
        ((2024015,), "yes", [(1, True)]),
        ((9606, 2024015), "in part", [(1, False), (1, True)]),
    ],
)
def test_generated_sessions_are_marked_in_the_data_card_and_per_session(
    lake: Settings,
    build: Callable[..., None],
    keys: tuple[int, ...],
    is_generated: str,
    coverage: list[tuple],
) -> None:
    rows = f"select unnest({list(keys)}) as session_key, 2024 as season, timestamp '2024-09-23' as pulled_at"
    build(*FIRST[:3], f"create or replace table gold.fact_laps as {rows}")
    publish(lake)
    card = dict(read(lake.gold, "from meta.data_card"))
    assert card["is_generated"] == is_generated
    assert f"1 of {len(keys)}" in card["generated sessions"]
    assert "f1 generate" in card["source"]
    assert ("OpenF1 (openf1.org)" in card["attribution"]) == (is_generated == "in part")
    assert "f1 generate" in card["attribution"]
    assert (
        read(lake.gold, "select sessions, is_generated from meta.coverage order by is_generated") == coverage
    )
    [(licence,)] = read(lake.gold, "select licence from meta.publication")
    assert (
        licence
        == card["attribution"]
        == DeltaTable(f"{lake.published_tables}/fact_laps").metadata().description
    )


def test_nothing_is_published_before_the_first_build(lake: Settings) -> None:
    assert publication(lake) is None
    assert last_build(lake) is None
    with pytest.raises(PublishError, match="run: f1 transform"):
        publish(lake)
    assert not lake.gold.exists()


def test_gold_is_unchanged_during_and_after_a_failed_build(
    lake: Settings, build: Callable[..., None]
) -> None:
    build(*FIRST)
    publish(lake)
    before = lake.gold.read_bytes()
    mark_build_started(lake)
    mark_build_started(lake)
    with duckdb.connect(str(lake.warehouse)) as con:
        con.execute("insert into gold.dim_driver values (9, 'half-built')")
    with pytest.raises(PublishError):
        publish(lake)
    assert lake.gold.read_bytes() == before
    assert DeltaTable(f"{lake.published_tables}/dim_driver").to_pyarrow_table().num_rows == 3


def test_build_without_its_warehouse_is_not_published(lake: Settings, build: Callable[..., None]) -> None:
    build(*FIRST)
    lake.warehouse.unlink()
    with pytest.raises(PublishError):
        publish(lake)


def test_recorded_build_is_read(lake: Settings) -> None:
    record_build(lake, BUILD)
    assert last_build(lake) == BUILD
    known = replace(BUILD, endpoints={"laps": "3-abc"})
    record_build(lake, known)
    assert last_build(lake) == known
    assert sorted(path.name for path in lake.root.iterdir()) == ["build.json", "build_endpoints.json"]


def test_what_a_warehouse_was_built_from_is_not_known_once_it_was_changed_or_replaced(
    lake: Settings, build: Callable[..., None]
) -> None:
    build(*FIRST)
    known = replace(BUILD, endpoints={"laps": "3-abc"})
    record_build(lake, known)
    duckdb.connect(str(lake.warehouse)).close()  # as the next build does to see whether it can be read
    assert last_build(lake) == known
    before = lake.warehouse.read_bytes()
    with duckdb.connect(str(lake.warehouse)) as con:
        con.execute("create table gold.by_hand as select 1 as n")
    assert last_build(lake) == replace(known, endpoints={})
    record_build(lake, known)
    lake.warehouse.write_bytes(before)
    assert last_build(lake) == replace(known, endpoints={})


def test_record_of_a_build_is_read_by_earlier_versions_and_theirs_by_this_one(lake: Settings) -> None:
    record_build(lake, replace(BUILD, endpoints={"laps": "3-abc"}))
    record = orjson.loads((lake.root / "build.json").read_bytes())
    assert record.keys() == {"bronze_version", "run_id", "built_at", "seen_at", "digest"}
    # The next build, with an earlier version of the code: nothing is known of the endpoints that it has read.
    (lake.root / "build.json").write_bytes(orjson.dumps({**record, "run_id": "another"}))
    found = last_build(lake)
    assert found == replace(BUILD, run_id="another", endpoints={})


def test_open_reader_keeps_old_gold_and_a_new_reader_gets_new_gold(
    lake: Settings, build: Callable[..., None]
) -> None:
    build(*FIRST)
    publish(lake)
    # A separate process would see the same: it has the inode open, which the rename does not change.
    with lake.gold.open("rb") as old:
        before = lake.gold.read_bytes()
        inode = lake.gold.stat().st_ino
        build("insert into gold.dim_driver values (9, 'new')", version="4-def")
        publish(lake)
        assert old.read() == before
        assert lake.gold.stat().st_ino != inode
    assert read(lake.gold, "select count(*) from gold.dim_driver") == [(4,)]
    found = publication(lake)
    assert found is not None
    assert found.bronze_version == "4-def"


@pytest.mark.parametrize("step", ["_copy", "export_tables", "_count"])
def test_failed_publish_keeps_old_gold_and_no_temporary_files(
    lake: Settings, build: Callable[..., None], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    build(*FIRST)
    publish(lake)
    before = lake.gold.read_bytes()
    build("insert into gold.dim_driver values (9, 'new')")

    def fail(*_: object) -> None:
        (lake.root / f".gold.{os.getpid()}.duckdb.partial.tmp").mkdir()  # spill files of DuckDB
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(publish_module, step, fail)
        with pytest.raises(OSError, match="disk full"):
            publish(lake)
    assert lake.gold.read_bytes() == before
    assert {path.name for path in lake.root.iterdir()} == {
        "build.json",
        "build_endpoints.json",
        "gold",
        "gold.duckdb",
        "published.json",
        "locks",
        "warehouse.duckdb",
    }


def test_publish_leaves_no_log_or_temporary_file(lake: Settings, build: Callable[..., None]) -> None:
    build(*FIRST)
    publish(lake)
    assert {path.name for path in lake.root.iterdir()} == {
        "build.json",
        "build_endpoints.json",
        "gold",
        "gold.duckdb",
        "published.json",
        "locks",
        "warehouse.duckdb",
    }
    # Where people read the Parquet files of the tables as they are.
    assert "Delta table, not a set of Parquet files" in (lake.root / "gold" / "README.md").read_text()


def test_unchanged_table_is_not_written_again_as_delta(lake: Settings, build: Callable[..., None]) -> None:
    build(*FIRST, "create or replace table gold.dim_meeting as select 1 as meeting_key")
    publish(lake)
    build("insert into gold.dim_driver values (9, 'new')")
    publish(lake)
    versions = {
        t: DeltaTable(f"{lake.published_tables}/{t}").version() for t in ("dim_driver", "dim_meeting")
    }
    assert versions == {"dim_driver": 1, "dim_meeting": 0}
    assert DeltaTable(f"{lake.published_tables}/dim_driver").to_pyarrow_table().num_rows == 4


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ("alter table gold.dim_driver rename column name to full_name", ["driver_number", "full_name"]),
        ("alter table gold.dim_driver alter driver_number type integer", ["driver_number", "name"]),
    ],
)
def test_renamed_or_retyped_column_is_a_change(
    lake: Settings, build: Callable[..., None], change: str, names: list[str]
) -> None:
    build(*FIRST)
    publish(lake)
    build(
        "comment on column gold.dim_driver.name is null", "comment on table gold.dim_driver is null", change
    )
    publish(lake)
    table = DeltaTable(f"{lake.published_tables}/dim_driver")
    assert table.version() == 1
    assert [field.name for field in table.schema().fields] == names


LAPS = "create or replace table gold.fact_laps as select 2023 + n % 2 as season, n as lap_number, 'a' as compound from range(6) r(n)"


def delta(lake: Settings, table: str) -> DeltaTable:
    return DeltaTable(f"{lake.published_tables}/{table}")


def files(table: DeltaTable, season: int) -> set[str]:
    return {uri for uri in table.file_uris() if f"season={season}" in uri}


@pytest.mark.parametrize(
    ("change", "seasons"),
    [
        ("update gold.fact_laps set compound = 'b' where lap_number = 4", {2023}),
        ("insert into gold.fact_laps values (2024, 7, 'a')", {2024}),
        ("insert into gold.fact_laps values (2025, 7, 'a')", {2025}),
        ("delete from gold.fact_laps where season = 2023", {2023}),
        ("update gold.fact_laps set season = 2024 where lap_number = 4", {2023, 2024}),
        ("update gold.fact_laps set season = null where lap_number = 4", {2023, 2024}),
        ("delete from gold.fact_laps", {2023, 2024}),
        ("alter table gold.fact_laps rename compound to tyre", {2023, 2024}),
        ("alter table gold.fact_laps drop season", {2023, 2024}),
    ],
)
def test_only_changed_seasons_of_a_table_are_written(
    lake: Settings, build: Callable[..., None], change: str, seasons: set[int]
) -> None:
    build(*FIRST, LAPS)
    publish(lake)
    before = delta(lake, "fact_laps")
    build(change)
    # Also after a second change, which is detected against the record of the first.
    for again in ((), ("update gold.fact_laps set lap_number = 70 where lap_number = 0",)):
        build(*again)
        publish(lake)
        after, expected = (
            delta(lake, "fact_laps"),
            read(lake.warehouse, "from gold.fact_laps order by lap_number"),
        )
        assert read(lake.gold, "from gold.fact_laps order by lap_number") == expected
        columns = [name for (name, *_) in read(lake.gold, "describe gold.fact_laps")]
        rows = after.to_pyarrow_table(columns=columns).sort_by("lap_number").to_pylist()
        assert [tuple(row.values()) for row in rows] == expected
        if not again:
            kept = {2023, 2024} - seasons
            assert after.version() == before.version() + 1
            assert all(files(after, season) == files(before, season) for season in kept)
            assert not any(files(after, season) & files(before, season) for season in seasons)


def write_undetected(lake: Settings, statement: str) -> None:
    """Write into published gold so that publish does not detect the change."""
    write(lake.gold, statement)
    noted = lake.root / "published.json"
    value = orjson.loads(noted.read_bytes())
    noted.write_bytes(orjson.dumps({**value, "file": identity(lake.gold)}))


def test_unchanged_rows_are_not_written_to_the_file_again(lake: Settings, build: Callable[..., None]) -> None:
    build(*FIRST, LAPS)
    publish(lake)
    write_undetected(lake, "update gold.fact_laps set compound = 'left alone' where season = 2023")
    write_undetected(lake, "update gold.dim_driver set name = 'left alone'")
    build("insert into gold.fact_laps values (2024, 7, 'a')")
    publish(lake)
    found = read(lake.gold, "select season, compound, count(*) from gold.fact_laps group by all order by 1")
    assert found == [(2023, "left alone", 3), (2024, "a", 4)]
    assert read(lake.gold, "select distinct name from gold.dim_driver") == [("left alone",)]


def test_new_rows_of_a_table_without_seasons_leave_its_descriptions_alone(
    lake: Settings, build: Callable[..., None]
) -> None:
    """Each description takes longer to write than the rows of a small table, and gold has 1,400."""
    build(*FIRST, "comment on column gold.dim_driver.name is 'first and last name'")
    publish(lake)
    write_undetected(lake, "comment on column gold.dim_driver.name is 'left alone'")
    build("update gold.dim_driver set name = 'renamed' where driver_number = 1")
    publish(lake)
    rows = "from gold.dim_driver order by driver_number"
    assert read(lake.gold, rows) == read(lake.warehouse, rows)
    said = "select comment from duckdb_columns() where table_name = 'dim_driver' and column_name = 'name'"
    assert read(lake.gold, said) == [("left alone",)]


@pytest.mark.parametrize("change", ["delete from gold.fact_laps", "drop table gold.dim_driver"])
def test_file_changed_by_another_program_is_published_completely(
    lake: Settings, build: Callable[..., None], change: str
) -> None:
    build(*FIRST, LAPS)
    publish(lake)
    write(lake.gold, change)
    publish(lake)
    counts = "select (select count(*) from gold.fact_laps), (select count(*) from gold.dim_driver)"
    assert read(lake.gold, counts) == [(6, 3)]


@pytest.mark.parametrize("left", [b"", b"{", b'{"file": "1 2 3", "tables": {}}', None])
def test_gold_without_a_publication_record_is_published_completely(
    lake: Settings, build: Callable[..., None], left: bytes | None
) -> None:
    build(*FIRST, LAPS)
    publish(lake)
    noted = lake.root / "published.json"
    noted.unlink()
    if left is not None:
        noted.write_bytes(left)
    publish(lake)
    assert read(lake.gold, "select count(*) from gold.fact_laps") == [(6,)]


def test_publication_record_of_another_version_is_ignored(lake: Settings, build: Callable[..., None]) -> None:
    build(*FIRST, LAPS)
    publish(lake)
    noted = lake.root / "published.json"
    value = orjson.loads(noted.read_bytes())
    for tables in ({"fact_laps": {"hash": 1}}, ["fact_laps"]):
        noted.write_bytes(orjson.dumps({**value, "tables": tables}))
        publish(lake)
        assert read(lake.gold, "select count(*) from gold.fact_laps") == [(6,)]


@pytest.mark.parametrize("table", ["dim_driver", "fact_laps"])
def test_changed_or_removed_description_is_published(
    lake: Settings, build: Callable[..., None], table: str
) -> None:
    """Also if the rows of the table are unchanged or changed in one season."""
    build(*FIRST, LAPS, f"comment on table gold.{table} is 'Who'")
    publish(lake)
    query = f"select comment from duckdb_tables() where table_name = '{table}'"
    for change, expected in (("'Whom'", "Whom"), ("null", None)):
        build(
            f"comment on table gold.{table} is {change}", "insert into gold.fact_laps values (2024, 9, 'a')"
        )
        publish(lake)
        assert read(lake.gold, query) == [(expected,)]


def test_new_description_and_removed_table_are_published(lake: Settings, build: Callable[..., None]) -> None:
    build(*FIRST, LAPS)
    publish(lake)
    build("drop table gold.fact_laps", "comment on column gold.dim_driver.name is 'Surname'")
    publish(lake)
    tables = read(lake.gold, "show tables")
    assert tables == [("dim_driver",)]
    query = "select comment from duckdb_columns() where column_name = 'name' and comment is not null"
    assert read(lake.gold, query) == [("Surname",)]


def test_file_size_is_independent_of_the_number_of_publishes(
    lake: Settings, build: Callable[..., None]
) -> None:
    wide = ", ".join(f"(hash(n * {k}) >> 1)::bigint as value_{k}" for k in range(8))
    rows = f"select 2023 + n // 25_000 as season, {wide} from range(100_000) r(n)"
    build(f"create or replace table gold.fact_laps as {rows}")
    publish(lake)
    first_size, sizes = lake.gold.stat().st_size, []
    for number in range(10):
        build(f"update gold.fact_laps set value_0 = {number} where season = {2023 + number % 4}")
        publish(lake)
        sizes.append(lake.gold.stat().st_size)
    # DuckDB keeps replaced rows until a checkpoint, so the size reaches a maximum and stays there.
    assert max(sizes[5:]) <= max(sizes[:5]) < 3 * first_size


def test_completely_published_table_is_published_by_season_afterwards(
    lake: Settings, build: Callable[..., None]
) -> None:
    build(*FIRST, LAPS)
    with duckdb.connect(str(lake.warehouse)) as con:
        all_rows = con.sql("from gold.fact_laps").to_arrow_table()
    write_deltalake(
        f"{lake.published_tables}/fact_laps",
        all_rows,
        commit_properties=CommitProperties(custom_metadata={"fingerprint": "6-1-2"}),
    )
    publish(lake)
    table = delta(lake, "fact_laps")
    assert table.metadata().partition_columns == ["season"]
    assert table.to_pyarrow_table().num_rows == 6


def test_empty_table_is_published_with_its_columns(lake: Settings, build: Callable[..., None]) -> None:
    build("create table gold.mart_empty (points double)")
    assert publish(lake).rows == {"mart_empty": 0}
    assert [f.name for f in DeltaTable(f"{lake.published_tables}/mart_empty").schema().fields] == ["points"]


def test_temporary_files_of_a_killed_publish_are_removed_and_of_a_running_one_kept(
    lake: Settings, build: Callable[..., None]
) -> None:
    build(*FIRST)
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = [lake.root / f".gold.{gone.pid}.duckdb.partial{end}" for end in ("", ".wal")]
    alive = lake.root / f".gold.{os.getppid()}.duckdb.partial"
    for path in (*left, alive):
        path.write_bytes(b"half")
    spilled = lake.root / f".gold.{gone.pid}.duckdb.partial.tmp"
    spilled.mkdir()
    (spilled / "duckdb_temp_storage_DEFAULT-0.tmp").write_bytes(b"half")
    publish(lake)
    assert not any(path.exists() for path in (*left, spilled))
    assert alive.exists()


def test_publish_uses_little_memory_and_spills_next_to_its_file(
    lake: Settings, build: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spill files are not written to the working folder."""
    build(*FIRST)
    spilled: list[tuple[str, str]] = []
    count = publish_module._count

    def counted(con: duckdb.DuckDBPyConnection, table: str) -> int:
        spilled.extend(
            con.execute(
                "select current_setting('memory_limit'), current_setting('temp_directory')"
            ).fetchall()
        )
        return count(con, table)

    monkeypatch.setattr(publish_module, "_count", counted)
    publish(lake)
    spills = lake.root / f".gold.{os.getpid()}.duckdb.partial.tmp"
    assert set(spilled) == {("48.0 MiB", str(spills))}
    assert not spills.exists()


# Clients


def storage_version(path: Path) -> int:
    """Return the version in the header of a DuckDB file: 64 is readable from client 0.10 on, 68 requires 1.5."""
    with path.open("rb") as file:
        header = file.read(20)
    assert header[8:12] == b"DUCK"
    return int.from_bytes(header[12:20], "little")


def test_older_clients_read_the_file_and_unqualified_table_names(
    lake: Settings, build: Callable[..., None]
) -> None:
    build(*FIRST, LAPS)
    for _ in range(2):  # also when an existing file is updated
        publish(lake)
        assert storage_version(lake.gold) == 64
        assert read(lake.gold, "show tables") == [("dim_driver",), ("fact_laps",)]
        counts = "select (select count(*) from fact_laps), (select count(*) from gold.fact_laps)"
        assert read(lake.gold, counts)[0][0] == read(lake.gold, counts)[0][1] > 0
        # A time with a zone requires a package that an older client may not have.
        types = "select distinct data_type from duckdb_columns() where schema_name = 'meta' and data_type like 'TIME%'"
        assert read(lake.gold, types) == [("TIMESTAMP",)]
        build("insert into gold.fact_laps values (2024, 7, 'a')")


def write_old_layout(lake: Settings) -> None:
    """Write a file in layout 1, as version 0.1.0 of the code did, with its publication record."""
    lake.gold.unlink(missing_ok=True)
    with duckdb.connect() as con:
        con.execute(f"attach '{lake.gold}' as target")
        con.execute(f"attach '{lake.warehouse}' as warehouse (read_only)")
        con.execute("create schema target.gold; create schema target.meta")
        for table in ("fact_laps", "fact_results"):
            con.execute(f"create table target.gold.{table} as from warehouse.gold.{table}")
        con.execute(
            "create table target.meta.publication as select '3-abc' as bronze_version, "
            "timestamptz '2024-09-22 14:00:00+02' as published_at, '0.1.0' as code_version, '{\"fact_laps\": 2}'::json as tables"
        )
        states = table_states(con, "warehouse")
    note = {"file": identity(lake.gold), "tables": states}
    (lake.root / "published.json").write_bytes(orjson.dumps(note))


KEYED = tuple(
    f"create or replace table gold.{name} as select 9606 as session_key, 2024 as season, n as lap_number from range(2) r(n)"
    for name in ("fact_laps", "fact_results")
)


def test_file_in_the_earlier_layout_is_replaced_without_new_data(
    lake: Settings, build: Callable[..., None]
) -> None:
    build(*KEYED)
    write_old_layout(lake)
    found = publication(lake)
    assert found is not None
    assert (found.bronze_version, found.published_at, found.digest) == ("3-abc", NOON, None)
    assert published_sessions(lake) == {9606}
    with connect_gold(lake) as con:
        assert con.execute("select count(*) from fact_laps").fetchall() == [(2,)]
        assert con.execute("select code_version from publication").fetchall() == [("0.1.0",)]
    assert storage_version(lake.gold) > 64

    assert find_lag(lake, "3-abc") == "another version of the code built it"
    publish(lake)
    assert find_lag(lake, "3-abc") is None
    assert storage_version(lake.gold) == 64
    assert read(lake.gold, "show tables") == [("fact_laps",), ("fact_results",)]
    assert published_sessions(lake) == {9606}


# Code versions


def test_gold_lags_behind_bronze_or_the_code_or_not(
    lake: Settings, build: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_lag(lake, "3-abc") == "nothing is published yet"
    build(*KEYED)
    publish(lake)
    assert find_lag(lake, "3-abc") is None
    assert find_lag(lake, "4-abc") == "bronze has changed since it was published"
    for what, value in (("LAYOUT", 99), ("project_digest", lambda: "other")):
        with monkeypatch.context() as patch:
            patch.setattr(build_record, what, value)
            assert find_lag(lake, "3-abc") == "another version of the code built it"
    # The content of the file is decisive, not the record of the last publication.
    write(lake.gold, "update meta.publication set digest = '1-old'")
    assert find_lag(lake, "3-abc") == "another version of the code built it"
    lake.gold.write_bytes(b"no database")
    assert find_lag(lake, "3-abc") == "what is published cannot be read"
    publish(lake)
    assert find_lag(lake, "3-abc") is None


def test_warehouse_is_rebuilt_until_this_version_has_built_it(
    lake: Settings, build: Callable[..., None]
) -> None:
    assert not must_rebuild(lake), "there is nothing to rebuild"
    build(*KEYED)
    assert not must_rebuild(lake)
    for digest in ("1-old", None):
        record_build(lake, replace(BUILD, digest=digest))
        assert must_rebuild(lake)
    mark_build_started(lake, current_digest())  # a build that only adds new data has started
    assert not must_rebuild(lake)
    assert last_build(lake) is None
    mark_build_started(lake)  # one that rebuilds all
    assert must_rebuild(lake)


def test_publication_by_another_version_is_not_continued(lake: Settings, build: Callable[..., None]) -> None:
    build(*FIRST)
    publish(lake)
    write_undetected(lake, "update gold.dim_driver set name = 'left alone'")
    record_build(lake, replace(BUILD, digest="3-later"))
    publish(lake)
    assert ("left alone",) not in read(lake.gold, "select name from dim_driver")


# Other programs


@pytest.fixture
def program() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts a process which opens a DuckDB file, runs a statement and waits."""
    running = []

    def start(file: Path, statement: str, *, read_only: bool = False) -> subprocess.Popen[str]:
        code = (
            f"import duckdb, sys; con = duckdb.connect({str(file)!r}, read_only={read_only}); "
            f"con.execute({statement!r}); print('ready', flush=True); sys.stdin.read()"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def test_interrupted_publish_writes_no_further_delta_table(
    lake: Settings, build: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Delta tables are written in a thread, which a Ctrl-C does not reach."""
    build(*KEYED)
    export, written = publish_module.export_tables, []

    def export_after_the_interrupt(*arguments: Any) -> dict[str, int]:
        is_interrupted = arguments[-1]
        assert is_interrupted.__self__.wait(10)
        written.append(export(*arguments))
        return {}

    def interrupt(*_: Any) -> dict[str, int]:
        raise KeyboardInterrupt

    monkeypatch.setattr(publish_module, "export_tables", export_after_the_interrupt)
    monkeypatch.setattr(publish_module, "_write_tables", interrupt)
    with pytest.raises(KeyboardInterrupt):
        publish(lake)
    assert written == [{}]
    assert not lake.gold.exists()


def test_gold_is_not_replaced_if_a_delta_table_cannot_be_written(
    lake: Settings, build: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> dict[str, int]:
        raise OSError("no space left on device")

    build(*KEYED)
    monkeypatch.setattr(publish_module, "export_tables", fail)
    with pytest.raises(OSError, match="no space"):
        publish(lake)
    assert not lake.gold.exists()


def test_file_locked_by_a_writer_is_published_after_its_release(
    lake: Settings, build: Callable[..., None], program: Callable[..., subprocess.Popen[str]]
) -> None:
    build(*KEYED)
    publish(lake)
    inode = lake.gold.stat().st_ino
    writer = program(lake.gold, "create table notes as select 'uncommitted' as note")
    build("insert into gold.fact_laps values (9606, 2024, 7)", version="4-def")
    with pytest.raises(
        GoldLockedError, match=rf"is open for writing in process {writer.pid} .*close it"
    ) as found:
        publish(lake)
    assert "\n" not in str(found.value)
    assert lake.gold.stat().st_ino == inode
    assert {path.name for path in lake.root.glob("*.duckdb*")} >= {"gold.duckdb", "gold.duckdb.wal"}
    assert not list(lake.root.glob(".gold.*"))
    # The Delta tables are published, and the publication record is readable without the file.
    assert DeltaTable(f"{lake.published_tables}/fact_laps").to_pyarrow_table().num_rows == 3
    assert find_lag(lake, "4-def") == "bronze has changed since it was published"
    assert published_sessions(lake) == {9606}
    with pytest.raises(GoldLockedError, match=str(writer.pid)):
        connect_gold(lake)

    writer.kill()
    writer.wait()
    # Its log still exists and would be replayed into any file with that name.
    with pytest.raises(GoldLockedError, match=r"gold\.duckdb\.wal lies next to gold\.duckdb.*remove the log"):
        publish(lake)
    lake.gold.with_name("gold.duckdb.wal").unlink()
    publish(lake)
    assert find_lag(lake, "4-def") is None
    assert read(lake.gold, "select count(*) from fact_laps") == [(3,)]


def test_writer_that_starts_during_publish_is_detected_before_the_rename(
    lake: Settings,
    build: Callable[..., None],
    program: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build(*FIRST)
    publish(lake)
    inode, card = lake.gold.stat().st_ino, publish_module.write_card

    def late(*arguments: Any) -> None:
        card(*arguments)
        program(lake.gold, "create table notes as select 1 as note")

    build("insert into gold.dim_driver values (9, 'new')")
    monkeypatch.setattr(publish_module, "write_card", late)
    with pytest.raises(GoldLockedError, match="open for writing"):
        publish(lake)
    assert lake.gold.stat().st_ino == inode
    assert not list(lake.root.glob(".gold.*"))


def test_readers_do_not_block_publish(
    lake: Settings, build: Callable[..., None], program: Callable[..., subprocess.Popen[str]]
) -> None:
    build(*FIRST)
    publish(lake)
    inode = lake.gold.stat().st_ino
    program(lake.gold, "from dim_driver", read_only=True)
    build("insert into gold.dim_driver values (9, 'new')")
    publish(lake)
    assert lake.gold.stat().st_ino != inode
    assert read(lake.gold, "select count(*) from dim_driver") == [(4,)]
