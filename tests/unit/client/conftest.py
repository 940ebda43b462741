from __future__ import annotations

from tests.unit.client.scripted import script

__all__ = ["script"]
