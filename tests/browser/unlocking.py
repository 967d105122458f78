"""A visitor of the unlock page, and what he is left with: a download, or a file he chose."""

from __future__ import annotations

import hashlib

from playwright.sync_api import Download, Locator, Page

from tests.browser.sealing import Sealed
from tests.browser.watch import PATIENCE
from tests.server_process import ServerProcess


class Visitor:
    """Uses the page as a person does. The subclasses differ in where files are saved."""

    SCRIPT = ""
    """Runs before the page's own."""
    SUCCESS = ""
    """How the status begins once a file is saved."""

    def __init__(self, tab: Page, site: ServerProcess) -> None:
        self.tab = tab
        self.site = site
        self.downloads: list[Download] = []
        tab.set_default_timeout(PATIENCE)
        tab.on("download", lambda download: self.downloads.append(download))
        tab.add_init_script(self.SCRIPT)

    @property
    def status(self) -> Locator:
        return self.tab.get_by_role("status")

    @property
    def password(self) -> Locator:
        return self.tab.get_by_label("Password")

    @property
    def save_button(self) -> Locator:
        return self.tab.get_by_role("button", name="Save the file")

    def open(self, sealed: Sealed) -> None:
        self.tab.goto(sealed.page(self.site.url))

    def enter(self, password: str) -> None:
        self.password.fill(password)
        self.tab.get_by_role("button", name="Unlock").click()

    def save(self) -> None:
        """Begins to save, once the file is unlocked."""
        self.save_button.click()

    def saved_sha256(self) -> str:
        """Waits until the file is there."""
        raise NotImplementedError

    def left_behind(self) -> list[str]:
        """Names of everything that was saved so far, whole or not."""
        raise NotImplementedError

    def _wait_until_saved(self) -> None:
        self.status.get_by_text(self.SUCCESS).wait_for()


class Downloader(Visitor):
    """In a browser where pages cannot ask for a place on the disk."""

    SCRIPT = "window.showSaveFilePicker = undefined"
    SUCCESS = "Done."

    def saved_sha256(self) -> str:
        self._wait_until_saved()
        if not self.downloads:
            self.tab.wait_for_event("download")
        [download] = self.downloads
        return hashlib.sha256(download.path().read_bytes()).hexdigest()

    def left_behind(self) -> list[str]:
        return [download.suggested_filename for download in self.downloads]


class Chooser(Visitor):
    """In a browser where they can. The dialog cannot be driven, so this one always chooses a
    file with the suggested name in the page's own storage, which is written as others are."""

    SCRIPT = """window.showSaveFilePicker = async ({ suggestedName }) => {
        if (!navigator.userActivation.isActive) throw new DOMException("late", "SecurityError");
        const folder = await navigator.storage.getDirectory();
        return folder.getFileHandle(suggestedName, { create: true });
    }"""
    SUCCESS = "Saved as"

    def saved_sha256(self) -> str:
        self._wait_until_saved()
        assert self.downloads == []
        digest: str = self.tab.evaluate(
            """async () => {
                const folder = await navigator.storage.getDirectory();
                const [handle] = await Array.fromAsync(folder.values());
                const bytes = await (await handle.getFile()).arrayBuffer();
                const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
                return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
            }"""
        )
        return digest

    def left_behind(self) -> list[str]:
        names: list[str] = self.tab.evaluate(
            "navigator.storage.getDirectory().then((folder) => Array.fromAsync(folder.keys()))"
        )
        return names
