"""Silver and gold on Delta tables, in the states of a lake (lake_states.py)."""

import re

import pytest
from dbt_lake import Lake
from lake_states import NO_JSON, LakeStates


def replaced(sql: str) -> list[int]:
    """Return the partitions that a run replaced in a model."""
    found = re.search(r"replace_partitions \w+: \[(.*?)\]", sql)
    assert found, sql
    return [int(scope) for scope in found[1].split(",") if scope.strip()]


def test_every_node_passes_on_the_first_load(states: LakeStates) -> None:
    assert set(states.statuses["first load"].values()) <= {"success", "pass"}, {
        name: status
        for name, status in states.statuses["first load"].items()
        if status not in ("success", "pass")
    }


def test_silver_has_one_model_per_endpoint(states: LakeStates) -> None:
    assert len(states.compiled["first load"]) == 18


def test_run_without_changes_replaces_nothing(states: LakeStates) -> None:
    touched = {name for name, sql in states.compiled["nothing new"].items() if replaced(sql)}
    assert touched == set()
    assert states.tables["nothing new"] == states.tables["first load"]


def test_only_partitions_with_another_current_pull_are_replaced(states: LakeStates) -> None:
    touched = {name: replaced(sql) for name, sql in states.compiled["corrected"].items() if replaced(sql)}
    assert touched == {
        "silver_laps": [102],
        "silver_positions": [102],
        "silver_session_results": [102],
        "silver_sessions": [2025],
    }
    laps = states.compiled["corrected"]["silver_laps"]
    assert "_season in (2024)" in laps
    assert laps.count("-laps-102'") == 1
    assert "-laps-101'" not in laps


def test_telemetry_is_rebuilt_only_for_changed_sessions(states: LakeStates) -> None:
    """The correction changed laps of 102, so its samples may belong to other laps; samples of 101 are not read again."""
    for model in ("fact_telemetry", "fact_lap_telemetry"):
        touched = {moment: replaced(sql[model]) for moment, sql in states.telemetry.items()}
        assert touched["first load"] == [101, 102]
        assert touched["nothing new"] == []
        assert touched["corrected"] == [102]


def test_files_of_other_pulls_are_not_opened(states: LakeStates) -> None:
    """During the build of the correction the Parquet files of all earlier pulls of laps were renamed."""
    assert states.statuses["corrected"]["silver_laps"] == "success"


def test_correction_updates_rows_and_removes_vanished_ones(states: LakeStates) -> None:
    before, after = states.rows["nothing new"]["laps of 102"], states.rows["corrected"]["laps of 102"]
    assert (4, 3, 95.0) in before
    assert (4, 3, 93.0) in after
    assert (4, 3, 95.0) not in after
    assert (81, 3, 96.5) in before
    assert not [row for row in after if row[:2] == (81, 3)]


def test_emptied_session_has_no_rows(states: LakeStates) -> None:
    assert states.rows["nothing new"]["positions"] == [(1,)]
    assert states.rows["corrected"]["positions"] == [(0,)]


def test_unconfirmed_empty_response_and_failed_pull_change_nothing(states: LakeStates) -> None:
    assert states.rows["corrected"]["radio"] == [(1,)]
    assert states.rows["corrected"]["stints"] == [(2,)]


def test_full_refresh_gives_equal_tables(states: LakeStates) -> None:
    assert states.tables["rebuilt"] == states.tables["corrected"]


@pytest.mark.slow
def test_build_as_of_a_time_equals_the_earlier_tables_and_the_next_build_is_current(
    lake: Lake, states: LakeStates
) -> None:
    """In the lake's own warehouse; `f1 sql --as-of` builds a file of its own (e2e/test_cli.py)."""
    lake.as_of = states.loaded_at
    lake.dbt("run", NO_JSON)
    then, now = states.tables["first load"], lake.tables()
    # History tables keep later rows: measurements, and changes of the source.
    noted = {"gold.data_quality_metrics", "gold.source_changes"}
    assert {name for name in then if now[name] != then[name]} <= noted
    assert [replaced(sql) for sql in lake.compiled_telemetry().values()] == [[102], [102]]
    lake.as_of = None
    lake.dbt("run", NO_JSON)
    assert lake.tables() == states.tables["corrected"]


def test_fastest_lap_is_first_of_its_ranking_next_to_the_winner(states: LakeStates) -> None:
    assert states.rows["first load"]["leaderboard"] == [
        (1, 3, 94.0, 2, 4),
        (2, 4, 96.0, 2, 1),
        (3, 81, 96.5, 3, 2),
        (4, 43, 99.0, 2, 3),
    ]


def test_only_valid_laps_are_ranked_and_the_first_lap_is_kept(states: LakeStates) -> None:
    laps = {row[:2]: row[2:] for row in states.rows["first load"]["fact_laps"]}
    assert laps[4, 1] == (None, None, "SOFT", "Green", 1, None)
    assert laps[3, 3][:2] == (None, None), "a pit-out lap of 60 s has no rank"
    assert laps[3, 2][:2] == (1, 1)
    assert laps[4, 3][:2] == (None, None), "a lap of 95 s after a stop has no rank"
    assert laps[4, 2][:2] == (1, 2)
    assert len(laps) == 11


def test_lap_context_comes_from_the_other_feeds(states: LakeStates) -> None:
    laps = {row[:2]: row[2:] for row in states.rows["first load"]["fact_laps"]}
    assert laps[4, 2][2] == "SOFT", "a lap of two stints is the in-lap on the old tyres"
    assert laps[4, 3][2:] == ("HARD", "SC", 2, 310), "second at the finish line, despite the feed"
    assert laps[81, 2][5] is None, "unknown speed is not 0"


def test_grid_comes_from_the_qualifying_session(states: LakeStates) -> None:
    assert states.rows["first load"]["results"] == [
        (4, 1, "Finished", 3, 2, None),
        (81, 2, "Finished", 1, -1, None),
        (43, 3, "Lapped", None, None, 1),
        (3, 4, "Lapped", None, None, 2),
        (77, None, "DNF", None, None, None),
    ]


def test_lap_has_the_team_at_its_session(states: LakeStates) -> None:
    assert states.rows["first load"]["teams of 43"] == [
        (102, "franco-colapinto", "Williams"),
        (201, "franco-colapinto", "Alpine"),
    ]
    assert states.rows["first load"]["periods of colapinto"] == [
        ("williams", "2024-09-21", "2025-10-05", False),
        ("alpine", "2025-10-05", None, True),
    ]


def test_reassigned_driver_number_is_two_drivers(states: LakeStates) -> None:
    assert states.rows["first load"]["drivers of 50"] == [(101, "oliver-bearman"), (201, "ryo-hirakawa")]


def test_teams_without_a_lap_are_last_and_gaps_are_complete(states: LakeStates) -> None:
    assert states.rows["first load"]["teams"] == [
        ("racing-bulls", 1, 94.0, None),
        ("mclaren", 2, 96.0, 0.5),
        ("williams", 3, 99.0, None),
        ("audi", 4, None, None),
    ]


def test_theoretical_best_lap_is_null_if_a_sector_is_missing(states: LakeStates) -> None:
    summary = {row[0]: row[1:] for row in states.rows["first load"]["summary"]}
    assert summary[4] == (3, 1, 96.0, 280)
    assert summary[81] == (3, 2, None, None)


def test_corners_of_a_circuit_have_labels_and_distances(states: LakeStates) -> None:
    assert states.rows["first load"]["corners"] == [
        ("marina_bay", "1", 234.5, -10.5),
        ("marina_bay", "9A", None, 7.0),
        ("marina_bay", "9B", 987.65, 8.0),
    ]


def test_testing_has_no_round_number(states: LakeStates) -> None:
    assert states.rows["first load"]["rounds"] == [
        (2024, "Pre-Season Testing", None),
        (2024, "Singapore Grand Prix", 1),
        (2025, "Singapore Grand Prix", 1),
    ]


def test_only_a_correction_makes_a_revision(states: LakeStates) -> None:
    assert states.rows["first load"]["revisions of 81"] == [(1, "First", None, 20.945, True)]
    assert states.rows["corrected"]["revisions of 81"] == [
        (1, "First", None, 20.945, False),
        (2, "Changed", "gap_to_leader", 21.945, True),
    ]


def test_snapshots_date_changes_by_their_pull(states: LakeStates) -> None:
    assert states.rows["first load"]["changes"] == []
    assert states.rows["rebuilt"]["changes"] == [("session", "201", "date_end", "2025-10-05 14:30:00")]
    ends = [(str(end), newest) for end, newest in states.rows["rebuilt"]["states of 201"]]
    assert ends == [("2025-10-05 14:00:00", False), ("2025-10-05 14:30:00", True)]


def test_earlier_measurements_are_kept(states: LakeStates) -> None:
    """One row per day with new pulls, for the trend; a second build adds no row, a full refresh removes none."""
    first, second = "2025-01-02", "2025-01-09"
    for moment in ("first load", "nothing new"):
        assert states.rows[moment]["days of quality"] == [(first,)], moment
    for moment in ("corrected", "rebuilt"):
        assert states.rows[moment]["days of quality"] == [(first,), (second,)], moment


def test_quality_metrics_are_those_of_the_newest_pulls(states: LakeStates) -> None:
    """The laps were pulled on the day before the newest pull, their correction on its day."""
    assert states.rows["first load"]["quality of laps"] == []
    assert states.rows["corrected"]["quality of laps"] == [
        ("completeness", 10, 3, "ALERT"),
        ("reconciliation", 11, 0, "OK"),
        ("uniqueness", 11, 1, "ALERT"),
    ]
