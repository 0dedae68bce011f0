"""Changes to how dbt finds, makes and compiles macros: half of the time of a build that is not spent in queries.

Belongs here: the changes to Jinja and to the namespaces of macros. When they are made, and all others, is in command.py. They replace
non-public functions, and only those of a tested version: another version runs unchanged.

- dbt makes a mapping of all 700 macros for each node and each macro that an adapter calls, and searches up to five dictionaries for each
  name of it. `MacroNamespace` of dbt-core is that mapping; here it is one dictionary.
- dbt makes an object per macro for each such mapping, through three constructors. `add_macros` of dbt-core does it; here the fields of the
  object are set directly.
- dbt makes the module of a macro for each call of it. `get_macro` of dbt-common does it; here once per object. A macro looks its names up
  in the context when it is called, so that a changed context is seen.
- dbt compiles each template and macro in each process: a twentieth of a build. `Environment.compile` of Jinja does it; here the code is kept
  in the user's cache, next to the parse of the project.
"""

import marshal
import sys
from collections.abc import Iterable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

from f1_lakehouse.dbt.parse_cache import shared_folder
from f1_lakehouse.dbt.replacing import if_tested, replace
from f1_lakehouse.storage.object_store import write_atomically


@if_tested("dbt-core")
def find_macros_in_one_dictionary() -> None:
    """Look a macro up in one dictionary instead of up to five."""
    from dbt.context.macros import MacroNamespace

    def macro(self: MacroNamespace, name: str) -> Any:
        found = self.__dict__.get("_by_name")
        if found is None:
            found = {}
            for names in reversed(list(self._search_order())):
                found |= names
            self.__dict__["_by_name"] = found
        return found[name]

    replace(MacroNamespace, "__getitem__", macro)


@if_tested("dbt-core")
def make_macros_directly() -> None:
    """Set the fields of each macro's object without its constructors."""
    from dbt.clients.jinja import MacroGenerator
    from dbt.context.macros import MacroNamespaceBuilder
    from dbt.exceptions import DuplicateMacroNameError

    def add_macros(self: MacroNamespaceBuilder, macros: Iterable[Any], ctx: dict[str, Any]) -> None:
        make, package = MacroGenerator.__new__, None
        for macro in macros:
            if macro.package_name != package:
                package = macro.package_name
                is_internal = package in self.internal_package_names
                packages = self.internal_packages if is_internal else self.packages
                namespace = packages.setdefault(package, {})
                unqualified: dict[str, Any] | None = None
                if not is_internal and package == self.search_package:
                    unqualified = self.locals
                elif not is_internal and package == self.root_package:
                    unqualified = self.globals
            made = make(MacroGenerator)
            fields = made.__dict__
            fields["context"], fields["macro"], fields["node"] = ctx, macro, self.node
            fields["stack"] = self.thread_ctx
            if macro.name in namespace:
                raise DuplicateMacroNameError(macro, macro, macro.package_name)
            namespace[macro.name] = made
            if unqualified is not None:
                unqualified[macro.name] = made

    replace(MacroNamespaceBuilder, "add_macros", add_macros)


@if_tested("dbt-common")
def keep_macros() -> None:
    """Make the module of a macro once for each object of it."""
    from dbt_common.clients.jinja import BaseMacroGenerator

    get_macro = BaseMacroGenerator.get_macro

    def macro_once(self: BaseMacroGenerator) -> Any:
        context, made = self.__dict__.get("_made", (None, None))
        if made is None or context is not self.context:
            made = get_macro(self)
            self.__dict__["_made"] = (self.context, made)
        return made

    replace(BaseMacroGenerator, "get_macro", macro_once)


class CompiledTemplates:
    """The code of templates by their source, in a file; the file may be removed, and a damaged one is ignored."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._code: dict[bytes, CodeType] = {}
        self._is_new = False
        try:
            found = marshal.loads(path.read_bytes())
        except (OSError, EOFError, ValueError, TypeError):
            return
        if isinstance(found, dict):
            self._code = found

    def compile_with(self, compile_source: Any, environment: Any, source: str) -> CodeType:
        """Return the code of a source; a kind of environment makes its own."""
        key = sha256(f"{type(environment).__name__}\0{source}".encode()).digest()
        code = self._code.get(key)
        if code is None:
            code = self._code[key] = compile_source(environment, source)
            self._is_new = True
        return code

    def save(self) -> None:
        """Write the file if there is new code, and if the user may write there."""
        if not self._is_new:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, marshal.dumps(self._code))
        except OSError:
            return


@if_tested("dbt-common")
def keep_compiled_templates() -> CompiledTemplates | None:
    """Take the code of templates from the file that earlier processes made; the caller saves it when dbt has ended."""
    folder = shared_folder()
    if folder is None:
        return None
    from dbt_common.clients import jinja

    # Code depends on Python and on these libraries; the folder is of one state of the project.
    versions = "-".join([sys.implementation.cache_tag or "", version("jinja2"), version("dbt-common")])
    kept = CompiledTemplates(folder / f"templates-{versions}")
    compile_template = jinja.MacroFuzzEnvironment.compile

    def compile_once(self: jinja.MacroFuzzEnvironment, source: Any, *others: Any, **named: Any) -> Any:
        # With more arguments it is not compiled for dbt; while macros are debugged dbt names the file of each template.
        if not isinstance(source, str) or any(others) or named or jinja.MACRO_DEBUGGING:
            return compile_template(self, source, *others, **named)
        return kept.compile_with(compile_template, self, source)

    replace(jinja.MacroFuzzEnvironment, "compile", compile_once)
    return kept
