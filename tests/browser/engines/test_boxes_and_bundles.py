"""Boxes, and several files under one link, in Firefox and WebKit."""

from __future__ import annotations

import secrets
import zipfile
from pathlib import Path

import pytest

from tests.browser.engines.engine import Engine
from tests.server_process import ServerProcess

MIB = 1 << 20
PASSWORD = "Our old summer house 1"
WAYS = {"open": "You, and whoever runs", "sealed": "You alone"}


def sign_up(engine: Engine, site: ServerProcess) -> None:
    name = f"ada-{secrets.token_hex(4)}"
    engine.open(f"{site.url}/-/signup")
    engine.fill("E-mail", f"{name}@nowhere.example")
    engine.fill("Name", name)
    engine.fill("Password", PASSWORD)
    engine.fill("Once more", PASSWORD)
    engine.press("Sign up")
    engine.wait(lambda: engine.run("return location.pathname !== '/-/signup'"), "the account")


def contents(engine: Engine, name: str) -> dict[str, bytes]:
    """The files in a zip, once it has been saved. It is taken away."""
    path = engine.downloads / name
    engine.wait(lambda: path.exists() and zipfile.is_zipfile(path), f"the zip {name}")
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        found = {one: opened.read(one) for one in opened.namelist()}
    path.unlink()
    return found


@pytest.mark.parametrize("way", WAYS)
def test_the_life_of_a_box(engine: Engine, site: ServerProcess, tmp_path: Path, way: str) -> None:
    files = {f"Plans {way}.bin": secrets.token_bytes(9 * MIB + 5), "small.txt": b"small"}
    sign_up(engine, site)
    engine.open(f"{site.url}/-/boxes")
    engine.fill("Name", "Plans")
    engine.choose(WAYS[way])
    # Keys are made first: WebKit's driver still looks at the button when its page is gone.
    engine.run("document.querySelector('#new-box button.go').click()")
    engine.sees("Give others this link")
    own, short_url = engine.address, engine.offered()
    assert len(own.partition("#")[2]) == (43 if way == "sealed" else 0)

    engine.open(short_url)
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        engine.attach(tmp_path / name)
    engine.fill("A note for the receiver", "As promised ☃")
    engine.press("Send")
    shown = "//*[@data-ready][not(@hidden)]"
    engine.wait(lambda: len([one for one in engine.find(shown) if one.is_displayed()]) == 2, "both")

    engine.open(own)
    engine.sees("As promised ☃")
    for name, data in files.items():
        engine.press_or_follow(f"Save {name}")
        assert engine.saved(name, len(data)) == data
    engine.press_or_follow("Save all as a zip")
    assert contents(engine, "Plans.zip") == files


def test_several_files(engine: Engine, site: ServerProcess, tmp_path: Path) -> None:
    files = {"one.txt": b"one", "two.bin": secrets.token_bytes(MIB)}
    engine.open(f"{site.url}/-/share")
    engine.choose("Anyone with the link")
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        engine.attach(tmp_path / name)
    engine.press("Share")
    engine.open(engine.offered())
    engine.sees("two.bin")
    engine.follow("Download all")
    assert contents(engine, "one.txt and 1 more.zip") == files


def test_several_encrypted_files(engine: Engine, site: ServerProcess, tmp_path: Path) -> None:
    files = {"one.txt": b"one", "two.bin": secrets.token_bytes(MIB)}
    engine.open(f"{site.url}/-/share")
    engine.choose("Encrypted, key in the link")
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        engine.attach(tmp_path / name)
    engine.press("Share")
    engine.open(engine.offered())
    engine.sees("Unlocked.")
    engine.press("Save the file")
    engine.sees("Done.")
    assert contents(engine, "one.txt and 1 more.zip") == files
