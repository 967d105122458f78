"""WebKitGTK by selenium: Debian's MiniBrowser on a screen that nobody sees.

It tells no driver what its console says, so the pages are listened to from when they are there.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    JavascriptException,
    StaleElementReferenceException,
)
from selenium.webdriver import Remote, WebKitGTKOptions, WebKitGTKService
from selenium.webdriver.common.proxy import Proxy, ProxyType
from selenium.webdriver.remote.client_config import ClientConfig
from selenium.webdriver.remote.file_detector import UselessFileDetector
from selenium.webdriver.remote.remote_connection import RemoteConnection
from selenium.webdriver.support.wait import WebDriverWait

from tests import processes
from tests.browser.engines.engine import BUTTON, INTERVAL, SECONDS, Element, Engine, T

PASSING = (
    JavascriptException,
    StaleElementReferenceException,
    ElementNotInteractableException,
    ElementClickInterceptedException,
)
"""What is said of an element that a page is just replacing or moving, and of a page that is just
left."""
WIDTH, HEIGHT = 1280, 1300
"""So high that no page has to be scrolled: this driver presses before it has scrolled."""
UNSEEN = {
    # Its sandbox wants rights that root in a container has not.
    "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
    # Not into a window of the tester's own desktop.
    "GDK_BACKEND": "x11",
}
LISTEN = """
if (window.isListenedTo) return;
window.isListenedTo = true;
const note = (said) => {
    sessionStorage.setItem("complaints", `${sessionStorage.getItem("complaints") ?? ""}${said}\\n`);
};
addEventListener("securitypolicyviolation", (event) =>
    note(`${event.effectiveDirective} refuses ${event.blockedURI}`));
addEventListener("error", (event) => note(event.message));
addEventListener("unhandledrejection", (event) => note(event.reason));
"""
COMPLAINTS = """
const said = sessionStorage.getItem("complaints") ?? "";
sessionStorage.removeItem("complaints");
return said.split("\\n").filter(Boolean);
"""


class WebKit(Engine):
    """Starts `browser` by `driver` on a screen of `xvfb`, at home in `folder`. It knows no names:
    for all of them it asks the server on `named_port`.
    """

    IS_IN_MEMORY = True

    def __init__(self, browser: str, driver: str, xvfb: str, folder: Path, named_port: int) -> None:
        super().__init__(folder / "downloads")
        self.downloads.mkdir()
        settings = folder / ".config"
        settings.mkdir()
        (settings / "user-dirs.dirs").write_text(f'XDG_DOWNLOAD_DIR="{self.downloads}"\n')
        self._screen, display = _screen(xvfb)
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(settings), "DISPLAY": display}
        self._service = WebKitGTKService(driver, env={**os.environ, **UNSEEN, **home})
        options = WebKitGTKOptions()
        options.binary_location = browser
        options.add_argument("--automation")
        # By arguments: the driver's own capability has it crash at one start in fifty.
        options.add_argument(f"--proxy=http://127.0.0.1:{named_port}")
        options.add_argument("--ignore-host=127.0.0.1")
        try:
            self._service.start()
            # Not by a proxy of the tester's own.
            direct = Proxy({"proxyType": ProxyType.DIRECT})
            config = ClientConfig(
                remote_server_addr=self._service.service_url, proxy=direct, timeout=SECONDS
            )
            self._driver = Remote(
                RemoteConnection(client_config=config),
                options=options,
                # Files that are chosen are on this machine.
                file_detector=UselessFileDetector(),
            )
            self._driver.set_window_rect(0, 0, WIDTH, HEIGHT)
        except BaseException:
            self._end_processes()
            raise

    def go(self, url: str) -> None:
        self._driver.get(url)
        self.run(LISTEN)

    @property
    def address(self) -> str:
        return self._driver.current_url

    def find(self, xpath: str) -> list[Any]:
        return self._driver.find_elements("xpath", xpath)

    def run(self, script: str, *arguments: object) -> Any:
        return self._driver.execute_script(script, *arguments)

    def wait(self, condition: Callable[[], T], what: str) -> T:
        wait = WebDriverWait(self._driver, SECONDS, INTERVAL, ignored_exceptions=PASSING)
        return wait.until(lambda _: condition(), message=what)

    def press(self, button: str) -> None:
        # This driver may lose a button that its press has taken away, and press in vain again.
        self._with(BUTTON.format(button), lambda found: self.run("arguments[0].click()", found))

    def complaints(self) -> list[str]:
        said: list[str] = self.run(COMPLAINTS)
        return said

    def forget(self) -> None:
        self._driver.delete_all_cookies()

    def close(self) -> None:
        try:
            self._driver.quit()
        finally:
            self._end_processes()

    def _with(self, xpath: str, act: Callable[[Element], object]) -> None:
        # Pages come by links and forms as well.
        self.run(LISTEN)
        super()._with(xpath, act)

    def _end_processes(self) -> None:
        self._service.stop()
        processes.end(self._screen)


def _screen(xvfb: str) -> tuple[subprocess.Popen[bytes], str]:
    """A screen in memory and its name, which it tells when it is there."""
    told, tell = os.pipe()
    size = f"{WIDTH}x{HEIGHT}x24"
    process = processes.start(
        [xvfb, "-displayfd", str(tell), "-screen", "0", size, "-nolisten", "tcp"],
        is_lasting=True,
        pass_fds=(tell,),
        stderr=subprocess.DEVNULL,
    )
    os.close(tell)
    with os.fdopen(told) as pipe:
        number = pipe.readline().strip()
    if not number:
        processes.end(process)
        raise AssertionError("Xvfb has no screen")
    return process, f":{number}"
