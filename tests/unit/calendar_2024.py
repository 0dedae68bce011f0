"""Meetings with names that are easily confused, for the tests of session names; the dates are generated."""

from datetime import UTC, datetime, timedelta

from f1_lakehouse.session_names import NamedSession, numbered

GRAND_PRIX = ("Practice 1", "Practice 2", "Practice 3", "Qualifying", "Race")
SPRINT = ("Practice 1", "Sprint Qualifying", "Sprint", "Qualifying", "Race")
SPRINT_OF_2023 = ("Practice 1", "Qualifying", "Sprint Shootout", "Sprint", "Race")
TEST = ("Day 1", "Day 2", "Day 3")

_MEETINGS = (
    (2024, "Pre-Season Testing", "Sakhir", "Sakhir", "Bahrain", "BRN", TEST),
    (2024, "Bahrain Grand Prix", "Sakhir", "Sakhir", "Bahrain", "BRN", GRAND_PRIX),
    (2024, "Australian Grand Prix", "Melbourne", "Melbourne", "Australia", "AUS", GRAND_PRIX),
    (2024, "Japanese Grand Prix", "Suzuka", "Suzuka", "Japan", "JPN", GRAND_PRIX),
    (2024, "Miami Grand Prix", "Miami", "Miami", "United States", "USA", SPRINT),
    (2024, "Emilia Romagna Grand Prix", "Imola", "Imola", "Italy", "ITA", GRAND_PRIX),
    (2024, "Monaco Grand Prix", "Monaco", "Monte Carlo", "Monaco", "MON", GRAND_PRIX),
    (2024, "Spanish Grand Prix", "Barcelona", "Catalunya", "Spain", "ESP", GRAND_PRIX),
    (2024, "Austrian Grand Prix", "Spielberg", "Spielberg", "Austria", "AUT", SPRINT),
    (2024, "Belgian Grand Prix", "Spa-Francorchamps", "Spa-Francorchamps", "Belgium", "BEL", GRAND_PRIX),
    (2024, "Italian Grand Prix", "Monza", "Monza", "Italy", "ITA", GRAND_PRIX),
    (2024, "Singapore Grand Prix", "Marina Bay", "Singapore", "Singapore", "SGP", GRAND_PRIX),
    (2024, "United States Grand Prix", "Austin", "Austin", "United States", "USA", SPRINT),
    (2024, "São Paulo Grand Prix", "São Paulo", "Interlagos", "Brazil", "BRA", SPRINT),
    (2024, "Las Vegas Grand Prix", "Las Vegas", "Las Vegas", "United States", "USA", GRAND_PRIX),
    (
        2024,
        "Abu Dhabi Grand Prix",
        "Yas Island",
        "Yas Marina Circuit",
        "United Arab Emirates",
        "UAE",
        GRAND_PRIX,
    ),
    (2023, "Monaco Grand Prix", "Monaco", "Monte Carlo", "Monaco", "MON", GRAND_PRIX),
    (2023, "Austrian Grand Prix", "Spielberg", "Spielberg", "Austria", "AUT", SPRINT_OF_2023),
)


def calendar(*, cancelled: str = "") -> list[NamedSession]:
    """Return the sessions of all meetings; those of the meeting `cancelled` are cancelled."""
    found = []
    for number, (season, meeting, location, circuit, country, code, names) in enumerate(_MEETINGS, 1):
        for index, name in enumerate(names):
            found.append(
                NamedSession(
                    start=datetime(season, 1, 5, 12, tzinfo=UTC)
                    + timedelta(days=7 * number, hours=8 * index),
                    key=season * 1000 + number * 10 + index,
                    season=season,
                    meeting_key=number,
                    session_name=name,
                    meeting_name=meeting,
                    location=location,
                    circuit=circuit,
                    country_name=country,
                    country_code=code,
                    is_cancelled=meeting == cancelled,
                )
            )
    return numbered(found)
