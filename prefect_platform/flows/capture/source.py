"""The generated module: imports, then every definition as it was typed, in an order that runs.

It needs the standard library and what the cells imported, nothing of ours. It says nothing of cell
numbers, kernels or times, so the same code gives the same text.
"""

from __future__ import annotations

import ast
import re

from prefect_platform.flows.capture.closure import Closure
from prefect_platform.flows.capture.definitions import Definition, Kind

VALUES = "values"
"""Folder of the pickles, beside the module."""

_LOADER = '''\
class _Values(_pickle.Unpickler):
    """Values that were pickled; classes and functions of this module are found by name."""

    def persistent_load(self, name):
        first, *rest = name.split(".")
        found = globals()[first]
        for part in rest:
            found = getattr(found, part)
        return found


def _value(name):
    folder = _os.path.join(_os.path.dirname(_os.path.abspath(__file__)), "values")
    with open(_os.path.join(folder, name + ".pkl"), "rb") as file:
        return _Values(file).load()
'''


def module_text(flow_name: str, closure: Closure) -> str:
    """The text of the module that defines everything in `closure`."""
    definitions = closure.definitions
    pickles = any(definition.pickled for definition in definitions)
    parts = [
        f'"""Generated from the cells that flow {_safe(flow_name)} uses, each definition as it was typed."""'
    ]
    if any(definition.postponed for definition in definitions):
        parts.append("from __future__ import annotations")
    parts.append(_imports(definitions, pickles=pickles))
    if pickles:
        parts.append(_LOADER.strip())
    return "\n\n".join(part for part in parts if part) + "\n" + _body(definitions)


def file_name(flow_name: str, taken: set[str]) -> str:
    """`<flow>.py`, a name that hides no module the flow imports."""
    stem = re.sub(r"\W+", "_", flow_name.lower()).strip("_") or "flow"
    stem = f"flow_{stem}" if stem[0].isdigit() else stem
    while stem in taken:
        stem += "_flow"
    return f"{stem}.py"


def _safe(text: str) -> str:
    return repr(text).replace('"', "'")


def _imports(definitions: list[Definition], *, pickles: bool) -> str:
    helpers = {helper for definition in definitions for helper in definition.helpers}
    lines = {f"import {helper} as _{helper.replace('.', '_')}" for helper in helpers}
    if pickles:
        lines |= {"import os as _os", "import pickle as _pickle"}
    for definition in definitions:
        if definition.kind is Kind.IMPORT:
            lines |= set(definition.text.splitlines())
    return "\n".join(sorted(lines, key=lambda line: (line.startswith("from"), line)))


def _body(definitions: list[Definition]) -> str:
    """Blank lines as people set them: two around functions and classes, none between values."""
    text, before = "", None
    for definition in definitions:
        if definition.kind is Kind.IMPORT:
            continue
        small = definition.kind is Kind.VALUE or not _is_block(definition.text)
        text += (
            ("\n" if before is None and small else "" if before and small else "\n\n")
            + definition.text
            + "\n"
        )
        before = small
    return text


def _is_block(text: str) -> bool:
    return isinstance(ast.parse(text).body[0], ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.If)
