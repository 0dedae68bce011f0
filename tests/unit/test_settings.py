"""The environment variables: effect, default, and the message for a malformed value."""

import os
from pathlib import Path

import pytest

from f1_lakehouse.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unset all variables; relative paths start in an empty folder."""
    for name in [name for name in os.environ if name.startswith("F1_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_defaults_apply_without_any_variable(tmp_path: Path) -> None:
    found = load_settings()
    root = tmp_path / "local_data"
    assert found.root == root
    assert (found.store, found.bronze, found.landing) == (str(root), f"{root}/bronze", f"{root}/landing")
    assert found.published_tables == f"{root}/gold"
    assert (found.warehouse, found.gold) == (root / "warehouse.duckdb", root / "gold.duckdb")
    assert found.dagster_home == root / "dagster"
    assert found.openf1_url == "https://api.openf1.org/v1"
    assert (found.openf1_requests_per_second, found.openf1_requests_per_minute) == (3, 30)
    assert (found.openf1_username, found.openf1_password) == (None, None)


@pytest.mark.parametrize(("env", "folder"), [("dev", ""), ("stage", "stage"), ("prod", "prod")])
def test_each_environment_has_a_separate_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, env: str, folder: str
) -> None:
    monkeypatch.setenv("F1_ENV", env)
    assert load_settings().root == tmp_path / "local_data" / folder
    assert load_settings().environment()["F1_ENV"] == env


def test_given_root_is_used_in_every_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("F1_ENV", "prod")
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", "lake")
    assert load_settings().root == tmp_path / "lake"


def test_root_in_the_home_folder_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", "~/lake")
    assert load_settings().root == tmp_path / "lake"


def test_object_store_holds_only_landing_bronze_and_published_tables(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("F1_STORE_URI", "s3://bucket/f1/")
    found = load_settings()
    assert [found.bronze, found.landing, found.published_tables] == [
        "s3://bucket/f1/bronze",
        "s3://bucket/f1/landing",
        "s3://bucket/f1/gold",
    ]
    assert found.gold == tmp_path / "local_data" / "gold.duckdb"


def test_relative_store_is_absolute_for_a_child_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("F1_STORE_URI", "store")
    assert load_settings().environment()["F1_STORE_URI"] == str(tmp_path / "store")


def test_child_process_with_the_environment_uses_the_same_lake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", "lake")
    monkeypatch.setenv("F1_ENV", "stage")
    mine = load_settings()
    root, store, warehouse, home = mine.root, mine.store, mine.warehouse, mine.dagster_home
    given = mine.environment()
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    child = load_settings()
    assert (child.root, child.store, child.env) == (root, store, "stage")
    assert (given["F1_WAREHOUSE"], given["DAGSTER_HOME"]) == (str(warehouse), str(home))


def test_url_limits_and_account_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F1_OPENF1_URL", "http://127.0.0.1:8000/v1/")
    monkeypatch.setenv("F1_OPENF1_REQUESTS_PER_SECOND", "0")
    monkeypatch.setenv("F1_OPENF1_REQUESTS_PER_MINUTE", "60")
    monkeypatch.setenv("F1_OPENF1_USERNAME", "somebody")
    monkeypatch.setenv("F1_OPENF1_PASSWORD", "hunter2")
    found = load_settings()
    assert found.openf1_url == "http://127.0.0.1:8000/v1"
    assert (found.openf1_requests_per_second, found.openf1_requests_per_minute) == (0, 60)
    assert found.openf1_username == "somebody"
    assert found.openf1_password is not None
    assert found.openf1_password.get_secret_value() == "hunter2"


def test_memory_of_duckdb_is_passed_to_dbt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("F1_DUCKDB_MEMORY", raising=False)
    assert load_settings().environment()["F1_DUCKDB_MEMORY"] == "80%"
    monkeypatch.setenv("F1_DUCKDB_MEMORY", "80%")  # a child process that is a command of the lakehouse
    assert load_settings().environment()["F1_DUCKDB_MEMORY"] == "80%"
    monkeypatch.setenv("F1_DUCKDB_MEMORY", "2GiB")
    assert load_settings().environment()["F1_DUCKDB_MEMORY"] == "2GiB"


def test_password_is_never_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F1_OPENF1_PASSWORD", "hunter2")
    found = load_settings()
    assert (
        "hunter2"
        not in f"{found!r} {found} {found.model_dump()} {found.model_dump_json()} {found.environment()}"
    )


def test_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    before = load_settings()
    for name in Settings.model_fields:
        monkeypatch.setenv(f"F1_{name.upper()}", "")
    assert load_settings() == before


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("F1_ENV", "production", "'dev', 'stage' or 'prod'"),
        ("F1_OPENF1_URL", "api.openf1.org", "must start with http:// or https://"),
        ("F1_OPENF1_URL", "ftp://api.openf1.org", "must start with http:// or https://"),
        ("F1_OPENF1_REQUESTS_PER_SECOND", "-1", "greater than or equal to 0"),
        ("F1_OPENF1_REQUESTS_PER_SECOND", "3.5", "valid integer"),
        ("F1_OPENF1_REQUESTS_PER_MINUTE", "many", "valid integer"),
        ("F1_LAKEHOUSE_ROOT", "s3://bucket/lake", "F1_STORE_URI"),
        ("F1_DUCKDB_MEMORY", "half", "pattern"),
    ],
)
def test_malformed_variable_is_one_line_with_its_name_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("F1_OPENF1_PASSWORD", "hunter2")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert message.startswith(f"{name}={value!r}: ")
    assert says in message
    assert "\n" not in message
    assert "hunter2" not in message


@pytest.mark.parametrize("character", list("#?[]%^|*{}\\\n"))
@pytest.mark.parametrize("where", ["F1_LAKEHOUSE_ROOT", "F1_STORE_URI", "the working folder"])
def test_character_that_delta_cannot_handle_is_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: str, character: str
) -> None:
    folder = tmp_path / f"a{character}b"
    if where.startswith("F1_"):
        monkeypatch.setenv(where, str(folder))
    else:
        folder.mkdir()
        monkeypatch.chdir(folder)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert f"contains {character!r}" in message
    assert f"set {where if where.startswith('F1_') else 'F1_LAKEHOUSE_ROOT'} to" in message
    assert "\n" not in message


def test_other_unusual_characters_are_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / 'it\'s "q" é日 a;b $c &d =e +f ,g !h @i ~j (k) <l> :o `p'
    monkeypatch.setenv("F1_LAKEHOUSE_ROOT", str(folder))
    assert load_settings().root == folder
    monkeypatch.setenv("F1_STORE_URI", "s3://bucket/a%20b?c")
    assert load_settings().store == "s3://bucket/a%20b?c"


def test_this_machine_is_added_to_no_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("no_proxy", "example.com, .local")
    monkeypatch.setenv("F1_OPENF1_URL", "http://127.0.0.7:8000/v1")
    monkeypatch.setenv("F1_ALERT_URLS", "json://user:hunter2@127.0.0.8/x json://example.org")
    value = "example.com,.local,localhost,127.0.0.1,127.0.0.0/8,::1,127.0.0.7,127.0.0.8"
    environment = load_settings().environment()
    assert (environment["no_proxy"], environment["NO_PROXY"]) == (value, value)
    monkeypatch.setenv("no_proxy", "*")
    assert load_settings().proxy_environment() == {}


def test_settings_are_frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().openf1_url = "x"  # type: ignore[misc]


def test_unknown_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("F1_SOMETHING_ELSE", "x")
    monkeypatch.setenv("F1_RECORDED_DATA", "x")
    assert load_settings() == Settings()
