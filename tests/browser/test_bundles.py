"""Several files under one link in a real browser: a folder, as it is and encrypted."""

from __future__ import annotations

import secrets
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from shortd.web.assets import Assets, static_sources
from tests.browser.axe import violations
from tests.browser.unlocking import Downloader
from tests.open_files import contents_below
from tests.server_process import ServerProcess

MIB = 1 << 20
CONTENTS = {
    "trip/notes ü.txt": b"Sunny.",
    "trip/photos/one.bin": secrets.token_bytes(9 * MIB + 5),
    "trip/photos/empty.txt": b"",
}
LOOSE = {"first.txt": b"1", "second.html": b"<script>document.title = 'run'</script>"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in (CONTENTS | LOOSE).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "trip"


def share(tab: Page, way: str) -> str:
    """The address to copy of what is in the queue."""
    tab.locator(f"[name=way][value={way}]").check()
    tab.get_by_role("button", name="Share", exact=True).click()
    ready = tab.locator(".file [data-copy]")
    ready.wait_for()
    return ready.get_attribute("data-copy") or ""


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


def test_the_life_of_a_folder(
    tab: Page, chromium: Browser, site: ServerProcess, folder: Path
) -> None:
    tab.goto(f"{site.url}/-/share")
    tab.locator("#folder").set_input_files(folder)
    # One row for all of it.
    expect(tab.locator(".file .nm")).to_have_text("trip")
    address = share(tab, "open")
    assert violations(tab) == []

    visitor = chromium.new_context().new_page()
    visitor.goto(address)
    expect(visitor.get_by_role("heading", level=1)).to_have_text("trip")
    expect(visitor.get_by_role("heading", level=2)).to_have_text(["trip/", "trip/photos/"])
    assert violations(visitor) == []
    with visitor.expect_download() as one:
        visitor.get_by_role("link", name="one.bin").click()
    assert one.value.path().read_bytes() == CONTENTS["trip/photos/one.bin"]
    with visitor.expect_download() as everything:
        visitor.get_by_role("link", name="Download all").click()
    assert everything.value.suggested_filename == "trip.zip"
    assert contents(everything.value.path()) == CONTENTS
    visitor.context.close()


def test_the_life_of_an_encrypted_folder(
    tab: Page, chromium: Browser, site: ServerProcess, folder: Path, tmp_path: Path
) -> None:
    name = secrets.token_hex(8)
    (folder / name).write_bytes(b"")
    tab.goto(f"{site.url}/-/share")
    tab.locator("#folder").set_input_files(folder)
    tab.locator("#file").set_input_files([tmp_path / name for name in LOOSE])
    expect(tab.locator(".file")).to_have_count(3)
    address = share(tab, "key")
    expect(tab.locator(".file .nm")).to_have_text("trip and 2 more")
    assert not any(name.encode() in stored for stored in contents_below(site.data_dir))

    visitor = Downloader(chromium.new_context().new_page(), site)
    visitor.tab.goto(address)
    visitor.save_button.wait_for()
    expect(visitor.tab.locator("#name")).to_have_text("trip and 2 more.zip")
    visitor.save()
    visitor.saved_sha256()
    assert contents(visitor.downloads[0].path()) == CONTENTS | LOOSE | {f"trip/{name}": b""}
    visitor.tab.context.close()


def test_a_folder_is_dropped(tab: Page, site: ServerProcess, folder: Path) -> None:
    tab.goto(f"{site.url}/-/share")
    devtools = tab.context.new_cdp_session(tab)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        devtools.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 300, "data": data})
    expect(tab.locator(".file .nm")).to_have_text("trip")
    tab.goto(share(tab, "open"))
    expect(tab.get_by_role("heading", level=2)).to_have_text(["trip/", "trip/photos/"])


def test_without_scripts(
    chromium: Browser, folder: Path, site: ServerProcess, tmp_path: Path
) -> None:
    plain_tab = chromium.new_context(java_script_enabled=False).new_page()
    plain_tab.goto(f"{site.url}/-/share")
    plain_tab.locator("#file").set_input_files([tmp_path / name for name in LOOSE])
    plain_tab.get_by_role("button", name="Share", exact=True).click()
    made = plain_tab.locator("input[readonly]").input_value()
    plain_tab.goto(made)
    expect(plain_tab.get_by_role("heading", level=1)).to_have_text("first.txt and 1 more")
    with plain_tab.expect_download() as page:
        plain_tab.get_by_role("link", name="second.html").click()
    assert page.value.path().read_bytes() == LOOSE["second.html"]
    plain_tab.context.close()


def test_a_zip_beyond_four_gigabytes(tab: Page, site: ServerProcess, tmp_path: Path) -> None:
    """As Python reads it; what would take long, the sums of its bytes, is left out."""
    tab.goto(f"{site.url}/-/share")
    made = tab.evaluate(
        """async (path) => {
            const { zipped } = await import(path);
            const piece = new Blob([new Uint8Array(1 << 20)]);
            const large = new File(Array(4200).fill(piece), "large.bin");
            const members = [new File([], "A.txt"), large, new File([], "a.txt")];
            const read = async () => new ArrayBuffer(0);
            const { signal } = new AbortController();
            const file = await zipped({ members, name: "all" }, read, signal);
            const bytes = async (part) => [...new Uint8Array(await part.arrayBuffer())];
            return {
                name: file.name,
                size: file.size,
                head: await bytes(file.slice(0, 500)),
                tail: await bytes(file.slice(-1000)),
            };
        }""",
        Assets(static_sources()).named("zip.js").path,
    )
    assert made["name"] == "all.zip"
    path = tmp_path / "all.zip"
    with path.open("wb") as file:
        file.write(bytes(made["head"]))
        file.seek(made["size"] - 1000)
        file.write(bytes(made["tail"]))
    with zipfile.ZipFile(path) as opened:
        assert opened.namelist() == ["A.txt", "large.bin", "a (2).txt"]
        assert opened.getinfo("large.bin").file_size == 4200 * MIB
        assert opened.getinfo("a (2).txt").header_offset > 4200 * MIB
        assert opened.read("A.txt") == opened.read("a (2).txt") == b""
        with opened.open("large.bin") as inside:
            assert inside.read(10) == bytes(10)


def test_a_zip_beyond_four_gigabytes_made_while_it_is_saved(
    tab: Page, site: ServerProcess, tmp_path: Path
) -> None:
    """As Python reads it; the bytes themselves are left out."""
    tab.goto(f"{site.url}/-/share")
    pieces = tab.evaluate(
        """async (path) => {
            const { zipInto } = await import(path);
            const pieces = [[]];
            const target = new WritableStream({ write: (piece) => pieces.at(-1).push(...piece) });
            const large = { path: "large.bin", size: 4200 * 2 ** 20, lastModified: 0 };
            const none = (path) => ({ path, size: 0, lastModified: 0 });
            const open = async (member) => {
                if (member === large) pieces.push([]);
                return new Blob([]).stream();
            };
            const { signal } = new AbortController();
            await zipInto(target, [none("A.txt"), large, none("a.txt")], open, signal);
            return pieces;
        }""",
        Assets(static_sources()).named("zip.js").path,
    )
    path = tmp_path / "all.zip"
    with path.open("wb") as file:
        file.write(bytes(pieces[0]))
        file.seek(4200 * MIB, 1)
        file.write(bytes(pieces[1]))
    with zipfile.ZipFile(path) as opened:
        assert opened.namelist() == ["A.txt", "large.bin", "a (2).txt"]
        assert opened.getinfo("large.bin").file_size == 4200 * MIB
        assert opened.getinfo("a (2).txt").header_offset > 4200 * MIB
        assert opened.read("A.txt") == opened.read("a (2).txt") == b""
        with opened.open("large.bin") as inside:
            assert inside.read(10) == bytes(10)
