"""Files shared and opened in a real browser: the three ways, what goes over the wire, going on."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.axe import violations
from tests.browser.tap import Tap
from tests.browser.unlocking import Downloader
from tests.browser.watch import PATIENCE, Watch
from tests.open_files import contents_below
from tests.server_process import ServerProcess

WAYS = ["open", "key", "password"]
PASSWORD = "Größe, our old summer house"
MIB = 1 << 20
SECONDS = 60


class WatchOfCuts(Watch):
    """Does not mind what was given up on purpose."""

    def _note_failure(self, request: Any) -> None:
        if "/v2/file_part_upload" not in request.url:
            super()._note_failure(request)


@pytest.fixture
def watch() -> Watch:
    return WatchOfCuts()


@pytest.fixture
def own(tapped: tuple[Tap, ServerProcess]) -> str:
    _, process = tapped
    return str(process.environ["SHORTD_PUBLIC_URL"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Five frames and a bit, so that there is a part of its own for the rest."""
    path = tmp_path / "Secret plans ☃.bin"
    path.write_bytes(secrets.token_bytes(9 * MIB + 5))
    return path


def choose(tab: Page, way: str, *files: Path) -> None:
    tab.locator(f"[name=way][value={way}]").check()
    if way == "password":
        tab.locator("#password").fill(PASSWORD)
    tab.locator("#file").set_input_files(list(files))


def share(tab: Page, way: str, *files: Path) -> str:
    """Shares files with the mouse: the address to copy of the last one."""
    choose(tab, way, *files)
    tab.get_by_role("button", name="Share", exact=True).click()
    ready = tab.locator(".file", has_text=files[-1].name).locator("[data-copy]")
    ready.wait_for()
    return ready.get_attribute("data-copy") or ""


def pieces(path: Path) -> Iterator[bytes]:
    """What would be found if the file had been sent or kept as it is."""
    data = path.read_bytes()
    for at in range(0, len(data) - 32, MIB // 3):
        yield data[at : at + 32]


@pytest.mark.parametrize("way", WAYS)
def test_the_life_of_a_file(
    tab: Page,
    chromium: Browser,
    tapped: tuple[Tap, ServerProcess],
    own: str,
    file: Path,
    way: str,
) -> None:
    tap, process = tapped
    tap.sent.clear()
    tab.goto(f"{own}/-/share")
    address = share(tab, way, file)
    assert violations(tab) == []
    key = address.partition("#")[2]
    assert bool(key) == (way == "key")
    assert len(key) in (0, 22)
    sealed = way != "open"
    assert any(piece in tap.sent for piece in pieces(file)) != sealed
    stored = [*contents_below(process.data_dir)]
    assert any(piece in kept for piece in pieces(file) for kept in stored) != sealed
    # Neither secret was told to anybody, nor kept by this browser.
    kept = repr(tab.context.storage_state(indexed_db=True))
    for secret in filter(None, (key, PASSWORD)):
        assert secret.encode() not in tap.sent
        assert not any(secret.encode() in found for found in stored)
        assert secret not in kept

    context = chromium.new_context()
    visitor = Downloader(context.new_page(), process)
    if way == "open":
        with visitor.tab.expect_download() as download:
            visitor.tab.goto(f"{own}/-/keyboard")
            visitor.tab.evaluate("(url) => { location.href = url; }", address)
        saved = hashlib.sha256(download.value.path().read_bytes()).hexdigest()
        assert download.value.suggested_filename == file.name
    else:
        visitor.tab.goto(address)
        if way == "password":
            visitor.enter("Not this one")
            expect(visitor.status).to_contain_text("This is not the password")
            visitor.enter(PASSWORD)
        visitor.save_button.wait_for()
        # The key is gone from the address bar.
        assert "#" not in visitor.tab.url
        expect(visitor.tab.locator("#name")).to_have_text(file.name)
        visitor.save()
        saved = visitor.saved_sha256()
    assert saved == hashlib.sha256(file.read_bytes()).hexdigest()
    for secret in filter(None, (key, PASSWORD)):
        assert secret.encode() not in tap.sent
    context.close()


def test_what_was_cut_off_goes_on_in_another_visit(
    tab: Page,
    chromium: Browser,
    tapped: tuple[Tap, ServerProcess],
    own: str,
    tmp_path: Path,
) -> None:
    tap, process = tapped
    path = tmp_path / "long film.bin"
    path.write_bytes(secrets.token_bytes(40 * MIB))
    tab.goto(f"{own}/-/share")
    choose(tab, "password", path)
    # Three parts of 8 MiB are on their way at once: two at least have come by then.
    tap.up.hold_after(37 * MIB)
    tab.get_by_role("button", name="Share", exact=True).click()
    assert tap.up.held.wait(SECONDS)
    state = tab.context.storage_state(indexed_db=True)
    assert PASSWORD not in repr(state)
    tab.close(run_before_unload=False)
    tap.up.release()

    context = chromium.new_context(storage_state=state)
    later = context.new_page()
    later.set_default_timeout(PATIENCE)
    later.goto(f"{own}/-/share")
    row = later.locator(".file", has_text=path.name)
    expect(row).to_contain_text("% of it are here")
    assert violations(later) == []
    # Another file of that name and size is not that file.
    other = tmp_path / "other" / path.name
    other.parent.mkdir()
    other.write_bytes(bytes(40 * MIB))
    later.locator("#file").set_input_files(other)
    expect(later.locator(".file")).to_have_count(2)
    later.locator(".file").nth(1).get_by_role("button", name="Cancel").click()

    later.locator("#file").set_input_files(path)
    expect(row).to_contain_text("Type its password again")
    tap.sent.clear()
    later.locator("#password").fill("not the one")
    later.get_by_role("button", name="Share", exact=True).click()
    expect(later.locator("#fault")).to_contain_text("not the password of last time")
    assert len(tap.sent) < MIB
    later.locator("#password").fill(PASSWORD)
    later.get_by_role("button", name="Share", exact=True).click()
    copy = row.locator("[data-copy]")
    copy.wait_for()
    # What was there already was not sent again.
    assert len(tap.sent) < 25 * MIB
    visitor = Downloader(context.new_page(), process)
    visitor.tab.goto(copy.get_attribute("data-copy") or "")
    visitor.enter(PASSWORD)
    visitor.save()
    assert visitor.saved_sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
    context.close()


def test_pausing_and_cancelling(
    tab: Page, tapped: tuple[Tap, ServerProcess], own: str, file: Path
) -> None:
    tap, _ = tapped
    tab.goto(f"{own}/-/share")
    choose(tab, "key", file)
    tap.up.hold_after(4 * MIB)
    tab.get_by_role("button", name="Share", exact=True).click()
    assert tap.up.held.wait(SECONDS)
    tab.get_by_role("button", name=f"Pause {file.name}").click()
    expect(tab.locator(".file")).to_contain_text("Paused at")
    tap.up.release()
    tab.get_by_role("button", name=f"Go on with {file.name}").click()
    tab.locator(".file [data-copy]").wait_for()

    choose(tab, "open", file)
    tap.up.hold_after(4 * MIB)
    tab.get_by_role("button", name="Share", exact=True).click()
    assert tap.up.held.wait(SECONDS)
    # Held until then: what has come whole is being finished, and not given up quietly.
    tab.get_by_role("button", name=f"Cancel {file.name}").click()
    tap.up.release()
    expect(tab.locator(".file")).to_have_count(1)


def test_several_files_are_copied_together(tab: Page, site: ServerProcess, tmp_path: Path) -> None:
    files = [tmp_path / f"{name}.txt" for name in ("one", "two", "empty")]
    for path in files:
        path.write_text("" if path.stem == "empty" else path.name)
    tab.goto(f"{site.url}/-/share")
    tab.locator("#together").select_option("several")
    share(tab, "key", *files)
    together = tab.get_by_role("button", name="Copy all links").get_attribute("data-copy") or ""
    assert len(set(together.splitlines())) == 3
    assert all(len(line.partition("#")[2]) == 22 for line in together.splitlines())


def test_the_choice_is_remembered_here(tab: Page, site: ServerProcess, file: Path) -> None:
    tab.goto(f"{site.url}/-/share")
    expect(tab.locator("[value=open]")).to_be_checked()
    share(tab, "key", file)
    tab.goto(f"{site.url}/-/share")
    expect(tab.locator("[value=key]")).to_be_checked()


def test_a_password_is_made_up_or_measured(tab: Page, site: ServerProcess) -> None:
    tab.goto(f"{site.url}/-/share")
    tab.locator("[name=way][value=password]").check()
    said = tab.locator("#strength")
    for typed, words in (
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "Weak"),
        ("Password1234", "Weak"),
        ("summer summer summer summer", "Weak"),
        ("correct horse battery staple", "Fair"),
        ("k7Jd9xQp2mZr5tLw8vBn", "Strong"),
    ):
        tab.locator("#password").fill(typed)
        expect(said).to_contain_text(words)
    found, password = set(), tab.locator("#password")
    for _ in range(5):
        password.fill("")
        tab.get_by_role("button", name="Make up six words").click()
        # The list of words comes when it is wanted first.
        expect(password).not_to_have_value("")
        expect(said).to_contain_text("Strong")
        found.add(password.input_value())
    assert len(found) == 5


def test_nothing_is_sent_that_cannot_be(tab: Page, site: ServerProcess, file: Path) -> None:
    tab.goto(f"{site.url}/-/share")
    go, fault = tab.get_by_role("button", name="Share", exact=True), tab.locator("#fault")
    go.click()
    expect(fault).to_have_text("Choose a file.")
    choose(tab, "password", file)
    tab.locator("#password").fill("")
    go.click()
    expect(fault).to_contain_text("Choose a password first")
    expect(tab.locator("#password")).to_be_focused()
    tab.locator("[name=way][value=open]").check()
    tab.locator("#file").set_input_files(file)
    tab.locator("#ending").fill("mine")
    tab.locator("#together").select_option("several")
    go.click()
    expect(fault).to_contain_text("for one link alone")


def test_dropped_on_the_home_page(tab: Page, site: ServerProcess) -> None:
    tab.goto(site.url)
    tab.evaluate("""() => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(["Hello"], "hello.txt", { type: "text/plain" }));
        const options = { dataTransfer, bubbles: true, cancelable: true };
        document.body.dispatchEvent(new DragEvent("drop", options));
    }""")
    expect(tab.locator(".file")).to_contain_text("hello.txt")
    assert tab.url == f"{site.url}/-/share"
    # Nothing is sent before somebody has chosen who may open it.
    expect(tab.locator(".file")).to_contain_text("5 bytes")
    tab.get_by_role("button", name="Share", exact=True).click()
    tab.locator(".file [data-copy]").wait_for()
    tab.go_back()
    expect(tab.locator("#url")).to_be_visible()


def test_without_scripts_it_is_a_plain_form(
    chromium: Browser, site: ServerProcess, file: Path
) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(f"{site.url}/-/share")
    assert "shortd send --key-link" in tab.get_by_role("main").inner_text()
    expect(tab.locator("[value=key]")).to_be_disabled()
    tab.locator("#file").set_input_files(file)
    tab.get_by_role("button", name="Share", exact=True).click()
    expect(tab.locator("#made")).to_be_visible()
    context.close()


def test_where_browsers_encrypt_nothing_they_say_why(
    chromium: Browser, site: ServerProcess
) -> None:
    context = chromium.new_context()
    tab = context.new_page()
    # As over plain http on a name.
    tab.add_init_script("Object.defineProperty(crypto, 'subtle', { value: undefined })")
    tab.goto(f"{site.url}/-/share")
    expect(tab.locator("#insecure")).to_be_visible()
    expect(tab.locator("#command")).to_contain_text("shortd send --key-link --server")
    for way in ("key", "password"):
        expect(tab.locator(f"[value={way}]")).to_be_disabled()
    context.close()
