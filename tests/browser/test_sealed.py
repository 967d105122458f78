"""What sealed.js makes and opens, held against what Python makes and opens."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from playwright.sync_api import Page

from shortd.client.crypto import FrameOpener, password_secret, ww7_secret
from shortd.web.pages import Pages
from tests.client import vectors
from tests.server_process import ServerProcess

OPEN = """async ([script, vector]) => {
    const { Damaged, opener, solve } = await import(script);
    const bytes = Uint8Array.from(vector.body.match(/../g) ?? [], (pair) => parseInt(pair, 16));
    const solved = await solve(vector.signature, vector.typed);
    const body = new Blob([bytes]).stream();
    const plain = body.pipeThrough(opener(solved.fileKey, vector.filesize));
    try {
        const found = [];
        for await (const chunk of plain) found.push(...chunk);
        return [solved.challenge, found];
    } catch (fault) {
        if (fault instanceof Damaged) return [solved.challenge, null];
        throw fault;
    }
}"""
SEAL = """async ([script, secret, pieces]) => {
    const { newSeal, sealFrame } = await import(script);
    const encoder = new TextEncoder();
    const seal = await newSeal(secret);
    const frames = pieces.map((piece, number) =>
        sealFrame(seal.fileKey, encoder.encode(piece), number, number === pieces.length - 1));
    const body = await new Blob((await Promise.all(frames)).flat()).arrayBuffer();
    return [seal.challenge, seal.signature, Array.from(new Uint8Array(body))];
}"""


@pytest.fixture
def ask(tab: Page, site: ServerProcess) -> Any:
    """Runs a script with `sealed.js` on the page that has it."""
    tab.goto(f"{site.url}/-/unlock")

    def ask(script: str, *arguments: object) -> Any:
        return tab.evaluate(script, [Pages(site.url).assets.named("sealed.js").path, *arguments])

    return ask


def test_files_are_opened_or_refused(ask: Any) -> None:
    for vector in vectors.read():
        challenge, plain = ask(OPEN, msgspec.to_builtins(vector))
        assert challenge == vector.challenge, vector.name
        expected = None if vector.plain is None else list(bytes.fromhex(vector.plain))
        assert plain == expected, vector.name


@pytest.mark.parametrize("pieces", [[""], ["one"], ["one", "", "three"]])
@pytest.mark.parametrize("is_typed", [False, True])
def test_python_opens_what_it_seals(ask: Any, pieces: list[str], is_typed: bool) -> None:
    word = "Café" if is_typed else "A" * 22
    name = "password" if is_typed else "linkKey"
    challenge, signature, body = ask(SEAL, {name: word}, pieces)
    secret = password_secret(word) if is_typed else ww7_secret(word)
    opened = secret.open_signature(signature)
    assert opened is not None
    assert opened.hex() == challenge
    key = secret.file_key(opened)
    assert key.is_bound
    opener = FrameOpener(key)
    found = list(opener.feed(bytes(body)))
    opener.finish()
    assert b"".join(filter(None, found)) == "".join(pieces).encode()
    assert opener.number == len(pieces)
