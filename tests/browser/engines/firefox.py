"""Firefox by marionette-driver, as Mozilla drives it: selenium would want geckodriver, which Debian
has not.

Firefox is started here and not by the library, which leaves sockets open while it waits for it.
"""

from __future__ import annotations

import json
import os
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests import processes
from tests.browser.engines.engine import INTERVAL, NAME, SECONDS, Engine, T

with warnings.catch_warnings():
    # Of modules that a later Python will not have, and of its own.
    warnings.simplefilter("ignore", DeprecationWarning)
    from marionette_driver import Wait, errors
    from marionette_driver.marionette import Marionette

PASSING = (
    errors.JavascriptException,
    errors.StaleElementException,
    errors.ElementNotInteractableException,
    errors.ElementClickInterceptedException,
)
"""What is said of an element that a page is just replacing or moving, and of a page that is just
left."""
# "Layout" is what the driver itself brings about, by asking where an element is; and of a database
# it tells what became of a page that was left.
COMPLAINTS = """
const said = Services.console.getMessageArray().filter((one) =>
    one instanceof Ci.nsIScriptError && !/^(chrome|resource):/.test(one.sourceName) &&
    !one.category.startsWith("Layout") && !one.errorMessage.startsWith("IndexedDB UnknownErr"));
Services.console.reset();
return said.map(String);
"""


class Firefox(Engine):
    """Starts `program` with a new profile in `folder`."""

    IS_IN_MEMORY = False

    def __init__(self, program: str, folder: Path) -> None:
        super().__init__(folder / "downloads")
        self.downloads.mkdir()
        profile = folder / "profile"
        profile.mkdir()
        settings = {
            "marionette.port": 0,
            "network.dns.localDomains": NAME,
            "network.proxy.type": 0,
            # It complains of who leads on from this machine to this machine within ten seconds.
            "privacy.bounceTrackingProtection.mode": 0,
            "browser.download.folderList": 2,
            "browser.download.dir": str(self.downloads),
        }
        lines = [
            f"user_pref({json.dumps(name)}, {json.dumps(settings[name])});" for name in settings
        ]
        (profile / "user.js").write_text("\n".join(lines))
        command = [program, "--headless", "--no-remote", "--profile", str(profile)]
        # The console can be read with such access alone.
        command += ["--marionette", "--remote-allow-system-access"]
        with (folder / "firefox.log").open("w") as log:
            self._process = processes.start(
                command,
                is_lasting=True,
                env={**os.environ, "HOME": str(folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            self._marionette = Marionette(port=self._port_told_in(profile))
            self._marionette.start_session({})
            self.complaints()
        except BaseException:
            processes.end(self._process)
            raise

    def go(self, url: str) -> None:
        self._marionette.navigate(url)

    @property
    def address(self) -> str:
        return str(self._marionette.get_url())

    def find(self, xpath: str) -> list[Any]:
        found: list[Any] = self._marionette.find_elements("xpath", xpath)
        return found

    def run(self, script: str, *arguments: object) -> Any:
        return self._marionette.execute_script(script, script_args=arguments, sandbox=None)

    def wait(self, condition: Callable[[], T], what: str) -> T:
        wait = Wait(self._marionette, SECONDS, INTERVAL, ignored_exceptions=PASSING)
        found: T = wait.until(lambda _: condition(), message=what)
        return found

    def complaints(self) -> list[str]:
        with self._marionette.using_context("chrome"):
            said: list[str] = self._marionette.execute_script(COMPLAINTS)
        return said

    def forget(self) -> None:
        self._marionette.delete_all_cookies()

    def close(self) -> None:
        try:
            self._marionette.cleanup()
        finally:
            self._process.terminate()
            self._process.wait(timeout=SECONDS)

    def _port_told_in(self, profile: Path) -> int:
        """The port that it has taken, which it writes down when it listens there."""
        path = profile / "MarionetteActivePort"
        for _ in range(int(SECONDS / INTERVAL)):
            if path.exists() and (port := path.read_text()):
                return int(port)
            try:
                status = self._process.wait(INTERVAL)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(f"Firefox ended with status {status}")
        raise AssertionError("Firefox does not listen")
