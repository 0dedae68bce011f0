"""Table scans open only the files that can contain the requested pulls."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable, write_deltalake

from f1_lakehouse.storage.delta import WRITER, scan


@pytest.fixture
def table(tmp_path: Path) -> DeltaTable:
    """A table with one pull per file and two per season, in a path that a URI must encode."""
    path = tmp_path / "a lake, 50 % Größe" / "laps"
    for season in (2023, 2024):
        for number in (1, 2):
            pull = f"{season}-pull-{number}"
            rows = pa.table({"_season": [season] * 3, "_pull_id": [pull] * 3, "lap_number": [1, 2, None]})
            write_deltalake(path, rows, partition_by=["_season"], mode="append")
    return DeltaTable(path)


def make_others_unreadable(table: DeltaTable, pull: str) -> None:
    """Make the files of all other pulls unreadable."""
    for path, found in zip(*files(table), strict=True):
        if found != pull:
            (Path(unquote(urlsplit(table.table_uri).path)) / path).write_bytes(b"no parquet")


def files(table: DeltaTable) -> tuple[list[str], list[str]]:
    listed = pa.table(table.get_add_actions(flatten=True))
    return listed["path"].to_pylist(), listed["min._pull_id"].to_pylist()


def test_scan_has_the_rows_and_types_of_deltalake(table: DeltaTable) -> None:
    found, expected = scan(table).to_table(), table.to_pyarrow_table()
    assert found.schema == expected.schema
    by = [("_pull_id", "ascending"), ("lap_number", "ascending")]
    assert found.select(expected.column_names).sort_by(by) == expected.sort_by(by)


def test_files_of_other_pulls_are_not_opened(table: DeltaTable) -> None:
    make_others_unreadable(table, "2024-pull-1")
    found = scan(table).to_table(filter=pc.field("_pull_id") == "2024-pull-1")
    assert found["lap_number"].to_pylist() == [1, 2, None]
    assert found["_season"].to_pylist() == [2024] * 3


def test_scan_of_seasons_opens_their_files_only(table: DeltaTable) -> None:
    assert len(scan(table, [2024]).files) == 2
    assert scan(table, [2024]).count_rows() == 6
    assert scan(table, []).count_rows() == 0


def test_file_of_several_pulls_is_found_by_each_pull(table: DeltaTable) -> None:
    table.optimize.compact()
    for pull in ("2023-pull-1", "2023-pull-2"):
        assert scan(table).to_table(filter=pc.field("_pull_id") == pull).num_rows == 3


def test_table_without_rows_partition_or_pulls_can_be_scanned(tmp_path: Path) -> None:
    DeltaTable.create(tmp_path / "empty", pa.schema([("pull_id", pa.string())]))
    assert scan(DeltaTable(tmp_path / "empty")).to_table().num_rows == 0
    write_deltalake(tmp_path / "plain", pa.table({"speed": [1, 2]}))
    assert scan(DeltaTable(tmp_path / "plain")).to_table()["speed"].to_pylist() == [1, 2]
    write_deltalake(tmp_path / "unknown", pa.table({"pull_id": pa.array([None, None], pa.string())}))
    assert scan(DeltaTable(tmp_path / "unknown")).to_table(filter=pc.field("pull_id").is_null()).num_rows == 2


def test_scan_on_disk_decodes_few_rows_ahead_of_its_consumer(tmp_path: Path) -> None:
    rows = pa.table({"rpm": pa.array(range(1_000_000), pa.int64())})
    write_deltalake(tmp_path / "car_data", rows, writer_properties=WRITER)
    del rows
    before = pa.total_allocated_bytes()
    batches = scan(DeltaTable(tmp_path / "car_data")).scanner(columns=["rpm"]).to_reader()
    count = batches.read_next_batch().num_rows
    assert count <= 16 * 1024
    assert pa.total_allocated_bytes() - before < 5_000_000
    assert count + sum(batch.num_rows for batch in batches) == 1_000_000
