"""Logs as files: the bytes of a source are one file, and its size is the truth.

Beside `<source>.log` lie `<source>.lines` (newlines counted every so many bytes),
`<source>.times` (when bytes arrived) and `<source>.sealed`. The first two only save work: both
may lag behind or be damaged, and are mended from the log the next time it is opened.
"""

from prefect_platform.server.stores.file_logs.store import FileLogs

__all__ = ["FileLogs"]
