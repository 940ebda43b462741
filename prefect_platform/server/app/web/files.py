"""The built files of the web UI, read once: index.html with its base address, and what it loads."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path

DIST = Path(__file__).parent / "dist"
INDEX = "index.html"
_BASE = re.compile(r'<base href="[^"]*"\s*/?>')
_COMPRESSED = ("text/", "application/javascript", "application/json", "image/svg+xml")


@dataclass(frozen=True)
class File:
    """One answer: bytes with their type, and compressed where that helps."""

    body: bytes
    media_type: str
    lasting: bool
    """Whether its name changes with its content, so that browsers may keep it."""

    @cached_property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:32]}"'

    @cached_property
    def compressed(self) -> bytes | None:
        """The body by gzip; None where that would not make it smaller."""
        if not self.media_type.startswith(_COMPRESSED):
            return None
        return gzip.compress(self.body, 9, mtime=0)


class Files:
    """What was built, by its path below the base. Nothing outside of the folder can be named: the paths are
    taken from the folder, and never from who asks."""

    def __init__(self, base: str, folder: Path = DIST) -> None:
        self._base, self._folder = base, folder
        self._paths = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
        self._read: dict[str, File] = {}

    @property
    def built(self) -> bool:
        return INDEX in self._paths

    def file(self, path: str) -> File | None:
        if path not in self._paths:
            return None
        if path not in self._read:
            self._read[path] = self._load(path)
        return self._read[path]

    def _load(self, path: str) -> File:
        body = self._paths[path].read_bytes()
        if path == INDEX:
            said = f'<base href="{escape(self._base)}" />'
            body = _BASE.sub(lambda _: said, body.decode(), count=1).encode()
        media_type = mimetypes.guess_type(path)[0] or "application/octet-stream"
        if media_type == "text/javascript":
            media_type = "application/javascript"
        return File(body, media_type, lasting=path.startswith("assets/"))
