"""Facts about Formula 1 from which seasons are generated: circuits, calendars, teams, drivers, points.

Belongs here: what anyone can look up, and the two numbers a simulation needs to go with it (how fast a circuit,
team or driver is). Does not belong here: anything random, and rows of the API.

The facts are roughly right and not complete: a season has one line-up, without the mid-season changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

RACE_POINTS = (25, 18, 15, 12, 10, 8, 6, 4, 2, 1)
SPRINT_POINTS = (8, 7, 6, 5, 4, 3, 2, 1)

LAST_FASTEST_LAP_POINT = 2024  # one point for the fastest lap among the first ten, until then
LAST_COUNTRY_CODE = 2024  # drivers.country_code is null from the next season on
LAST_DRS = 2025
STOP_DURATION_SINCE = date(2024, 10, 18)  # pit.stop_duration is null before the United States GP of 2024


@dataclass(frozen=True)
class Circuit:
    """A circuit. `lap` is a racing lap in s, `pit_lane` the time from entry to exit in s, `race_hour` UTC."""

    key: int
    short_name: str
    location: str
    country_key: int
    country_code: str
    country_name: str
    gmt_offset: str
    laps: int
    km: float
    lap: float
    pit_lane: float
    race_hour: int
    kind: str = "Permanent"


@dataclass(frozen=True)
class Driver:
    """One entry of a season. `pace` is the loss to the fastest car and driver in ms a lap."""

    number: int
    acronym: str
    first_name: str
    last_name: str
    country_code: str
    team: str
    colour: str
    pace: int


@dataclass(frozen=True)
class Weekend:
    """One meeting of a calendar; `race_day` in UTC."""

    circuit: Circuit
    name: str
    race_day: date
    sprint: bool
    cancelled: bool = False


_STREET = "Temporary - Street"
_ROAD = "Temporary - Road"

CIRCUITS: dict[str, Circuit] = {
    c.short_name: c
    for c in (
        Circuit(63, "Sakhir", "Sakhir", 36, "BRN", "Bahrain", "03:00:00", 57, 5.412, 96.0, 24.0, 15),
        Circuit(149, "Jeddah", "Jeddah", 153, "KSA", "Saudi Arabia", "03:00:00", 50, 6.174, 93.0, 20.0, 17, _STREET),
        Circuit(10, "Melbourne", "Melbourne", 5, "AUS", "Australia", "11:00:00", 58, 5.278, 81.5, 18.5, 4, _ROAD),
        Circuit(46, "Suzuka", "Suzuka", 4, "JPN", "Japan", "09:00:00", 53, 5.807, 94.0, 23.0, 5),
        Circuit(49, "Shanghai", "Shanghai", 53, "CHN", "China", "08:00:00", 56, 5.451, 98.0, 23.0, 7),
        Circuit(151, "Miami", "Miami", 19, "USA", "United States", "-04:00:00", 57, 5.412, 91.0, 20.0, 20, _STREET),
        Circuit(6, "Imola", "Imola", 13, "ITA", "Italy", "02:00:00", 63, 4.909, 80.0, 28.0, 13),
        Circuit(22, "Monte Carlo", "Monaco", 114, "MON", "Monaco", "02:00:00", 78, 3.337, 75.5, 24.0, 13, _STREET),
        Circuit(23, "Montreal", "Montréal", 46, "CAN", "Canada", "-04:00:00", 70, 4.361, 76.0, 23.0, 18, _ROAD),
        Circuit(15, "Catalunya", "Barcelona", 1, "ESP", "Spain", "02:00:00", 66, 4.657, 77.5, 22.0, 13),
        Circuit(19, "Spielberg", "Spielberg", 17, "AUT", "Austria", "02:00:00", 71, 4.318, 69.0, 21.0, 13),
        Circuit(2, "Silverstone", "Silverstone", 2, "GBR", "United Kingdom", "01:00:00", 52, 5.891, 91.0, 28.0, 14),
        Circuit(4, "Hungaroring", "Budapest", 14, "HUN", "Hungary", "02:00:00", 70, 4.381, 81.0, 21.0, 13),
        Circuit(7, "Spa-Francorchamps", "Spa-Francorchamps", 16, "BEL", "Belgium", "02:00:00", 44, 7.004, 109.0, 22.0, 13),
        Circuit(55, "Zandvoort", "Zandvoort", 133, "NED", "Netherlands", "02:00:00", 72, 4.259, 74.0, 21.0, 13),
        Circuit(39, "Monza", "Monza", 13, "ITA", "Italy", "02:00:00", 53, 5.793, 83.0, 24.0, 13),
        Circuit(154, "Madring", "Madrid", 1, "ESP", "Spain", "02:00:00", 57, 5.416, 92.0, 22.0, 13, _STREET),
        Circuit(144, "Baku", "Baku", 30, "AZE", "Azerbaijan", "04:00:00", 51, 6.003, 106.0, 20.0, 11, _STREET),
        Circuit(61, "Singapore", "Marina Bay", 157, "SGP", "Singapore", "08:00:00", 62, 4.94, 97.0, 28.0, 12, _STREET),
        Circuit(9, "Austin", "Austin", 19, "USA", "United States", "-05:00:00", 56, 5.513, 98.5, 24.0, 19),
        Circuit(65, "Mexico City", "Mexico City", 8, "MEX", "Mexico", "-06:00:00", 71, 4.304, 80.0, 22.0, 20),
        Circuit(14, "Interlagos", "São Paulo", 10, "BRA", "Brazil", "-03:00:00", 71, 4.309, 73.5, 23.0, 17),
        Circuit(152, "Las Vegas", "Las Vegas", 19, "USA", "United States", "-08:00:00", 50, 6.201, 96.5, 20.0, 5, _STREET),
        Circuit(150, "Lusail", "Lusail", 149, "QAT", "Qatar", "03:00:00", 57, 5.419, 85.5, 26.0, 16),
        Circuit(70, "Yas Marina Circuit", "Yas Island", 21, "UAE", "United Arab Emirates", "04:00:00", 58, 5.281, 88.0, 22.0, 13),
    )
}  # fmt: skip

_NAMES = {
    "Sakhir": "Bahrain", "Jeddah": "Saudi Arabian", "Melbourne": "Australian", "Suzuka": "Japanese",
    "Shanghai": "Chinese", "Miami": "Miami", "Imola": "Emilia Romagna", "Monte Carlo": "Monaco",
    "Montreal": "Canadian", "Catalunya": "Spanish", "Spielberg": "Austrian", "Silverstone": "British",
    "Hungaroring": "Hungarian", "Spa-Francorchamps": "Belgian", "Zandvoort": "Dutch", "Monza": "Italian",
    "Madring": "Spanish", "Baku": "Azerbaijan", "Singapore": "Singapore", "Austin": "United States",
    "Mexico City": "Mexico City", "Interlagos": "São Paulo", "Las Vegas": "Las Vegas", "Lusail": "Qatar",
    "Yas Marina Circuit": "Abu Dhabi",
}  # fmt: skip

# month-day of the race in UTC and circuit; S marks a sprint weekend, X a cancelled one.
_CALENDARS = {
    2023: """03-05 Sakhir; 03-19 Jeddah; 04-02 Melbourne; 04-30 Baku S; 05-07 Miami; 05-28 Monte Carlo;
        06-04 Catalunya; 06-18 Montreal; 07-02 Spielberg S; 07-09 Silverstone; 07-23 Hungaroring;
        07-30 Spa-Francorchamps S; 08-27 Zandvoort; 09-03 Monza; 09-17 Singapore; 09-24 Suzuka; 10-08 Lusail S;
        10-22 Austin S; 10-29 Mexico City; 11-05 Interlagos S; 11-19 Las Vegas; 11-26 Yas Marina Circuit""",
    2024: """03-02 Sakhir; 03-09 Jeddah; 03-24 Melbourne; 04-07 Suzuka; 04-21 Shanghai S; 05-05 Miami S;
        05-19 Imola; 05-26 Monte Carlo; 06-09 Montreal; 06-23 Catalunya; 06-30 Spielberg S; 07-07 Silverstone;
        07-21 Hungaroring; 07-28 Spa-Francorchamps; 08-25 Zandvoort; 09-01 Monza; 09-15 Baku; 09-22 Singapore;
        10-20 Austin S; 10-27 Mexico City; 11-03 Interlagos S; 11-24 Las Vegas; 12-01 Lusail S;
        12-08 Yas Marina Circuit""",
    2025: """03-16 Melbourne; 03-23 Shanghai S; 04-06 Suzuka; 04-13 Sakhir; 04-20 Jeddah; 05-04 Miami S; 05-18 Imola;
        05-25 Monte Carlo; 06-01 Catalunya; 06-15 Montreal; 06-29 Spielberg; 07-06 Silverstone;
        07-27 Spa-Francorchamps S; 08-03 Hungaroring; 08-31 Zandvoort; 09-07 Monza; 09-21 Baku; 10-05 Singapore;
        10-19 Austin S; 10-26 Mexico City; 11-09 Interlagos S; 11-23 Las Vegas; 11-30 Lusail S;
        12-07 Yas Marina Circuit""",
    2026: """03-08 Melbourne; 03-15 Shanghai S; 03-29 Suzuka; 04-12 Sakhir X; 04-19 Jeddah X; 05-03 Miami S;
        05-24 Montreal S; 06-07 Monte Carlo; 06-14 Catalunya; 06-28 Spielberg; 07-05 Silverstone S;
        07-19 Spa-Francorchamps; 07-26 Hungaroring; 08-23 Zandvoort S; 09-06 Monza; 09-13 Madring; 09-26 Baku;
        10-11 Singapore S; 10-25 Austin; 11-01 Mexico City; 11-08 Interlagos; 11-22 Las Vegas; 11-29 Lusail;
        12-06 Yas Marina Circuit""",
}

# acronym: first name, last name, country, loss to the best driver in ms a lap
_DRIVERS = {
    "VER": ("Max", "Verstappen", "NED", 0), "PER": ("Sergio", "Perez", "MEX", 350),
    "LEC": ("Charles", "Leclerc", "MON", 60), "SAI": ("Carlos", "Sainz", "ESP", 120),
    "HAM": ("Lewis", "Hamilton", "GBR", 110), "RUS": ("George", "Russell", "GBR", 70),
    "GAS": ("Pierre", "Gasly", "FRA", 140), "OCO": ("Esteban", "Ocon", "FRA", 190),
    "NOR": ("Lando", "Norris", "GBR", 40), "PIA": ("Oscar", "Piastri", "AUS", 70),
    "BOT": ("Valtteri", "Bottas", "FIN", 180), "ZHO": ("Guanyu", "Zhou", "CHN", 320),
    "ALO": ("Fernando", "Alonso", "ESP", 70), "STR": ("Lance", "Stroll", "CAN", 330),
    "MAG": ("Kevin", "Magnussen", "DEN", 260), "HUL": ("Nico", "Hulkenberg", "GER", 140),
    "DEV": ("Nyck", "De Vries", "NED", 380), "TSU": ("Yuki", "Tsunoda", "JPN", 230),
    "ALB": ("Alexander", "Albon", "THA", 130), "SAR": ("Logan", "Sargeant", "USA", 480),
    "RIC": ("Daniel", "Ricciardo", "AUS", 260), "ANT": ("Kimi", "Antonelli", "ITA", 150),
    "COL": ("Franco", "Colapinto", "ARG", 300), "BEA": ("Oliver", "Bearman", "GBR", 180),
    "HAD": ("Isack", "Hadjar", "FRA", 160), "LAW": ("Liam", "Lawson", "NZL", 220),
    "BOR": ("Gabriel", "Bortoleto", "BRA", 200), "LIN": ("Arvid", "Lindblad", "GBR", 240),
}  # fmt: skip

# team, colour, loss to the best car in ms a lap, its two drivers by number
_GRIDS: dict[int, tuple[tuple[str, str, int, dict[int, str]], ...]] = {
    2023: (
        ("Red Bull Racing", "3671C6", 0, {1: "VER", 11: "PER"}), ("Ferrari", "F91536", 450, {16: "LEC", 55: "SAI"}),
        ("Mercedes", "6CD3BF", 500, {44: "HAM", 63: "RUS"}), ("Aston Martin", "358C75", 520, {14: "ALO", 18: "STR"}),
        ("McLaren", "F58020", 550, {4: "NOR", 81: "PIA"}), ("Alpine", "2293D1", 850, {10: "GAS", 31: "OCO"}),
        ("Williams", "37BEDD", 1000, {23: "ALB", 2: "SAR"}), ("AlphaTauri", "5E8FAA", 1050, {22: "TSU", 21: "DEV"}),
        ("Alfa Romeo", "C92D4B", 1080, {77: "BOT", 24: "ZHO"}), ("Haas F1 Team", "B6BABD", 1150, {20: "MAG", 27: "HUL"}),
    ),
    2024: (
        ("Red Bull Racing", "3671C6", 60, {1: "VER", 11: "PER"}), ("McLaren", "FF8000", 0, {4: "NOR", 81: "PIA"}),
        ("Ferrari", "E80020", 80, {16: "LEC", 55: "SAI"}), ("Mercedes", "27F4D2", 180, {44: "HAM", 63: "RUS"}),
        ("Aston Martin", "229971", 650, {14: "ALO", 18: "STR"}), ("RB", "6692FF", 780, {22: "TSU", 3: "RIC"}),
        ("Haas F1 Team", "B6BABD", 800, {20: "MAG", 27: "HUL"}), ("Alpine", "0093cc", 850, {10: "GAS", 31: "OCO"}),
        ("Williams", "64C4FF", 880, {23: "ALB", 2: "SAR"}), ("Kick Sauber", "52e252", 1150, {77: "BOT", 24: "ZHO"}),
    ),
    2025: (
        ("McLaren", "F47600", 0, {4: "NOR", 81: "PIA"}), ("Red Bull Racing", "4781D7", 120, {1: "VER", 22: "TSU"}),
        ("Mercedes", "00D7B6", 250, {63: "RUS", 12: "ANT"}), ("Ferrari", "ED1131", 260, {16: "LEC", 44: "HAM"}),
        ("Williams", "1868DB", 600, {23: "ALB", 55: "SAI"}), ("Racing Bulls", "6C98FF", 620, {6: "HAD", 30: "LAW"}),
        ("Aston Martin", "229971", 680, {14: "ALO", 18: "STR"}), ("Kick Sauber", "01C00E", 720, {27: "HUL", 5: "BOR"}),
        ("Haas F1 Team", "9C9FA2", 740, {31: "OCO", 87: "BEA"}), ("Alpine", "00A1E8", 880, {10: "GAS", 43: "COL"}),
    ),
    2026: (
        ("Mercedes", "00D7B6", 0, {63: "RUS", 12: "ANT"}), ("McLaren", "F47600", 120, {1: "NOR", 81: "PIA"}),
        ("Ferrari", "ED1131", 150, {16: "LEC", 44: "HAM"}), ("Red Bull Racing", "4781D7", 220, {3: "VER", 6: "HAD"}),
        ("Alpine", "00A1E8", 600, {10: "GAS", 43: "COL"}), ("Haas F1 Team", "9C9FA2", 650, {31: "OCO", 87: "BEA"}),
        ("Racing Bulls", "6C98FF", 680, {30: "LAW", 41: "LIN"}), ("Williams", "1868DB", 750, {23: "ALB", 55: "SAI"}),
        ("Audi", "F50537", 780, {27: "HUL", 5: "BOR"}), ("Aston Martin", "229971", 1000, {14: "ALO", 18: "STR"}),
        ("Cadillac", "909090", 1300, {11: "PER", 77: "BOT"}),
    ),
}  # fmt: skip

SEASONS = tuple(sorted(_CALENDARS))


def calendar(season: int) -> list[Weekend]:
    """The meetings of a season in order, cancelled ones included. KeyError for a season not in `SEASONS`."""
    weekends = []
    for entry in _CALENDARS[season].split(";"):
        day, _, rest = entry.strip().partition(" ")
        mark = rest[-2:] if rest[-2:] in (" S", " X") else ""
        circuit = CIRCUITS[rest.removesuffix(mark)]
        adjective = _NAMES[circuit.short_name]
        if season >= 2026 and circuit.short_name == "Catalunya":
            adjective = "Barcelona-Catalunya"
        weekends.append(
            Weekend(
                circuit,
                f"{adjective} Grand Prix",
                date.fromisoformat(f"{season}-{day}"),
                sprint=mark == " S",
                cancelled=mark == " X",
            )
        )
    return weekends


def drivers(season: int) -> list[Driver]:
    """The entries of a season by number. KeyError for a season not in `SEASONS`."""
    found = []
    for team, colour, loss, seats in _GRIDS[season]:
        for number, acronym in seats.items():
            first, last, country, own_loss = _DRIVERS[acronym]
            found.append(Driver(number, acronym, first, last, country, team, colour, loss + own_loss))
    return sorted(found, key=lambda d: d.number)


# (name, type, days after the race, hours after the race's hour, minutes long)
_NORMAL = (
    ("Practice 1", "Practice", -2, -1.5, 60),
    ("Practice 2", "Practice", -2, 2.0, 60),
    ("Practice 3", "Practice", -1, -2.5, 60),
    ("Qualifying", "Qualifying", -1, 1.0, 60),
    ("Race", "Race", 0, 0.0, 120),
)
_SPRINT = (
    ("Practice 1", "Practice", -2, -2.5, 60),
    ("Sprint Qualifying", "Qualifying", -2, 1.5, 44),
    ("Sprint", "Race", -1, -3.0, 60),
    ("Qualifying", "Qualifying", -1, 1.0, 60),
    ("Race", "Race", 0, 0.0, 120),
)


@dataclass(frozen=True)
class Slot:
    """One session of a timetable; `after` is measured from 00:00 UTC of the race day."""

    name: str
    type: str
    after: timedelta
    length: timedelta


def timetable(circuit: Circuit, sprint: bool) -> list[Slot]:
    """The five sessions of a weekend in order."""
    return [
        Slot(name, kind, timedelta(days=days, hours=circuit.race_hour + hours), timedelta(minutes=minutes))
        for name, kind, days, hours, minutes in (_SPRINT if sprint else _NORMAL)
    ]
