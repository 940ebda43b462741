"""Everything that a flow of `__main__` uses, from whatever cell, transitively."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect_platform.flows.capture.definitions import Definer, Definition, User
from prefect_platform.flows.capture.namespace import MODULE_NAMES, Namespace
from prefect_platform.flows.capture.order import ordered


@dataclass(frozen=True)
class Closure:
    definitions: list[Definition]
    """In an order in which they can run."""

    @property
    def modules(self) -> set[str]:
        return {module for definition in self.definitions for module in definition.modules}


class _Search:
    def __init__(self, namespace: Namespace, values: Path) -> None:
        self._space = namespace
        self._definer = Definer(namespace, values)
        self.of_name: dict[str, Definition] = {}

    def run(self, entry: str) -> None:
        waiting, undefined = [(entry, User("register", "this call"))], dict[str, User]()
        while waiting:
            name, user = waiting.pop(0)
            if name in self.of_name:
                continue
            if not self._definer.knows(name):
                undefined.setdefault(name, user)
                continue
            definition = self._definer.define(name, user)
            for bound_name in definition.names:
                self.of_name[bound_name] = definition
            following = User(name, definition.where)
            waiting += [(needed, following) for needed in sorted(self.needs(definition))]
        # A function that says `global x` makes x itself, wherever it was found.
        made = {made for found in self.of_name.values() for made in found.used.made}
        for name, user in undefined.items():
            if name not in made:
                raise self._definer.undefined(name, user)

    def needs(self, definition: Definition) -> set[str]:
        """Names that must exist in the generated module because of this definition."""
        found = definition.used.strong | definition.used.weak | definition.attached
        needed = {name for name in found if self._matters(name, definition)}
        return needed | {hint for hint in definition.used.hints if self._known(hint)}

    def _matters(self, name: str, definition: Definition) -> bool:
        return not (name in MODULE_NAMES or name in definition.names or self._space.is_builtin(name))

    def _known(self, name: str) -> bool:
        return self._space.has(name) and not self._space.is_builtin(name) and name not in MODULE_NAMES


def closure(entry: str, namespace: Namespace, values: Path) -> Closure:
    """What the name `entry` needs; pickles are written below `values`.

    Raises:
        RegistrationError: something it uses is not defined, or has no source.
        CannotTravel: something it uses cannot go to another process.
    """
    search = _Search(namespace, values)
    search.run(entry)
    of_name = search.of_name
    first = {id(definition): definition.names[0] for definition in of_name.values()}
    nodes = {definition.names[0]: definition for definition in of_name.values()}

    def edges(names: frozenset[str] | set[str], own: str) -> set[str]:
        return {first[id(of_name[n])] for n in names if n in of_name} - {own}

    strong = {name: edges(found.used.strong, name) for name, found in nodes.items()}
    weak = {name: edges(search.needs(found) - found.attached, name) for name, found in nodes.items()}
    return Closure([nodes[name] for name in ordered(strong, weak)])
