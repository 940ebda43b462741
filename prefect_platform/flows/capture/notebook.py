"""A flow of a notebook or of `__main__` travels as generated source, pickled values and its own modules."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import Flow

from prefect_platform.errors import RegistrationError
from prefect_platform.flows.capture import cells
from prefect_platform.flows.capture.captured import Captured, Entry
from prefect_platform.flows.capture.closure import closure
from prefect_platform.flows.capture.included import check_free, included
from prefect_platform.flows.capture.left_behind import left_behind
from prefect_platform.flows.capture.modules import LocalModules
from prefect_platform.flows.capture.namespace import Namespace
from prefect_platform.flows.capture.project_files import project_folder, withheld
from prefect_platform.flows.capture.source import VALUES, file_name, module_text
from prefect_platform.wire.flows import CodeKind


def capture_source(
    flow: Flow[..., Any],
    variables: dict[str, Any],
    origin: str,
    directory: Path,
    ran: cells.Cells | None = None,
    include: Sequence[str] = (),
) -> Captured:
    """Capture a flow that lives in the namespace `variables`; pickles go below `directory`.

    `ran` is what has run in that namespace, by default what IPython or the script says. Files that match
    `include` come along, from beside the notebook or from its project.

    Raises:
        RegistrationError: the flow has no name there, or something it uses cannot go along.
    """
    space = Namespace(variables, ran or cells.of_main(variables))
    entry = entry_name(flow, space)
    values = directory / VALUES
    values.mkdir(parents=True, exist_ok=True)
    found = closure(entry, space, values)
    here = Path.cwd().resolve()
    project = project_folder(here) or here
    local = LocalModules(project)
    files = local.travel(found.modules)
    asked = included(include, [(here, ""), (project, "")], project)
    files = asked.files | files
    taken = {name.partition(".")[0] for name in found.modules} | {
        Path(path).parts[0].removesuffix(".py") for path in files
    }
    main = file_name(flow.name, taken)
    entries = [Entry.of_bytes(main, module_text(flow.name, found).encode())]
    entries += [Entry.of_file(path, file) for path, file in files.items()]
    for definition in found.definitions:
        if definition.pickled is not None:
            path = f"{VALUES}/{definition.pickled.file.name}"
            entries.append(Entry.of_file(path, definition.pickled.file, definition.pickled.identity))
    check_free(asked, entries)
    entries.sort(key=lambda entry: entry.path)
    notes = tuple(_edited(name) for name in local.edited(found.modules))
    notes += left_behind(found.definitions, here, {entry.path for entry in entries})
    notes += withheld(asked)
    return Captured(CodeKind.SOURCE, f"{main}:{entry}", origin, tuple(entries), notes)


def entry_name(flow: Flow[..., Any], space: Namespace) -> str:
    """The variable that holds the flow.

    Raises:
        RegistrationError: there is none, so generated source could not name it.
    """
    names = space.names_of(flow)
    own = flow.fn.__name__
    if own in names:
        return own
    if names:
        return names[0]
    raise RegistrationError(
        f"The flow {flow.name!r} is in no variable, so it cannot be found again where it will run. Give "
        f"it one at the top level first: `nightly = {own}.with_options(...)`, then `register(nightly)`."
    )


def _edited(name: str) -> str:
    return f"The module `{name}` was edited after it was imported here; its file as it is now travels."
