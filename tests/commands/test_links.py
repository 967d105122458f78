"""`shortd link …`: destinations that are blocked, where no server runs and where one does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shortd.store import Store
from shortd.testing import open_app
from tests.commands.shell import Shell


def test_a_destination_is_blocked_listed_and_free_again(shell: Shell) -> None:
    data = Path("shortd-data")
    with open_app(data) as app:
        bad = app.new_link("https://x.bad.example/")
        good = app.new_link("https://good.example/")
    assert shell.did("link", "blocked") == "PATTERN  SINCE  REASON\n"
    said = shell.did("link", "block", "BAD.example", "--reason", "phishing\x1b[31m, twice")
    assert said == "No new link leads to bad.example.\n"
    head, row = shell.did("link", "blocked").splitlines()
    assert head.split() == ["PATTERN", "SINCE", "REASON"]
    assert row.split() == ["bad.example", row.split()[1], "phishing[31m,", "twice"]
    with open_app(data) as app:
        assert app.visit(bad).status_code == 302
        refused = app.refused("url", userid=app.userid, url="https://bad.example/")
        assert refused["code"] == "destination_blocked"
    said = shell.did("link", "block", "bad.example", "--disable-existing")
    assert said == "No new link leads to bad.example. Links that did and were switched off: 1.\n"
    assert "twice" in shell.did("link", "blocked")
    with open_app(data) as app:
        assert app.visit(bad).status_code == 404
        assert app.visit(good).status_code == 302
    said = shell.did("link", "unblock", "bad.example.")
    assert said == "Links may lead to bad.example again; those that are off stay off.\n"
    done = [line.split()[4:6] for line in shell.did("audit").splitlines()[1:]]
    assert done == [["unblock", "destination"], ["block", "destination"], ["block", "destination"]]
    again = shell.run("link", "unblock", "bad.example")
    # Before that it says that the time of these apps is not believed.
    assert again.exit_code == 1
    assert again.stderr.splitlines()[-1] == "shortd: This pattern is not blocked."
    assert len(shell.did("link", "blocked").splitlines()) == 1


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("https://bad.example/", "Write a domain like example.org"),
        ("/(/", "This expression cannot be read: missing ): (."),
        ("/.{1000}x/", "This expression is too large"),
    ],
)
def test_what_is_no_pattern_is_told_in_a_line(shell: Shell, pattern: str, said: str) -> None:
    assert shell.refused("link", "block", pattern).startswith(said)
    assert len(shell.did("link", "blocked").splitlines()) == 1


def test_a_link_that_is_held_says_so(bare: Shell) -> None:
    """To whoever reads: what a program takes is the short URL alone."""
    Path("plugins").mkdir()
    Path("plugins/doubts.py").write_text(
        "from shortd.plugin import Hold, Plugin, hookimpl\n\n\n"
        "class Doubts(Plugin[None, None]):\n"
        '    name = "doubts"\n\n'
        "    @hookimpl\n"
        "    def check_destination(self, url, link, account):\n"
        '        return Hold("It is odd.") if "odd" in url else None\n'
    )
    environ = {"SHORTD_PLUGINS__DIR": "plugins", "SHORTD_DATA": "data"}
    Path("data").mkdir()
    Store(Path("data")).close()
    said = bare.run("link", "add", "https://odd.example/", "--code", "odd", **environ)
    assert said.stdout == "http://127.0.0.1:8080/odd\n"
    assert "held for a check, until shortd link approve: It is odd." in said.stderr
    shown = bare.did("link", "show", "odd", **environ)
    assert re.search(r"held for +https://odd\.example/ \(\w+\): It is odd\.", shown)
    said = bare.run("link", "add", "https://fine.example/", "--code", "fine", **environ)
    assert "held for" not in said.output
    changed = bare.did("link", "set", "fine", "--url", "https://odd.example/er", **environ)
    assert "It is held for a check" in changed
