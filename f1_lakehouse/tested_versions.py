"""The versions of libraries whose non-public APIs were tested with this code.

Code that uses such an API asks `is_tested` first and otherwise takes the public way, which is slower. On an upgrade of a library:
run the tests of the modules that name it here, then raise its bound.
"""

from functools import cache
from importlib.metadata import version

from packaging.version import Version

TESTED = {
    "dagster": ("1.13.27", "1.14"),
    "dagster-dbt": ("0.29.27", "0.30"),
    "dbt-common": ("1.37", "2"),
    "dbt-core": ("1.11", "1.12"),
    "dbt-duckdb": ("1.11.1", "1.12"),
}
"""Distribution → the lowest version that was tested, and the first that was not."""


@cache
def installed_version(distribution: str) -> Version:
    """Return the installed version of a library, read once per process: it takes 2 ms, and the plugin of dbt asks before each node."""
    return Version(version(distribution))


def is_tested(distribution: str) -> bool:
    """Return whether the installed version of a library is one whose non-public APIs were tested."""
    lowest, first_untested = TESTED[distribution]
    return Version(lowest) <= installed_version(distribution) < Version(first_untested)
