"""Materialize bronze assets with a server, Delta tables and a Dagster instance."""

import json
import shutil

import dagster as dg
import pytest
from deltalake import DeltaTable

from f1_lakehouse.sources.openf1.calendar import Category


def key(name: str) -> dg.AssetKey:
    return dg.AssetKey(["bronze", name])


@pytest.fixture
def race(served_lake):
    """The partition of the race; the calendar is loaded and the partition is added."""
    assert served_lake.run("calendar", partition_key=str(served_lake.season)).success
    sessions = served_lake.lake.calendar()
    served_lake.instance.add_dynamic_partitions("sessions", [one.partition for one in sessions])
    return next(one.partition for one in sessions if one.category is Category.RACE)


def test_partition_is_recorded_once_with_its_row_count_and_checks(served_lake, race):
    result = served_lake.run("ingest", partition_key=race, asset_selection=[key("drivers"), key("laps")])
    assert result.success
    [done] = result.asset_materializations_for_node("bronze_laps")
    assert done.partition == race
    assert (
        done.metadata["dagster/row_count"].value
        == served_lake.lake.bronze.rows("laps", int(race.rsplit("-", 1)[1])).num_rows
        > 0
    )
    checks = {e.check_name: e for e in result.get_asset_check_evaluations() if e.asset_key == key("laps")}
    assert {name: e.partition for name, e in checks.items()} == dict.fromkeys(
        ["row_count", "schema", "quarantine", "duplicates"], race
    )
    assert checks["row_count"].metadata["rows"].value == done.metadata["dagster/row_count"].value
    assert (
        checks["quarantine"].metadata["quarantined"].value,
        checks["quarantine"].metadata["share"].value,
    ) == (
        0,
        0.0,
    )
    assert checks["duplicates"].metadata["repeated_keys"].value == 0
    assert checks["schema"].metadata["added_columns"].value == 0
    # Of Dagster, which expects one output per check: the checks are reported per partition.
    logged = [entry.user_message for entry in served_lake.instance.all_logs(result.run_id)]
    assert [text for text in logged if "did not yield" in text] == []


def test_endpoint_that_is_not_due_is_pulled_only_if_forced(served_lake, race):
    served_lake.run("ingest", partition_key=race, asset_selection=[key("weather")])
    requested = len(served_lake.server.requests)
    again = served_lake.run("ingest", partition_key=race, asset_selection=[key("weather")])
    assert again.success
    assert len(served_lake.server.requests) == requested
    forced = served_lake.run(
        "ingest",
        partition_key=race,
        asset_selection=[key("weather")],
        run_config={"ops": {"bronze_weather": {"config": {"force": True}}}},
    )
    assert (
        forced.asset_materializations_for_node("bronze_weather")[0].metadata["outcome"].value == "unchanged"
    )
    assert len(served_lake.server.requests) == requested + 1


def test_correction_records_its_changes_its_source_and_its_version(served_lake, race, weekend, tmp_path):
    session_key = int(race.rsplit("-", 1)[1])
    assert served_lake.run("ingest", partition_key=race, asset_selection=[key("pit")]).success
    corrected = tmp_path / "openf1"
    shutil.copytree(weekend, corrected)
    file = corrected / "pit" / f"{session_key}.json"
    first, _, *others = json.loads(file.read_text())
    file.write_text(json.dumps([{**first, "lane_duration": 99.9}, *others]))
    with type(served_lake.server)(corrected) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("F1_OPENF1_URL", server.url)
        force = {"ops": {"bronze_pit": {"config": {"force": True}}}}
        result = served_lake.run("ingest", partition_key=race, asset_selection=[key("pit")], run_config=force)
        [done] = result.asset_materializations_for_node("bronze_pit")
        assert done.metadata["source_urls"].value == [f"{server.url}/pit?session_key={session_key}"]
    counts = [done.metadata[f"rows_{what}"].value for what in ("added", "changed", "gone")]
    assert counts == [0, 1, 1]
    assert (
        done.metadata["delta_version"].value == DeltaTable(served_lake.lake.bronze.table_uri("pit")).version()
    )


def test_permanently_failing_endpoint_does_not_stop_the_others(served_lake, race, weekend, tmp_path):
    session_key = int(race.rsplit("-", 1)[1])
    bad = tmp_path / "openf1"
    shutil.copytree(weekend, bad)
    laps = bad / "laps" / f"{session_key}.json"
    laps.write_text(
        json.dumps([{"session_key": session_key, "driver_number": "one", "lap_number": n} for n in (1, 2)])
    )
    with type(served_lake.server)(bad) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("F1_OPENF1_URL", server.url)
        names = ["drivers", "laps", "stints", "weather"]
        result = served_lake.run("ingest", partition_key=race, asset_selection=[key(name) for name in names])
        assert not result.success
        recorded = {e.asset_key.path[-1] for e in result.get_asset_materialization_events()}
        assert recorded == {"drivers", "stints", "weather"}
        assert served_lake.lake.bronze.pull_log.of("laps", session_key)[-1].outcome == "failed"
    # The endpoint is still due; the next run pulls it when the source works again.
    assert served_lake.run("ingest", partition_key=race, asset_selection=[key("laps")]).success
    assert served_lake.lake.bronze.rows("laps", session_key).num_rows > 0


def test_missing_rows_of_a_critical_endpoint_fail_the_check_as_an_error(served_lake, race, weekend, tmp_path):
    empty = tmp_path / "openf1"
    shutil.copytree(weekend, empty)
    session_key = int(race.rsplit("-", 1)[1])
    for name in ("session_result", "weather"):
        (empty / name / f"{session_key}.json").unlink()
    with type(served_lake.server)(empty) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("F1_OPENF1_URL", server.url)
        result = served_lake.run(
            "ingest", partition_key=race, asset_selection=[key("session_result"), key("weather")]
        )
    counts = {
        e.asset_key.path[-1]: e for e in result.get_asset_check_evaluations() if e.check_name == "row_count"
    }
    assert result.success
    assert not counts["session_result"].passed
    assert counts["session_result"].severity is dg.AssetCheckSeverity.ERROR
    assert not counts["weather"].passed
    assert counts["weather"].severity is dg.AssetCheckSeverity.WARN


def test_faulty_rows_make_their_check_warn_and_name_them(served_lake, race, weekend, tmp_path):
    """A duplicate row, a row without its key and an unknown column each fail one check, and the other rows are kept."""
    session_key = int(race.rsplit("-", 1)[1])
    served = tmp_path / "openf1"
    shutil.copytree(weekend, served)
    stints = served / "stints" / f"{session_key}.json"
    clean = json.loads(stints.read_text())
    first, bad = clean[0], {**clean[-1], "stint_number": None}

    def checks(rows):
        stints.write_text(json.dumps(rows))
        with type(served_lake.server)(served) as server, pytest.MonkeyPatch.context() as patch:
            patch.setenv("F1_OPENF1_URL", server.url)
            result = served_lake.run(
                "ingest",
                partition_key=race,
                asset_selection=[key("stints")],
                run_config={"ops": {"bronze_stints": {"config": {"force": True}}}},
            )
        assert result.success
        found = {e.check_name: e for e in result.get_asset_check_evaluations()}
        red = {name for name, e in found.items() if not e.passed}
        assert {found[name].severity for name in red} <= {dg.AssetCheckSeverity.WARN}
        return red, found

    assert checks(clean)[0] == set()
    red, found = checks([*clean, first])
    assert red == {"duplicates"}
    [named] = found["duplicates"].metadata["keys"].records
    assert named.data["driver_number"] == first["driver_number"]
    assert (named.data["stint_number"], named.data["rows"]) == (first["stint_number"], 2)
    red, found = checks([*clean, bad])
    assert red == {"quarantine"}
    assert '"stint_number":null' in found["quarantine"].metadata["rows"].records[0].data["raw"]
    red, found = checks([{**row, "mood": "good"} for row in clean])
    assert red == {"schema"}
    assert found["schema"].metadata["added_columns"].value == 1
    assert checks(clean[:3])[0] == {"row_count"}


def test_inapplicable_endpoint_is_not_requested(served_lake, race):
    requested = len(served_lake.server.requests)
    result = served_lake.run("ingest", partition_key=race, asset_selection=[key("starting_grid")])
    assert result.success
    assert (
        result.asset_materializations_for_node("bronze_starting_grid")[0].metadata["outcome"].value
        == "not applicable"
    )
    assert len(served_lake.server.requests) == requested
    # Otherwise its checks would stay planned indefinitely.
    evaluated = {e.check_name: e.passed for e in result.get_asset_check_evaluations()}
    assert evaluated == dict.fromkeys(["row_count", "schema", "quarantine", "duplicates"], True)


def test_failing_partition_of_a_range_leaves_the_others_recorded(served_lake, race, weekend, tmp_path):
    partitions = served_lake.instance.get_dynamic_partitions("sessions")
    failing = partitions[len(partitions) // 2]
    bad = tmp_path / "openf1"
    shutil.copytree(weekend, bad)
    session_key = int(failing.rsplit("-", 1)[1])
    refused = [{"session_key": session_key, "driver_number": name} for name in ("one", "two")]
    (bad / "position" / f"{session_key}.json").write_text(json.dumps(refused))
    tags = {
        "dagster/asset_partition_range_start": partitions[0],
        "dagster/asset_partition_range_end": partitions[-1],
    }
    with type(served_lake.server)(bad) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("F1_OPENF1_URL", server.url)
        result = served_lake.run("ingest", tags=tags, asset_selection=[key("position")])
    recorded = [event.partition for event in result.get_asset_materialization_events()]
    assert sorted([*recorded, failing]) == sorted(partitions)
    assert not result.success


def test_telemetry_pulls_missing_drivers_also_if_the_run_selects_them(served_lake, race, weekend):
    session_key = int(race.rsplit("-", 1)[1])
    result = served_lake.run("ingest", partition_key=race, asset_selection=[key("car_data"), key("drivers")])
    assert result.success
    recorded = {event.asset_key.path[-1] for event in result.get_asset_materialization_events()}
    assert recorded == {"car_data", "drivers"}
    first, *_ = served_lake.lake.drivers(session_key)
    requested = [target for _, target, _ in served_lake.server.requests if "car_data" in target]
    # The weekend has no telemetry: one request for the first driver, one for all drivers.
    root = f"/v1/car_data?session_key={session_key}"
    assert requested == [f"{root}&driver_number={first}", root]
    assert sum("/drivers" in target for _, target, _ in served_lake.server.requests) == 1


def test_weekly_maintenance_compacts_files_and_keeps_every_row(served_lake, race):
    for _ in range(3):
        served_lake.run(
            "ingest",
            partition_key=race,
            asset_selection=[key("weather")],
            run_config={"ops": {"bronze_weather": {"config": {"force": True}}}},
        )
    before = [(p.pull_id, p.outcome) for p in served_lake.lake.bronze.pull_log.all()]
    result = served_lake.run("upkeep")
    assert result.success
    [done] = result.asset_materializations_for_node("bronze_upkeep")
    assert done.metadata["files_after"].value < done.metadata["files_before"].value
    assert [(p.pull_id, p.outcome) for p in served_lake.lake.bronze.pull_log.all()] == before
