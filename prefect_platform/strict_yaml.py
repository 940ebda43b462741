"""YAML as data and nothing else: plain tags, no alias, and no key twice, which others pass over."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """`SafeLoader` that takes nothing twice and follows no alias."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not allowed here", event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {str(key)[:60]!r} is there twice", key_node.start_mark
                )
            if isinstance(key, Hashable):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


def load_all(data: bytes) -> list[Any]:
    """Every document of a file.

    Raises:
        yaml.YAMLError, UnicodeDecodeError: as `load`; also for one that is nested too deep to be read.
    """
    try:
        return list(yaml.load_all(data.decode("utf-8-sig"), Loader=_Loader))
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deep") from error


def load(data: bytes) -> Any:
    """What the document says.

    Raises:
        yaml.YAMLError: it is no YAML, or names a key twice; the message has line and column.
        UnicodeDecodeError: it is no UTF-8.
    """
    return yaml.load(data.decode("utf-8-sig"), Loader=_Loader)  # noqa: S506 - a SafeLoader
