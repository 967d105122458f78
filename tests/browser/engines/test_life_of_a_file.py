"""The life of a file in Firefox and WebKit, in its three ways."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.browser.engines.engine import Engine
from tests.browser.sealing import send
from tests.open_files import contents_below
from tests.server_process import ServerProcess

WAYS = {
    "open": "Anyone with the link",
    "key": "Encrypted, key in the link",
    "password": "Encrypted with a password",
}
PASSWORD = "Größe, our old summer house"
IN_MEMORY = "This browser keeps the file in memory until it is whole."
MIB = 1 << 20
LARGER = """
const fetched = window.fetch;
window.fetch = async (...request) => {
    const answer = await fetched(...request);
    const envelope = await answer.json();
    envelope.output.filesize = 2 ** 31;
    return new Response(JSON.stringify(envelope));
};
"""
"""Has the server say that a file has 2 GiB."""


def is_kept_in(folder: Path, secret: bytes) -> bool:
    return any(secret in stored for stored in contents_below(folder))


@pytest.mark.parametrize("way", WAYS)
def test_the_life_of_a_file(engine: Engine, site: ServerProcess, tmp_path: Path, way: str) -> None:
    file = tmp_path / "Secret plans ☃.bin"
    # A whole part, and a bit of another.
    data = secrets.token_bytes(9 * MIB + 5)
    file.write_bytes(data)
    engine.open(f"{site.url}/-/share")
    engine.choose(WAYS[way])
    if way == "password":
        engine.fill("Password", PASSWORD)
    engine.attach(file)
    engine.press("Share")
    address = engine.offered()
    key = address.partition("#")[2]
    assert len(key) == (22 if way == "key" else 0)

    for piece in (data[at : at + 32] for at in (0, 5 * MIB, 9 * MIB - 27)):
        assert is_kept_in(site.data_dir, piece) == (way == "open")
    for secret in filter(None, (key, PASSWORD)):
        assert not is_kept_in(site.data_dir, secret.encode())

    if way == "open":
        engine.download(address)
    else:
        engine.open(address)
        if way == "password":
            engine.fill("Password", "Not this one")
            engine.press("Unlock")
            engine.sees("This is not the password")
            engine.fill("Password", PASSWORD)
            engine.press("Unlock")
        engine.sees(file.name)
        engine.sees("Unlocked.")
        assert (IN_MEMORY in engine.text()) == engine.IS_IN_MEMORY
        assert "#" not in engine.address
        engine.press("Save the file")
        engine.sees("Done.")
    assert engine.saved(file.name, len(data)) == data


@pytest.mark.parametrize("browser", ["webkit"], indirect=True)
def test_where_memory_is_all_there_is_it_says_how_else(
    engine: Engine, site: ServerProcess, userid: str
) -> None:
    sealed = send(site, userid, b"text", PASSWORD)
    engine.open(sealed.page(site.url))
    engine.run(LARGER)
    engine.fill("Password", PASSWORD)
    engine.press("Unlock")
    engine.sees(IN_MEMORY)
    engine.sees(f"shortd fetch {sealed.shorturl}")
