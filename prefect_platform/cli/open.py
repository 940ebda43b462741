from __future__ import annotations

import click

from prefect_platform.cli.connection import connected


@click.command("open")
@click.option("--browser/--no-browser", default=True, help="Whether to open it, beside printing the link.")
def command(browser: bool) -> None:
    """Print the link that opens the web UI, once, within ten minutes; and open it in a browser.

    The link signs in whoever opens it first as you: it is for you alone.
    """
    with connected(None) as client:
        link = client.tokens.sign_in_link()
    print(link.url)
    if browser:
        import webbrowser

        webbrowser.open(link.url)
