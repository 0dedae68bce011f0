"""A lake that an older version wrote: bronze rebuilt from its landing zone has the same fingerprints.

The fingerprints are those of the version before sources became an interface; they change only when rows change.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from f1_lakehouse.operations.rebuild import rebuild
from f1_lakehouse.operations.verify import check_bronze, check_landing
from f1_lakehouse.storage.bronze import Bronze
from f1_lakehouse.storage.landing import Landing

NOON = datetime(2024, 9, 22, 12, tzinfo=UTC)
KEYS = {"meeting_key": 1246, "session_key": 9606}
DATE = "2024-09-22T12:00:00.250000+00:00"
BODIES: dict[str, list[bytes]] = {
    "sessions": [
        orjson.dumps(
            [
                {
                    **KEYS,
                    "session_type": "Race",
                    "session_name": "Race",
                    "date_start": "2024-09-22T12:00:00+00:00",
                    "date_end": "2024-09-22T14:00:00+00:00",
                    "location": "Marina Bay",
                    "year": 2024,
                }
            ]
        )
    ],
    "laps": [
        b'[{"meeting_key":1246,"session_key":9606,"driver_number":4,"lap_number":1,"lap_duration":null,"segments_sector_1":'
        b'[2048,null,2051]},{"meeting_key":1246,"session_key":9606,"driver_number":4,"lap_number":2,"lap_duration":97.25}]'
    ],
    "intervals": [
        orjson.dumps([{**KEYS, "driver_number": 4, "date": DATE, "gap_to_leader": "+1 LAP", "interval": 0.5}])
    ],
    "car_data": [
        orjson.dumps([{**KEYS, "driver_number": n, "date": DATE, "rpm": 11000, "speed": 300, "n_gear": 8}])
        for n in (4, 81)
    ],
    "weather": [b"[]"],
}
FINGERPRINTS = {
    "sessions": "d95eb97a9de203581cd32ee60dece6654e04b869fd900c2106659a7a90c5b5aa",
    "laps": "c5ab5bcd56227e2d0b0f55aead9057380c65435e99dc25212e177a3d98f667bc",
    "intervals": "10d758c465c0440df853ec4dd0d9ce49361c29ddbe5abe6bb785408822d49569",
    "car_data": "be883b6afb74119fb308b0ac80fd64b716cb00e3268a18b81896e808db0f6708",
    "weather": "6664aa09a0ed75fadf7d69595d4a1b0af8f81605f3c244753545049a9d2720dc",
}


@dataclass
class Received:
    """A response as required by landing."""

    url: str
    body: bytes
    is_empty: bool
    status: int = 200
    at: datetime = NOON
    seconds: float = 0.1
    waited: float = 0.0


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """The landing zone of the older lake."""
    landing = Landing(str(tmp_path / "landing"))
    for minutes, (name, bodies) in enumerate(BODIES.items()):
        key = 2024 if name == "sessions" else 9606
        pull = landing.begin(name, key, 2024, NOON + timedelta(minutes=minutes), "first pull")
        for number, body in enumerate(bodies):
            pull.add(Received(f"https://api.openf1.org/v1/{name}?part={number}", body, body == b"[]"))
        pull.commit(NOON + timedelta(minutes=minutes))
    return landing


def test_bronze_rebuilt_from_an_older_landing_zone_has_the_same_fingerprints(
    landing: Landing, tmp_path: Path
) -> None:
    bronze = Bronze(str(tmp_path / "bronze"))
    rebuild(landing, bronze)
    assert {pull.endpoint: pull.sha256 for pull in bronze.pull_log.all()} == FINGERPRINTS
    assert check_landing(landing).problems == []
    assert check_bronze(bronze).problems == []
