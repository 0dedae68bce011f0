"""The changes that the lakehouse makes to the macros of dbt (f1_lakehouse/dbt/faster_macros.py)."""

import marshal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2
import pytest
from dbt.clients.jinja import MacroGenerator, MacroStack
from dbt.context.macros import MacroNamespace, MacroNamespaceBuilder
from dbt.exceptions import DuplicateMacroNameError
from dbt_common.clients import jinja
from library_versions import set_tested

from f1_lakehouse.dbt import faster_macros


@pytest.fixture
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """dbt's functions after a test are those of before."""
    for owner, name in (
        (MacroNamespace, "__getitem__"),
        (MacroNamespaceBuilder, "add_macros"),
        (jinja.BaseMacroGenerator, "get_macro"),
        (jinja.MacroFuzzEnvironment, "compile"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    return monkeypatch


@pytest.mark.parametrize("tested", [True, False])
def test_macro_is_found_in_the_order_of_dbt(as_it_was: pytest.MonkeyPatch, tested: bool) -> None:
    """The package of the node, the project, other packages, dbt: a project may replace a macro of dbt."""
    set_tested(as_it_was, "dbt-core", tested)
    faster_macros.find_macros_in_one_dictionary()
    found = MacroNamespace(
        global_namespace={"a": "project", "b": "project"},
        local_namespace={"a": "node"},
        global_project_namespace={"a": "dbt", "b": "dbt", "c": "dbt", "d": "dbt"},
        packages={"c": {"a": "package"}},
    )
    assert {name: found[name] for name in found} == {
        "a": "node",
        "b": "project",
        "c": {"a": "package"},
        "d": "dbt",
        "dbt": found.global_project_namespace,
    }
    with pytest.raises(KeyError):
        found["e"]


def macro(package: str, name: str, sql: str = "") -> Any:
    return SimpleNamespace(
        package_name=package,
        name=name,
        unique_id=f"macro.{package}.{name}",
        original_file_path=f"macros/{name}.sql",
        macro_sql=f"{{% macro {name}() %}}{sql}{{% endmacro %}}",
    )


@pytest.mark.parametrize("tested", [True, False])
def test_objects_of_macros_are_those_that_dbt_makes(as_it_was: pytest.MonkeyPatch, tested: bool) -> None:
    set_tested(as_it_was, "dbt-core", tested)
    macros = [macro(package, name) for package in ("dbt", "f1", "local", "other") for name in ("a", package)]
    stack, node, context = MacroStack(), object(), {"this": "laps"}

    def namespace() -> dict[str, Any]:
        builder = MacroNamespaceBuilder("f1", "local", stack, ["dbt"], node)
        builder.add_macros(macros, context)
        return {
            name: {
                key: one if not isinstance(one, MacroGenerator) else vars(one) for key, one in found.items()
            }
            for name, found in (("globals", builder.globals), ("locals", builder.locals))
        } | {
            f"{kind} {package}": {key: vars(one) for key, one in found.items()}
            for kind, packages in (("internal", builder.internal_packages), ("other", builder.packages))
            for package, found in packages.items()
        }

    by_dbt, add = namespace(), MacroNamespaceBuilder.add_macros
    faster_macros.make_macros_directly()
    assert (MacroNamespaceBuilder.add_macros is add) == (not tested)
    assert namespace() == by_dbt
    assert by_dbt["locals"]["a"]["macro"].package_name == "local"
    for package in ("dbt", "f1"):
        with pytest.raises(DuplicateMacroNameError):
            MacroNamespaceBuilder("f1", "f1", stack, ["dbt"]).add_macros([macro(package, "a")] * 2, {})


@pytest.mark.parametrize("tested", [True, False])
def test_macro_sees_each_change_of_its_context(as_it_was: pytest.MonkeyPatch, tested: bool) -> None:
    set_tested(as_it_was, "dbt-common", tested)
    made: list[str] = []
    make = jinja2.Template.make_module

    def counted(self: jinja2.Template, *others: Any, **named: Any) -> Any:
        made.append("module")
        return make(self, *others, **named)

    as_it_was.setattr(jinja2.Template, "make_module", counted)
    faster_macros.keep_macros()
    context = {"this": "laps"}
    called = MacroGenerator(macro("f1", "name_of", "{{ this }} of {{ other }}"), context)
    context["other"] = "Monza"
    assert called() == "laps of Monza"
    context["this"] = "pits"
    assert called() == "pits of Monza"
    assert len(made) == 1 or not tested
    called.context = {"this": "stints", "other": "Baku"}
    assert called() == "stints of Baku"


def rendered(source: str) -> str:
    return str(jinja.get_template(source, {}).render({"laps": [1, 2]}))


LAPS = "{% for lap in laps if lap > 1 %}{{ lap }} of {{ laps | length }}{% endfor %}"
AS_LIST = "{{ laps | as_native }}"
"""In a native environment the list itself, otherwise its text."""


def test_template_is_compiled_once_for_all_processes(as_it_was: pytest.MonkeyPatch, tmp_path: Path) -> None:
    as_it_was.setattr(faster_macros, "shared_folder", lambda: tmp_path / "of this project")
    compiled: list[str] = []
    by_jinja = jinja.MacroFuzzEnvironment.compile

    def counted(self: Any, source: str, *others: Any) -> Any:
        compiled.append(source)
        return by_jinja(self, source, *others)

    def process() -> None:
        """What a process of dbt does."""
        as_it_was.setattr(jinja.MacroFuzzEnvironment, "compile", counted)
        kept = faster_macros.keep_compiled_templates()
        assert kept is not None
        assert rendered(LAPS) == "2 of 2"
        assert jinja.get_template(AS_LIST, {}, native=True).render({"laps": [1]}) == [1]
        assert rendered(AS_LIST) == "[1, 2]"
        with pytest.raises(jinja.CompilationError, match="unexpected"):
            rendered("{{ 1 +* }}")
        kept.save()

    process()
    assert compiled == [LAPS, AS_LIST, AS_LIST, "{{ 1 +* }}"]
    [file] = (tmp_path / "of this project").iterdir()
    compiled.clear()
    process()
    assert compiled == ["{{ 1 +* }}"]
    for damaged in (b"", b"damaged", marshal.dumps([1])):
        file.write_bytes(damaged)
        process()
    assert rendered(LAPS) == "2 of 2"


def test_templates_are_compiled_where_nothing_can_be_kept(
    as_it_was: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    as_it_was.setattr(faster_macros, "shared_folder", lambda: tmp_path / "file" / "folder")
    kept = faster_macros.keep_compiled_templates()
    assert kept is not None
    assert rendered(LAPS) == "2 of 2"
    kept.save()
    as_it_was.setattr(faster_macros, "shared_folder", lambda: None)
    assert faster_macros.keep_compiled_templates() is None
    set_tested(as_it_was, "dbt-common", tested=False)
    as_it_was.setattr(faster_macros, "shared_folder", lambda: tmp_path)
    assert faster_macros.keep_compiled_templates() is None
