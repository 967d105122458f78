"""What the lives of links and files ask of a browser, in the words of a person who uses it.

`firefox` and `webkit` fill it by their own drivers. It must never know what a test is about.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

SECONDS = 60
"""Whatever is waited for comes; how soon says more about the machine."""
INTERVAL = 0.05
NAME = "nas.lan"
"""A name that leads to this machine, over plain http."""
BUTTON = '//button[starts-with(normalize-space(), "{0}") or starts-with(@aria-label, "{0}")]'
LINK = '//a[normalize-space()="{0}" or @aria-label="{0}"]'
LABEL = '//label[starts-with(normalize-space(), "{0}")]'
FIELD = f"//*[@id={LABEL}/@for]"

T = TypeVar("T")


class Element(Protocol):
    """What elements of both drivers have in common."""

    def click(self) -> None: ...
    def clear(self) -> None: ...
    def send_keys(self, keys: str, /) -> None: ...
    def is_displayed(self) -> bool: ...
    def get_attribute(self, name: str, /) -> str | None: ...


class Engine(ABC):
    """A browser with one tab, in a profile of its own, which saves files into `downloads`."""

    IS_IN_MEMORY: bool
    """Whether a file that it decrypts has to fit into memory."""

    def __init__(self, downloads: Path) -> None:
        self.downloads = downloads

    # What its driver does

    @abstractmethod
    def go(self, url: str) -> None:
        """Goes to a page, and waits until it is there."""

    @property
    @abstractmethod
    def address(self) -> str:
        """What the address bar would show."""

    @abstractmethod
    def find(self, xpath: str) -> list[Any]:
        """The elements that are there now, each an `Element`."""

    @abstractmethod
    def run(self, script: str, *arguments: object) -> Any:
        """Runs a function's body in the page; what it returns."""

    @abstractmethod
    def wait(self, condition: Callable[[], T], what: str) -> T:
        """Waits until a condition is true, and gives what it was; `what` is for the failure."""

    @abstractmethod
    def complaints(self) -> list[str]:
        """What the browser complained of since it was asked last."""

    @abstractmethod
    def forget(self) -> None:
        """Removes the cookies of the page's site."""

    @abstractmethod
    def close(self) -> None:
        """Ends the browser and all that belongs to it."""

    # What a person does

    def open(self, url: str) -> None:
        """Goes to a page, and waits until it is there."""
        self.wait(self._is_there, "the page before")
        self.go(url)

    def press(self, button: str) -> None:
        """Presses the first button whose text or name begins so."""
        self._with(BUTTON.format(button), lambda found: found.click())

    def follow(self, link: str) -> None:
        """Follows the first link of that text."""
        self._with(LINK.format(link), lambda found: found.click())

    def press_or_follow(self, name: str) -> None:
        """Presses the first button, or follows the first link, of that name."""
        self._with(f"{BUTTON}|{LINK}".format(name), lambda found: found.click())

    def choose(self, label: str) -> None:
        """Chooses what has a label that begins so."""
        self._with(LABEL.format(label), lambda found: found.click())

    def fill(self, label: str, text: str) -> None:
        """Types into the field of that label, in place of what it holds."""

        def type_into(field: Element) -> None:
            field.clear()
            field.send_keys(text)

        self._with(FIELD.format(label), type_into)

    def attach(self, file: Path) -> None:
        """Chooses a file for the page's only field for single files, which may hide behind a
        button.
        """
        field_for_files = '//input[@type="file"][not(@webkitdirectory)]'
        [field] = self.wait(lambda: self.find(field_for_files), "a field for files")
        field.send_keys(str(file))

    def offered(self) -> str:
        """What the first button that copies would copy, once there is one."""
        found: list[str] = []
        copies = '//button[@data-copy != ""]'
        self._with(copies, lambda button: found.append(button.get_attribute("data-copy") or ""))
        return found[-1]

    def text(self) -> str:
        """What the page shows. The drivers' own text leaves out what may be cut off."""
        return str(self.run("return document.body?.innerText ?? ''"))

    def sees(self, words: str) -> None:
        """Waits until the page says so."""
        self.wait(lambda: words in self.text(), f"the words: {words}")

    def misses(self, words: str) -> None:
        """Waits until the page does not say so any more."""
        self.wait(lambda: words not in self.text(), f"an end of the words: {words}")

    def can_choose(self, label: str) -> bool:
        """Whether what is inside a label that begins so can be chosen."""
        [box] = self.find(f"{LABEL.format(label)}//input")
        return box.get_attribute("disabled") is None

    def download(self, url: str) -> None:
        """Goes to an address that gives a file instead of a page."""
        self.run("location.href = arguments[0]", url)

    def saved(self, name: str, size: int) -> bytes:
        """Waits until a file of that size has been saved; its bytes. It is taken away."""
        path = self.downloads / name
        self.wait(lambda: path.exists() and path.stat().st_size >= size, f"the file {name}")
        data = path.read_bytes()
        path.unlink()
        return data

    def _with(self, xpath: str, act: Callable[[Element], object]) -> None:
        """Does something with the first element that is shown, once there is one."""

        def find_and_act() -> bool:
            if not self._is_there():
                return False
            for element in self.find(xpath):
                if element.is_displayed():
                    act(element)
                    return True
            return False

        self.wait(find_and_act, xpath)

    def _is_there(self) -> bool:
        """Whether the page has all its scripts: who leaves it earlier is told that they failed."""
        return bool(self.run("return document.readyState === 'complete'"))
