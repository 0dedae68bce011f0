"""The catalog of OpenF1: what each of its 18 endpoints serves.

The one place that says what an OpenF1 endpoint is. To add an endpoint: one entry here and one silver model.

Does not belong here: how an endpoint is requested (request_plan.py), when (pull_policy.py), how rows are typed
(storage/parsing.py), and the types of the catalog (sources/catalog.py).

Source of types, keys and nullability: the API's code and documentation, checked against recorded rows. A column
is `required` when a row without it cannot be placed (a key); everything else may be null, as in real responses.
Ranges are what is physically or by the rules possible; a value outside is kept and counted, not refused.
"""

from dataclasses import replace

from f1_lakehouse.sources.catalog import Availability, Column, Endpoint, Kind, Scope


def _int(name: str, description: str, **rest: object) -> Column:
    return Column(name, Kind.INT, description, **rest)  # type: ignore[arg-type]


def _double(name: str, description: str, **rest: object) -> Column:
    return Column(name, Kind.DOUBLE, description, **rest)  # type: ignore[arg-type]


def _text(name: str, description: str, **rest: object) -> Column:
    return Column(name, Kind.TEXT, description, **rest)  # type: ignore[arg-type]


def _bool(name: str, description: str) -> Column:
    return Column(name, Kind.BOOL, description)


def _time(name: str, description: str, required: bool = False) -> Column:
    return Column(name, Kind.TIME, description, required=required)


def _json(name: str, description: str) -> Column:
    return Column(name, Kind.JSON, description)


def _ints(name: str, description: str) -> Column:
    return Column(name, Kind.INTS, description)


_MEETING = _int("meeting_key", "Identifier of the race weekend or test")
_MEETING_KEY = _int("meeting_key", "Identifier of the race weekend or test", required=True)
_SESSION_KEY = _int("session_key", "Identifier of the session", required=True)
_DRIVER_KEY = _int("driver_number", "Car number of the driver in this session", required=True, low=1, high=99)
_PLACE = (
    _int("circuit_key", "Identifier of the circuit"),
    _text("circuit_short_name", "Short name of the circuit"),
    _int("country_key", "Identifier of the country"),
    _text("country_code", "Formula 1's three-letter country code (not ISO: KSA, UAE, MON, GER, NED)"),
    _text("country_name", "Country; the spelling changes between seasons"),
    _text("location", "Town or area of the circuit"),
    _text("gmt_offset", "Offset of local time from UTC, [-]HH:MM:SS"),
)
_COMPOUNDS = ("SOFT", "MEDIUM", "HARD", "INTERMEDIATE", "WET", "UNKNOWN", "TEST_UNKNOWN")

_ENTRIES: tuple[Endpoint, ...] = (
    Endpoint(
        "meetings",
        "Race weekends and tests of a season, future ones included",
        (
            _MEETING_KEY,
            _text("meeting_name", "Name, e.g. Singapore Grand Prix; tests are Pre-Season Testing"),
            _text("meeting_official_name", "Official name with sponsor"),
            _text("meeting_code", "Three-letter code; only in responses from before 2026"),
            *_PLACE,
            _text("country_flag", "URL of the country's flag; since 2026"),
            _text(
                "circuit_type",
                "Kind of circuit; since 2026",
                one_of=("Permanent", "Temporary - Street", "Temporary - Road"),
            ),
            _text("circuit_info_url", "URL of circuit data; since 2026"),
            _text("circuit_image", "URL of a picture of the circuit; since 2026"),
            _time("date_start", "Start of the first session, UTC"),
            _time("date_end", "End of the last session, UTC; since 2026"),
            _int("year", "Season", required=True, low=2023, high=2100),
            _bool("is_cancelled", "Whether the meeting is cancelled; since 2026"),
        ),
        key=("meeting_key",),
        scope=Scope.SEASON,
    ),
    Endpoint(
        "sessions",
        "Sessions of a season, future ones included",
        (
            _SESSION_KEY,
            _text("session_type", "Practice, Qualifying or Race", one_of=("Practice", "Qualifying", "Race")),
            _text("session_name", "Name within the weekend, e.g. Practice 1, Sprint, Race"),
            _time("date_start", "Scheduled start, UTC"),
            _time("date_end", "Scheduled end, UTC"),
            _MEETING_KEY,
            *_PLACE,
            _int("year", "Season", required=True, low=2023, high=2100),
            _bool("is_cancelled", "Whether the session is cancelled; since 2026"),
        ),
        key=("session_key",),
        scope=Scope.SEASON,
    ),
    Endpoint(
        "drivers",
        "Drivers of a session with car number and team",
        (
            _MEETING,
            _SESSION_KEY,
            _int("driver_number", "Car number in the session; null in rare empty rows", low=1, high=99),
            _text("broadcast_name", "Name as shown on television, e.g. L NORRIS"),
            _text("full_name", "Full name, e.g. Lando NORRIS"),
            _text("name_acronym", "Three-letter code of the driver, e.g. NOR"),
            _text("team_name", "Name of the team in the session; null for support series"),
            _text("team_colour", "Team colour, RRGGBB without #, any case"),
            _text("first_name", "First name"),
            _text("last_name", "Last name"),
            _text("headshot_url", "URL of a portrait"),
            _text("country_code", "Three-letter country; null since 2025, removed after 2026"),
        ),
        key=("session_key", "driver_number"),
        critical=True,
    ),
    Endpoint(
        "laps",
        "Every lap with sector times, speeds and mini-sectors",
        (
            _MEETING,
            _SESSION_KEY,
            _DRIVER_KEY,
            _int("lap_number", "Lap, from 1", required=True, low=1, high=200),
            _time("date_start", "Approximate start of the lap, UTC; often null on lap 1"),
            _double("duration_sector_1", "Sector 1, s", low=5, high=3600),
            _double("duration_sector_2", "Sector 2, s", low=5, high=3600),
            _double("duration_sector_3", "Sector 3, s", low=5, high=3600),
            _int("i1_speed", "Speed at intermediate 1, km/h", low=0, high=400),
            _int("i2_speed", "Speed at intermediate 2, km/h", low=0, high=400),
            _int("st_speed", "Speed at the speed trap, km/h", low=0, high=400),
            _bool("is_pit_out_lap", "Whether the lap started in the pit lane"),
            _double("lap_duration", "Lap time, s", low=30, high=7200),
            _ints(
                "segments_sector_1",
                "Mini-sector codes of sector 1 (2048 yellow, 2049 green, 2051 purple, 2064 pit)",
            ),
            _ints("segments_sector_2", "Mini-sector codes of sector 2"),
            _ints("segments_sector_3", "Mini-sector codes of sector 3"),
        ),
        key=("session_key", "driver_number", "lap_number"),
        critical=True,
    ),
    Endpoint(
        "stints",
        "Stints: laps between two tyre changes",
        (
            _MEETING,
            _SESSION_KEY,
            _int("stint_number", "Stint of the driver, from 1", required=True, low=1, high=60),
            _DRIVER_KEY,
            _int("lap_start", "First lap of the stint", low=0, high=200),
            _int("lap_end", "Last lap of the stint", low=0, high=200),
            _text("compound", "Tyre compound", one_of=_COMPOUNDS),
            _int("tyre_age_at_start", "Tyre age at the start of the stint, laps", low=0, high=100),
        ),
        key=("session_key", "driver_number", "stint_number"),
    ),
    Endpoint(
        "pit",
        "Visits to the pit lane",
        (
            _MEETING,
            _SESSION_KEY,
            _DRIVER_KEY,
            _int(
                "lap_number", "Lap on which the car entered the pit lane; null in rare rows", low=1, high=200
            ),
            _time("date", "Time of the stop, UTC"),
            _double("lane_duration", "Time in the pit lane, s; in responses since 2026", low=5, high=90000),
            _double(
                "stop_duration", "Stationary time, s; from the US Grand Prix 2024 on", low=0.5, high=90000
            ),
            _double(
                "pit_duration", "Time in the pit lane, s; older name of lane_duration", low=5, high=90000
            ),
        ),
        key=("session_key", "driver_number", "lap_number"),
    ),
    Endpoint(
        "position",
        "Every change of a driver's position",
        (
            _MEETING,
            _SESSION_KEY,
            _DRIVER_KEY,
            _time("date", "Time of the change, UTC", required=True),
            _int("position", "Position from that time on", low=1, high=40),
        ),
        key=("session_key", "driver_number", "date"),
    ),
    Endpoint(
        "intervals",
        "Gaps to the leader and the car ahead, about every 4 s",
        (
            _MEETING,
            _SESSION_KEY,
            _DRIVER_KEY,
            _time("date", "Time of the measurement, UTC", required=True),
            _json("gap_to_leader", "Gap to the leader: seconds, or text such as +1 LAP"),
            _json("interval", "Gap to the car ahead: seconds, or text such as +1 LAP"),
        ),
        key=("session_key", "driver_number", "date"),
        availability=Availability.RACES,
    ),
    Endpoint(
        "overtakes",
        "Overtakes; may be incomplete",
        (
            _MEETING,
            _SESSION_KEY,
            _int("overtaking_driver_number", "Car that gained the position", required=True, low=1, high=99),
            _int("overtaken_driver_number", "Car that lost the position", required=True, low=1, high=99),
            _time("date", "Time, UTC", required=True),
            _int("position", "Position of the overtaking car after the overtake", low=1, high=40),
        ),
        key=("session_key", "date", "overtaking_driver_number", "overtaken_driver_number"),
        availability=Availability.RACES,
    ),
    Endpoint(
        "race_control",
        "Messages of race control: flags, safety cars, investigations",
        (
            _MEETING,
            _SESSION_KEY,
            _time("date", "Time, UTC, in full seconds"),
            _int("driver_number", "Car that the message is about; null for other messages", low=1, high=99),
            _int("lap_number", "Lap of the leader at that time", low=0, high=200),
            _text(
                "category",
                "Kind of message",
                one_of=("Flag", "SafetyCar", "CarEvent", "Drs", "Other", "SessionStatus"),
            ),
            _text("flag", "Flag shown"),
            _text(
                "scope",
                "Part of the track to which the message applies: Track, Sector or Driver",
                one_of=("Track", "Sector", "Driver"),
            ),
            _int("sector", "Marshal sector", low=1, high=60),
            _int("qualifying_phase", "Phase of qualifying: 1 to 3 for Q1 to Q3; since 2026", low=1, high=3),
            _text("message", "The message as sent"),
        ),
        key=(
            "session_key",
            "date",
            "driver_number",
            "lap_number",
            "category",
            "flag",
            "scope",
            "sector",
            "message",
        ),
    ),
    Endpoint(
        "weather",
        "Weather at the track, about once a minute",
        (
            _MEETING,
            _SESSION_KEY,
            _time("date", "Time of the measurement, UTC", required=True),
            _double("air_temperature", "Air temperature, °C", low=-10, high=60),
            _double("humidity", "Relative humidity, %", low=0, high=100),
            _double("pressure", "Air pressure, mbar", low=600, high=1100),
            _int("rainfall", "1 when it rains, else 0", low=0, high=1),
            _double(
                "track_temperature",
                "Track temperature, °C; 0.0 is a known error of the source",
                low=1,
                high=80,
            ),
            _int("wind_direction", "Wind direction, degrees", low=0, high=359),
            _double("wind_speed", "Wind speed, m/s", low=0, high=60),
        ),
        key=("session_key", "date"),
    ),
    Endpoint(
        "team_radio",
        "Links to recordings of team radio; partial, rare from 2026 on",
        (
            _MEETING,
            _SESSION_KEY,
            _DRIVER_KEY,
            _time("date", "Time, UTC"),
            _text("recording_url", "URL of the recording"),
        ),
        key=("session_key", "driver_number", "date", "recording_url"),
    ),
    Endpoint(
        "session_result",
        "Official classification of a session",
        (
            _MEETING,
            _SESSION_KEY,
            _DRIVER_KEY,
            _int("position", "Classified position; null when not classified", low=1, high=40),
            _int("number_of_laps", "Number of laps completed", low=0, high=300),
            _bool("dnf", "Did not finish"),
            _bool("dns", "Did not start"),
            _bool("dsq", "Disqualified"),
            _double("points", "Championship points; only in races and sprints", low=0, high=60),
            _json("duration", "Best lap (practice), [Q1, Q2, Q3] (qualifying) or race time, s"),
            _json("gap_to_leader", "Gap to the first: seconds, text such as +1 LAP, or a list of three"),
        ),
        key=("session_key", "driver_number"),
        critical=True,
    ),
    Endpoint(
        "starting_grid",
        "Grid of a race or sprint, with the key of the session that set it",
        (
            _MEETING,
            _int("session_key", "The (sprint) qualifying session that set the grid", required=True),
            _DRIVER_KEY,
            _int("position", "Grid position; null when starting from the pit lane", low=1, high=40),
            _double("lap_duration", "Best qualifying lap, s", low=30, high=300),
        ),
        key=("session_key", "driver_number"),
        availability=Availability.QUALIFYINGS,
    ),
    Endpoint(
        "championship_drivers",
        "Drivers' championship before and after a race or sprint (beta)",
        (
            _MEETING,
            _SESSION_KEY,
            _DRIVER_KEY,
            _int("position_start", "Championship position before the session", low=1, high=60),
            _int("position_current", "Championship position after the session", low=1, high=60),
            _double("points_start", "Points before the session", low=0, high=1000),
            _double("points_current", "Points after the session", low=0, high=1000),
        ),
        key=("session_key", "driver_number"),
        availability=Availability.RACES,
    ),
    Endpoint(
        "championship_teams",
        "Teams' championship before and after a race or sprint (beta)",
        (
            _MEETING,
            _SESSION_KEY,
            _text("team_name", "Team; null in rare rows"),
            _int("position_start", "Championship position before the session", low=1, high=30),
            _int("position_current", "Championship position after the session", low=1, high=30),
            _double("points_start", "Points before the session", low=0, high=2000),
            _double("points_current", "Points after the session", low=0, high=2000),
        ),
        key=("session_key", "team_name"),
        availability=Availability.RACES,
    ),
    Endpoint(
        "location",
        "Location of each car, about 3.7 samples per second",
        (
            _time("date", "Time of the sample, UTC", required=True),
            _SESSION_KEY,
            _MEETING,
            _DRIVER_KEY,
            _int("x", "x coordinate in the frame of the circuit, 1/10 m", low=-100000, high=100000),
            _int("y", "y coordinate in the frame of the circuit, 1/10 m", low=-100000, high=100000),
            _int("z", "z coordinate in the frame of the circuit, 1/10 m", low=-100000, high=100000),
        ),
        key=("session_key", "driver_number", "date"),
        by_driver=True,
    ),
    Endpoint(
        "car_data",
        "Speed, engine and controls of each car, about 3.7 samples per second",
        (
            _time("date", "Time of the sample, UTC", required=True),
            _SESSION_KEY,
            _MEETING,
            _DRIVER_KEY,
            _int("rpm", "Engine speed, revolutions per minute", low=0, high=20000),
            _int("speed", "Speed, km/h", low=0, high=400),
            _int("n_gear", "Gear, 0 = neutral", low=0, high=8),
            _int("throttle", "Throttle, %; 104 means no signal", low=0, high=100),
            _int("brake", "Brake, 0 or 100; 104 means no signal", low=0, high=100),
            _int("drs", "DRS code: 0, 1 = off; 8 = eligible; 10, 12, 14 = open", low=0, high=16),
        ),
        key=("session_key", "driver_number", "date"),
        by_driver=True,
    ),
)

_KEYS = {Scope.SEASON: "year", Scope.SESSION: "session_key"}
ENDPOINTS = tuple(replace(one, source="openf1", partition_column=_KEYS[one.scope]) for one in _ENTRIES)
BY_NAME: dict[str, Endpoint] = {endpoint.name: endpoint for endpoint in ENDPOINTS}
SEASON_ENDPOINTS: tuple[Endpoint, ...] = tuple(e for e in ENDPOINTS if e.scope is Scope.SEASON)
SESSION_ENDPOINTS: tuple[Endpoint, ...] = tuple(e for e in ENDPOINTS if e.scope is Scope.SESSION)
TELEMETRY: frozenset[str] = frozenset(e.name for e in ENDPOINTS if e.by_driver)
