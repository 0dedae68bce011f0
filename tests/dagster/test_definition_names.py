"""The names of all assets, checks, jobs, schedules and sensors, compared with a recorded list.

A removed name breaks saved selections, alerts and dashboards of users. List each renamed or added name in
golden_changes.yml. `python tests/dagster/test_definition_names.py` prints the current names.
"""

import json
from pathlib import Path

import yaml

from f1_lakehouse.definitions import defs

HERE = Path(__file__).parent


def definition_names() -> dict[str, list[str]]:
    """Return the sorted names by kind; a check is `asset:check`."""
    repository = defs().get_repository_def()
    graph = repository.asset_graph
    return {
        "assets": sorted(key.to_user_string() for key in graph.get_all_asset_keys()),
        "checks": sorted(f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys),
        "jobs": sorted(job.name for job in repository.get_all_jobs()),
        "schedules": sorted(schedule.name for schedule in repository.schedule_defs),
        "sensors": sorted(sensor.name for sensor in repository.sensor_defs),
    }


def test_every_changed_definition_name_has_an_entry():
    golden = json.loads((HERE / "golden_definitions.json").read_text("utf-8"))
    changes = yaml.safe_load((HERE / "golden_changes.yml").read_text("utf-8"))
    for kind, names in definition_names().items():
        renamed = changes["renamed"].get(kind, {})
        assert set(renamed) <= set(golden[kind])
        expected = {renamed.get(name, name) for name in golden[kind]} | set(changes["added"][kind])
        assert sorted(expected) == names, kind


if __name__ == "__main__":
    print(json.dumps(definition_names(), indent=1))
