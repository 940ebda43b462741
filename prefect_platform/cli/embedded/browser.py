"""The link with which `up` lets its user into the web UI."""

from __future__ import annotations

import sys

from prefect_platform.errors import PlatformError


def sign_in_link(url: str, token: str, project: str) -> str:
    """A link that opens the web UI once; the plain address if none can be made now."""
    from prefect_platform.client.settings import connect

    try:
        with connect(url, token, project) as client:
            return client.tokens.sign_in_link().url
    except PlatformError:  # the page at the address says how to sign in
        return url


def show(link: str) -> None:
    """Open the link where somebody sits in front of it: a terminal, on a machine that shows windows."""
    import webbrowser

    if sys.stdout.isatty():
        webbrowser.open(link)
