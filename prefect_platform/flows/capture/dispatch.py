"""Implementations that a `functools.singledispatch` function has been given in cells.

They hang on it without being named in it, so they travel with its definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType, MappingProxyType

from prefect_platform.flows.capture.cells import Binding
from prefect_platform.flows.capture.namespace import Namespace


def implementations(name: str, value: object, space: Namespace) -> list[str]:
    """The statements that register them: the definitions as typed, or a call where they have another name."""
    registry = getattr(value, "registry", None)
    if not isinstance(registry, MappingProxyType) or not callable(getattr(value, "dispatch", None)):
        return []
    made = [_definition(implementation, space) for implementation in registry.values()]
    texts = [binding.text for binding in made if binding is not None and _registers(binding, name)]
    return list(dict.fromkeys([*texts, *_calls(name, space)]))


def _definition(implementation: object, space: Namespace) -> Binding | None:
    if not isinstance(implementation, FunctionType) or implementation.__module__ != space.module:
        return None
    code = implementation.__code__
    return space.cells.definition(code.co_filename, code.co_firstlineno)


def _registers(binding: Binding, name: str) -> bool:
    decorators = getattr(binding.statement, "decorator_list", [])
    return any(_is_register(getattr(decorator, "func", decorator), name) for decorator in decorators)


def _calls(name: str, space: Namespace) -> Iterator[str]:
    """`show.register(int, show_int)` as a statement of its own."""
    for binding in space.cells.expressions():
        called = getattr(binding.statement, "value", None)
        if _is_register(getattr(called, "func", None), name):
            yield binding.text


def _is_register(node: object, name: str) -> bool:
    """Whether this is `<name>.register`."""
    return (
        getattr(node, "attr", None) == "register"
        and getattr(getattr(node, "value", None), "id", None) == name
    )
