"""The environment variables, read into one frozen object.

Belongs here: every variable with the prefix `F1_`. Does not belong here: the paths that follow from them (lake_paths.py), and creating
folders, which the writing code does.
"""

import ipaddress
import os
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from f1_lakehouse.errors import F1LakehouseError
from f1_lakehouse.lake_paths import HAS_SCHEME, UNUSABLE, Environment, LakePaths, lake_root, lake_store

DUCKDB_MEMORY = "80%"
"""The memory of DuckDB while dbt builds, as DuckDB has it by default. A small limit fails: data_quality_metrics of 22 races is built with
160 MiB and not with 128."""


class SettingsError(F1LakehouseError):
    """A malformed environment variable; the message contains its name, its value and what is allowed."""


class LogFormat(StrEnum):
    """The format of log lines on stderr: text, or one JSON object per line."""

    TEXT = "text"
    JSON = "json"


class EngineName(StrEnum):
    """The engine that builds silver and gold: DuckDB, or the server of Spark Connect that `SPARK_REMOTE` names."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class Settings(BaseSettings, LakePaths):
    """All settings; each is an optional environment variable with the prefix `F1_`."""

    # Compose files and CI set empty variables; an empty variable counts as not set.
    model_config = SettingsConfigDict(env_prefix="F1_", frozen=True, extra="ignore", env_ignore_empty=True)

    env: Environment = Environment.DEV
    lakehouse_root: Path | None = None
    store_uri: str | None = None
    engine: EngineName = EngineName.DUCKDB
    openf1_url: str = "https://api.openf1.org/v1"
    openf1_requests_per_second: int = Field(default=3, ge=0)
    openf1_requests_per_minute: int = Field(default=30, ge=0)
    openf1_username: str | None = None
    openf1_password: SecretStr | None = None
    jolpica_url: str = "https://api.jolpi.ca/ergast/f1"
    jolpica_requests_per_second: int = Field(default=4, ge=0)
    jolpica_requests_per_hour: int = Field(default=200, ge=0)
    multiviewer_url: str = "https://api.multiviewer.app/api/v1"
    multiviewer_requests_per_second: int = Field(default=1, ge=0)
    multiviewer_requests_per_hour: int = Field(default=60, ge=0)
    sources: Annotated[tuple[str, ...], NoDecode] = ("openf1", "jolpica")
    alert_urls: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    alert_remind_daily: bool = False
    runbooks: str = "docs/runbook.md"
    pushgateway_url: SecretStr | None = None
    dagster_storage: SecretStr | None = None
    log_format: LogFormat = LogFormat.TEXT
    budget_requests: int | None = Field(default=None, ge=1)
    budget_minutes: float | None = Field(default=None, gt=0)
    budget_disk_gb: float | None = Field(default=None, gt=0)
    duckdb_memory: str = Field(default="", pattern=r"^(\d+(%|MiB|GiB|MB|GB))?$")
    retention_days: int = Field(default=180, ge=7)

    @field_validator("alert_urls", "sources", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return value.split() if isinstance(value, str) else value

    @field_validator("pushgateway_url")
    @classmethod
    def _pushgateway(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            cls._http(value.get_secret_value())
        return value

    @field_validator("dagster_storage")
    @classmethod
    def _postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("postgresql://"):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("sources")
    @classmethod
    def _known_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not set(value) <= {"openf1", "jolpica", "multiviewer"}:
            raise ValueError("names the sources to load, of openf1, jolpica and multiviewer")
        return value

    @field_validator("openf1_url", "jolpica_url", "multiviewer_url")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("lakehouse_root")
    @classmethod
    def _local(cls, value: Path | None) -> Path | None:
        if value is not None and HAS_SCHEME.match(str(value)):
            raise ValueError("must be a local folder; set F1_STORE_URI to use an object store")
        return value

    @property
    def root(self) -> Path:
        """Absolute local folder of the lake: warehouse, published gold, Dagster instance, rate limits."""
        return lake_root(self.env, self.lakehouse_root)

    @property
    def store(self) -> str:
        """Absolute folder, or URI without a trailing slash, of landing, bronze and published Delta tables."""
        return lake_store(self.root, self.store_uri)

    def proxy_environment(self) -> dict[str, str]:
        """Return NO_PROXY of the environment, extended by this machine, so that no proxy is used for local services.

        Not every library supports networks such as 127.0.0.0/8, so a loopback address in a setting is added separately.
        """
        urls = [self.openf1_url, self.jolpica_url, self.multiviewer_url]
        urls += [url.get_secret_value() for url in self.alert_urls]
        urls += [self.pushgateway_url.get_secret_value()] if self.pushgateway_url else []
        urls += [os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "OPENLINEAGE_URL")]
        named = [host for url in urls if is_loopback(host := _host(url))]
        given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
        listed = [part.strip() for part in given.split(",") if part.strip()]
        if "*" in listed:
            return {}
        value = ",".join(dict.fromkeys([*listed, "localhost", "127.0.0.1", "127.0.0.0/8", "::1", *named]))
        return {"NO_PROXY": value, "no_proxy": value}

    def environment(self) -> dict[str, str]:
        """Return the variables with which a child process (dbt, the Dagster daemon) uses this lake from any folder."""
        return {
            **self.proxy_environment(),
            "F1_ENV": str(self.env),
            "F1_LAKEHOUSE_ROOT": str(self.root),
            "F1_STORE_URI": self.store,
            "F1_BRONZE_URI": self.bronze,
            "F1_WAREHOUSE": str(self.warehouse),
            "F1_DUCKDB_MEMORY": self.duckdb_memory or DUCKDB_MEMORY,
            "DAGSTER_HOME": str(self.dagster_home),
            **({"F1_SPARK_WAREHOUSE": self.spark_warehouse} if self.engine is EngineName.SPARK else {}),
        }


def is_loopback(host: str) -> bool:
    """Whether a host name or address refers to this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def load_settings(root: Path | None = None) -> Settings:
    """Return the settings of this process, of the lake at `root` instead of the one that the environment names.

    Raises:
        SettingsError: a variable is malformed, or a path contains an unusable character; one line.
    """
    found = _read(root)
    folders = {"F1_LAKEHOUSE_ROOT": str(found.root)}
    if "://" not in found.store:
        folders["F1_STORE_URI"] = found.store
    for name, folder in folders.items():
        if (bad := UNUSABLE.search(folder)) is not None:
            raise SettingsError(
                f"{folder!r} cannot be the folder of a lake: the path contains {bad[0]!r}; set {name} to a path without "
                "# ? % ^ | * [ ] { } and backslashes"
            )
    return found


def _read(root: Path | None) -> Settings:
    named = {name: value for name, value in os.environ.items() if name.upper().startswith("F1_")}
    return _read_variables(root, tuple(sorted(named.items())))


@lru_cache(maxsize=8)
def _read_variables(root: Path | None, variables: tuple[tuple[str, str], ...]) -> Settings:
    """Return the settings of the environment, kept as long as it has these variables: a command asks 40 times, and reading takes 20 ms."""
    try:
        return Settings() if root is None else Settings(lakehouse_root=root)
    except ValidationError as error:
        first = error.errors()[0]
        name = "F1_" + str(first["loc"][0]).upper()
        secret = "SecretStr" in str(Settings.model_fields[str(first["loc"][0])].annotation)
        value = "" if secret else f"={os.environ.get(name, '')!r}"
        raise SettingsError(f"{name}{value}: {first['msg'].removeprefix('Value error, ')}") from None
