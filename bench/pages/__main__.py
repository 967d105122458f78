"""What the pages for people cost: `python -m bench.pages`.

An account with 100,000 links, whose first one has been clicked every day for a year, and beside it
one with as few as two pages of the list: what a page costs must not depend on how many links there
are, so that the small account is the peer. Redirects are compared with themselves, with people on
the pages and without, by turns.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import click

from bench.pages import costs, crowd, memory
from bench.pages.places import SMALL, Place, click_for_a_year, new_place
from bench.servers import pin, start_shortd
from tests.server_process import ServerProcess

PARTS = ("memory", "costs", "held", "redirects", "browser")


def two_places(server: ServerProcess, links: int) -> tuple[Place, Place]:
    """The large account and the small one, after a restart."""
    large, small = new_place(server, "large", links), new_place(server, "small", SMALL)
    server.stop()
    for place in (large, small):
        click_for_a_year(server.data_dir, place.link_id, time.time_ns() // 1000)
    server.start()
    pin(server.pid)
    return large, small


@click.command()
@click.option("--links", default=100_000, show_default=True)
@click.option("--rounds", default=7, show_default=True)
@click.option("--count", default=20, show_default=True, help="Requests of a page in a round.")
@click.option("--seconds", default=4, show_default=True, help="Length of one run of redirects.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), default=PARTS)
def main(links: int, rounds: int, count: int, seconds: int, parts: tuple[str, ...]) -> None:
    """Measures what the pages are held to: time, processor, bytes, memory, and redirects beside."""
    # Installing compiles shortd; where this is set, each start would do so again.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="shortd-bench") as name:
        directory = Path(name)
        if "memory" in parts:
            memory.show(memory.measure(directory, rounds))
        if parts == ("memory",):
            return
        server = start_shortd(directory / "data")
        try:
            large, small = two_places(server, links)
            if "costs" in parts:
                costs.show(*costs.measure(server, large, small, rounds, count))
            if "held" in parts:
                crowd.show_held(crowd.measure_held(server, large, rounds, seconds))
            if "redirects" in parts:
                crowd.show(crowd.measure(server, large, directory, rounds, seconds))
            if "browser" in parts:
                # Not before: no other part needs Playwright.
                from bench.pages import browser

                browser.show(browser.measure(server, large, rounds))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
