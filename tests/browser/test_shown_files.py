"""Shared files that browsers show by themselves: each type, from shortd and through a proxy."""

from __future__ import annotations

import io
import json
import wave
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Frame, Page, expect

from shortd.web.downloads import SHOWN
from tests.browser.conftest import ARGUMENTS
from tests.browser.watch import Watch, WatchOfDownloads
from tests.conftest import GENEROUS
from tests.fronts import handover_block, nginx, sendfile_front
from tests.server_process import ServerProcess, free_port
from tests.tools import needed

MEDIA = Path(__file__).parent / "media"
PICTURES = {
    "image/png": "picture.png",
    "image/jpeg": "picture.jpg",
    "image/gif": "picture.gif",
    "image/webp": "picture.webp",
    "image/avif": "picture.avif",
    "image/bmp": "picture.bmp",
}
SOUNDS = {
    "audio/mpeg": "tone.mp3",
    "audio/ogg": "tone.ogg",
    "audio/wav": "tone.wav",
    "audio/x-wav": "tone.wav",
    "audio/webm": "tone.webm",
    "audio/mp4": "tone.m4a",
    "audio/aac": "tone.aac",
    "audio/flac": "tone.flac",
}
FILMS = {"video/mp4": "film.mp4", "video/webm": "film.webm", "video/ogg": "film.ogv"}


@pytest.fixture
def watch() -> Watch:
    return WatchOfDownloads()


class Sharing:
    """Somebody who shares files, and where visitors reach the server."""

    def __init__(self, server: ServerProcess, origin: str) -> None:
        self._server = server
        self._origin = origin
        self._userid = server.call("temporary_account")["userid"]

    def share(self, name: str, filetype: str) -> str:
        """The short URL of one of `MEDIA`."""
        return self.upload(name, (MEDIA / name).read_bytes(), filetype)

    def count(self, short_url: str) -> int:
        entry = self._server.call("get_entry", userid=self._userid, shorturl=short_url)["entry"]
        count: int = entry["count"]
        return count

    def upload(self, name: str, data: bytes, filetype: str) -> str:
        """A short URL."""
        query = {"userid": self._userid, "filename": name, "filesize": len(data)}
        form: dict[str, Any] = {
            "query": (None, json.dumps({**query, "filetype": filetype})),
            "file": (name, data),
        }
        answer = httpx.post(f"{self._server.url}/v2/file", files=form, timeout=60).json()
        return self._origin + "/" + str(answer["output"]["entry"]["shorturl"]).rpartition("/")[2]


@pytest.fixture(scope="module", params=["shortd", "x-accel-redirect", "x-sendfile"])
def sharing(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Sharing]:
    folder = tmp_path_factory.mktemp("shown")
    front, back = free_port(), free_port()
    origin = f"http://127.0.0.1:{back if request.param == 'shortd' else front}"
    environ = {**GENEROUS, "SHORTD_PUBLIC_URL": origin}
    with ExitStack() as running:
        if request.param == "x-accel-redirect":
            environ["SHORTD_FILES__HANDOVER"] = request.param
            site = f"location / {{ proxy_pass http://127.0.0.1:{back}; }}"
            blocks = handover_block(folder / "data")
            running.enter_context(
                nginx(f"server {{ listen 127.0.0.1:{front}; {blocks} {site} }}", folder)
            )
        elif request.param == "x-sendfile":
            environ["SHORTD_FILES__HANDOVER"] = request.param
            environ["SHORTD_FILES__HANDOVER_PREFIX"] = f"{folder}/data/files/"
            running.enter_context(sendfile_front(front, back))
        server = ServerProcess(folder / "data", environ, port=back)
        server.start()
        running.callback(server.stop)
        yield Sharing(server, origin)


def test_every_type_that_is_shown_is_here() -> None:
    assert {*PICTURES, *SOUNDS, *FILMS, "application/pdf"} == SHOWN


@pytest.mark.parametrize("filetype", PICTURES)
def test_a_picture_is_where_the_browser_puts_it(tab: Page, sharing: Sharing, filetype: str) -> None:
    tab.goto(sharing.share(PICTURES[filetype], filetype))
    assert tab.evaluate("[document.images.length, document.images[0].naturalWidth]") == [1, 16]
    # In the middle, by a style of the browser's own.
    assert tab.evaluate("getComputedStyle(document.images[0]).margin") != "0px"


@pytest.mark.parametrize("filetype", [*SOUNDS, *FILMS])
def test_sounds_and_films_play(tab: Page, sharing: Sharing, filetype: str) -> None:
    name = {**SOUNDS, **FILMS}[filetype]
    tab.goto(sharing.share(name, filetype))
    player = tab.locator("video, audio")
    expect(player).to_have_count(1)
    player.evaluate("player => { player.muted = true; return player.play() }")
    tab.wait_for_function("document.querySelector('video, audio').currentTime > 0")
    # To another place, as people do.
    player.evaluate("player => { player.currentTime = 0.7 }")
    tab.wait_for_function("document.querySelector('video, audio').currentTime >= 0.7")
    size = player.evaluate("player => [player.videoWidth, player.videoHeight]")
    assert size == ([64, 48] if filetype in FILMS else [0, 0])


@pytest.fixture(scope="module")
def whole_chromium(chromium: Browser) -> Iterator[Browser]:
    """A browser with all that comes along, the viewer of PDF as well."""
    path = needed("chromium")
    browser = chromium.browser_type.launch(executable_path=path, args=ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture
def whole_tab(whole_chromium: Browser, watch: Watch) -> Iterator[Page]:
    context = whole_chromium.new_context()
    yield watch.attach(context)
    context.close()
    assert watch.complaints == []


def test_a_pdf_is_shown(whole_tab: Page, sharing: Sharing) -> None:
    def has_it(frame: Frame) -> bool:
        return frame.parent_frame is not None and "/-/files/" in frame.url

    # Within the browser's own viewer.
    with whole_tab.expect_event("framenavigated", has_it):
        whole_tab.goto(sharing.share("page.pdf", "application/pdf"))


def test_a_text_is_read_in_its_charset(tab: Page, sharing: Sharing) -> None:
    tab.goto(sharing.share("text.txt", "text/plain; charset=iso-8859-1"))
    expect(tab.locator("pre")).to_have_text("Café à la crème")


LATER = """
import pathlib
from shortd.clock import SystemClock

now = SystemClock.now
SystemClock.now = lambda self: now(self) + 120_000_000 * pathlib.Path({mark!r}).exists()
"""
"""Once there is a file, two minutes are over."""


@pytest.mark.slow
def test_a_player_seeks_after_its_address_has_expired(chromium: Browser, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    prelude = LATER.format(mark=str(mark))
    server = ServerProcess(tmp_path / "data", GENEROUS, prelude=prelude, is_late=True)
    server.start()
    minutes = io.BytesIO()
    with wave.open(minutes, "wb") as sound:
        sound.setparams((2, 2, 44_100, 0, "NONE", ""))
        # More than a player reads ahead.
        sound.writeframes(bytes(4 * 44_100 * 300))
    try:
        sharing = Sharing(server, server.url)
        short_url = sharing.upload("long.wav", minutes.getvalue(), "audio/wav")
        watch = WatchOfDownloads()
        context = chromium.new_context()
        tab = watch.attach(context)
        tab.goto(short_url)
        player = tab.locator("video, audio")
        player.evaluate("player => { player.muted = true; return player.play() }")
        mark.touch()
        for place in (290, 150, 20):
            player.evaluate("(player, place) => { player.currentTime = place }", place)
            tab.wait_for_function(
                "place => document.querySelector('video, audio').currentTime > place + 1",
                arg=place,
            )
        context.close()
        assert watch.complaints == []
        assert sharing.count(short_url) == 1
    finally:
        server.stop()
