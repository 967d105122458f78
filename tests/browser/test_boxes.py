"""Boxes in a real browser: what strangers send, what goes over the wire, what their owner saves."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from playwright.sync_api import Browser, Page, expect

from shortd.client.box_keys import Label
from tests.browser.axe import violations
from tests.browser.shelf import new_shelf
from tests.browser.tap import Tap
from tests.browser.test_bundles import contents
from tests.browser.test_sharing import pieces
from tests.browser.watch import Watch, WatchOfDownloads
from tests.open_files import contents_below
from tests.server_process import ServerProcess
from tests.sharing.boxes import coded, drop_sealed, point

MIB = 1 << 20


@pytest.fixture
def watch() -> Watch:
    # A torn file is given up before it has come.
    return WatchOfDownloads()


@pytest.fixture
def file(tmp_path: Path, way: str) -> Path:
    """Two parts, the second of a frame and a bit."""
    path = tmp_path / f"Secret plans ☃ {way}.bin"
    path.write_bytes(secrets.token_bytes(9 * MIB + 5))
    return path


@pytest.fixture
def sender(chromium: Browser, watch: Watch) -> Iterator[Page]:
    """A stranger's browser."""
    context = chromium.new_context()
    yield watch.attach(context)
    context.close()


def saved_by(tab: Page, name: str) -> bytes:
    """What the owner's browser saves of a file."""
    # Where a file goes that a person would choose for it.
    tab.evaluate("() => { delete window.showSaveFilePicker; }")
    with tab.expect_download() as download:
        tab.get_by_label(f"Save {name}").click()
    assert download.value.suggested_filename == name
    return download.value.path().read_bytes()


@pytest.mark.parametrize("way", ["open", "sealed"])
def test_the_life_of_a_box(
    tab: Page, sender: Page, tapped: tuple[Tap, ServerProcess], file: Path, way: str
) -> None:
    tap, process = tapped
    own = process.environ["SHORTD_PUBLIC_URL"]
    owner = new_shelf(process)
    value = f"{owner.userid}.{owner.token}"
    tab.context.add_cookies([{"name": "shortd", "value": value, "url": own}])
    tap.sent.clear()

    tab.goto(f"{own}/-/boxes")
    tab.get_by_label("Name", exact=True).fill("Plans")
    tab.locator(f"[value={way}]").check()
    tab.get_by_role("button", name="Make the box").click()
    expect(tab.locator("h1")).to_have_text("Plans")
    key = tab.url.partition("#")[2]
    assert len(key) == (43 if way == "sealed" else 0)
    if key:
        expect(tab.locator("#own")).to_have_value(tab.url)
    assert violations(tab) == []
    [entry] = owner.call("get_entries", count=1)["entries"]

    sender.goto(entry["shorturl"])
    expect(sender.locator("h1")).to_have_text("Plans")
    assert violations(sender) == []
    note = f"From the summer house ☃ {way}"
    small = file.with_name(f"Small secret {way}.txt")
    small.write_bytes(b"a small secret of thirty-two bytes")
    sender.locator("#file").set_input_files([file, small])
    sender.get_by_label("A note for the receiver").fill(note)
    sender.get_by_role("button", name="Send", exact=True).click()
    expect(sender.locator(".file [data-ready]:visible")).to_have_count(2)
    assert violations(sender) == []

    # Neither contents nor names nor the note, nor the key, on the wire or on the disk in the clear.
    is_open = way == "open"
    stored = [*contents_below(process.data_dir)]
    assert any(piece in tap.sent for piece in pieces(file)) == is_open
    assert any(piece in found for piece in pieces(file) for found in stored) == is_open
    for said in (small.name, file.name, note):
        spellings = (said.encode(), quote_plus(said).encode())
        assert any(spelling in tap.sent for spelling in spellings) == is_open
        assert any(said.encode() in found for found in stored) == is_open
    if key:
        assert key.encode() not in tap.sent
        assert not any(key.encode() in found for found in stored)

    tab.reload()
    expect(tab.get_by_text(small.name)).to_be_visible()
    expect(tab.get_by_text(note).first).to_be_visible()
    assert violations(tab) == []
    if is_open:
        with tab.expect_download() as download:
            tab.get_by_label(f"Save {file.name}").click()
        saved = download.value.path().read_bytes()
    else:
        saved = saved_by(tab, file.name)
    assert hashlib.sha256(saved).digest() == hashlib.sha256(file.read_bytes()).digest()
    with tab.expect_download() as everything:
        tab.get_by_text("Save all as a zip").click()
    assert everything.value.suggested_filename == "Plans.zip"
    assert contents(everything.value.path()) == {
        one.name: one.read_bytes() for one in (file, small)
    }

    # The key outlives what is done on the page.
    tab.get_by_label(f"Delete {small.name}").click()
    expect(tab.get_by_text("1 file deleted.")).to_be_visible()
    assert tab.url.partition("#")[2] == key
    expect(tab.get_by_text(file.name)).to_be_visible()
    expect(tab.get_by_text(small.name)).to_have_count(0)
    if key:
        tab.goto("about:blank")
        tab.goto(f"{own}/-/boxes/{entry['id']}")
        expect(tab.get_by_text("open this page by the link with the key")).to_be_visible()
        tab.goto("about:blank")
        tab.goto(f"{own}/-/boxes/{entry['id']}#{'A' * 43}")
        expect(tab.get_by_text("open this page by the link with the key")).to_be_visible()
        assert key.encode() not in tap.sent
    process.stop()
    process.start()


def torn(frame: bytes) -> bytes:
    return frame[:-1] + bytes([frame[-1] ^ 1])


def test_what_strangers_send_keeps_nothing_from_its_owner(tab: Page, site: ServerProcess) -> None:
    """Names that climb, clash or are none, and a file that was torn."""
    pair = ec.generate_private_key(ec.SECP256R1())
    shelf = new_shelf(site)
    entry = shelf.call("create_box", name="Plans", public_key=coded(point(pair)))["entry"]
    harmful = ("../../climb.txt", "con.txt", "..", "/etc/\u202ea", "", "x" * 999)
    for name in ("a.txt", "A.TXT", *harmful):
        drop_sealed(entry["shorturl"], Label(name))
    drop_sealed(entry["shorturl"], Label("torn.txt"), spoil=torn)
    shelf.enter(tab.context)
    key = coded(pair.private_numbers().private_value.to_bytes(32))
    tab.goto(f"{site.url}/-/boxes/{entry['id']}#{key}")
    tab.evaluate("() => { delete window.showSaveFilePicker; }")
    everything = tab.get_by_text("Save all as a zip")
    everything.click()
    said = "torn.txt is damaged or was tampered with: all others are saved when you try again."
    expect(tab.locator("#all-says")).to_have_text(said)
    with tab.expect_download() as download:
        everything.click()
    found = contents(download.value.path())
    assert set(found.values()) == {b"8 bytes."}
    names = {".._.._climb.txt", "a.txt", "A (2).TXT", "_", "_con.txt", "_ (2)", "_etc__a"}
    assert {name for name in found if len(name) < 30} == names
    assert len(found) == 8


def test_what_does_not_fit_is_said_before_it_is_sent(
    tab: Page, site: ServerProcess, tmp_path: Path
) -> None:
    entry = new_shelf(site).call(
        "create_box", name="Small ones", most_file_bytes=10, types=[".txt"]
    )["entry"]
    tab.goto(entry["shorturl"])
    for name, size in (("large.txt", 11), ("other.pdf", 1), ("fits.txt", 10)):
        (tmp_path / name).write_bytes(bytes(size))
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.locator("#fault")).to_have_text("Choose a file.")
    tab.locator("#file").set_input_files([*tmp_path.iterdir()])
    rows = tab.locator(".file")
    expect(rows.filter(has_text="large.txt")).to_contain_text("larger than")
    expect(rows.filter(has_text="other.pdf")).to_contain_text("This box takes other files: .txt.")
    tab.get_by_role("button", name="Send", exact=True).click()
    expect(tab.locator(".file [data-ready]:visible")).to_have_count(1)
    assert violations(tab) == []


def test_without_scripts(plain_tab: Page, site: ServerProcess, tmp_path: Path) -> None:
    shelf = new_shelf(site)
    entry = shelf.call("create_box", name="Invoices", password="open sesame")["entry"]
    shelf.enter(plain_tab.context)
    plain_tab.goto(entry["shorturl"])
    plain_tab.get_by_label("Password").fill("open sesame")
    plain_tab.get_by_role("button", name="Open").click()
    files = [tmp_path / name for name in ("one.txt", "two.txt")]
    for path in files:
        path.write_text(path.name)
    plain_tab.locator("#file").set_input_files(files)
    plain_tab.get_by_role("button", name="Send", exact=True).click()
    expect(plain_tab.get_by_text("Thank you: 2 files have come.")).to_be_visible()
    plain_tab.goto(f"{site.url}/-/boxes/{entry['id']}")
    with plain_tab.expect_download() as download:
        plain_tab.get_by_label("Save two.txt").click()
    assert download.value.path().read_text() == "two.txt"
    with plain_tab.expect_download() as download:
        plain_tab.get_by_role("link", name="Save all as a zip").click()
    assert download.value.suggested_filename == "Invoices.zip"
