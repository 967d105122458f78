"""QR images for many at once: lists take turns, visitors come soon, and large images cost."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd import errors
from shortd.links import drawing
from shortd.links.drawing import Drawing, image_weight
from shortd.links.qr import QrOptions
from shortd.testing import RunningApp
from tests.api.v2.people import registered, temporary
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess

LARGE: dict[str, Any] = {"format": "png", "border": 64, "level": "H"}
URLS = [f"https://example.com/{number}" for number in range(1000)]


class Gate:
    """Draws nothing before it is opened, and tells what was drawn."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.drawn: list[str] = []

    def draw(self, text: str) -> str:
        assert self.open.wait(30)
        self.drawn.append(text)
        return text


def texts(name: str, count: int) -> list[str]:
    return [f"{name}{number}" for number in range(count)]


def test_lists_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "SLICE_MEGAPIXELS", drawing.SVG_MEGAPIXELS * 2.5)
    gate = Gate()

    async def work() -> list[list[str]]:
        board = Drawing()
        lists = [
            asyncio.ensure_future(board.each(gate.draw, texts(name, 4), QrOptions()))
            for name in "ab"
        ]
        await asyncio.sleep(0)
        gate.open.set()
        try:
            return await asyncio.gather(*lists)
        finally:
            board.close()

    assert asyncio.run(work()) == [texts("a", 4), texts("b", 4)]
    assert gate.drawn == ["a0", "a1", "b0", "b1", "a2", "a3", "b2", "b3"]


def test_beyond_the_bounds_it_is_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    monkeypatch.setattr(drawing, "render", lambda text, options: gate.draw(text).encode())

    async def work() -> None:
        board = Drawing()
        lists = [
            asyncio.ensure_future(board.each(gate.draw, ["x"], QrOptions()))
            for _ in range(drawing.LISTS_AT_ONCE)
        ]
        images = [
            asyncio.ensure_future(board.image("y", QrOptions()))
            for _ in range(drawing.IMAGES_WAITING)
        ]
        await asyncio.sleep(0)
        for refused in (board.each(gate.draw, ["z"], QrOptions()), board.image("z", QrOptions())):
            with pytest.raises(errors.ShortdError) as refusal:
                await refused
            assert (refusal.value.code, refusal.value.status) == ("busy", 503)
        assert board.refused == 2
        gate.open.set()
        await asyncio.gather(*lists, *images)
        # There is room again.
        await board.image("y", QrOptions())
        await board.each(gate.draw, ["x"], QrOptions())
        board.close()

    asyncio.run(work())


@pytest.mark.parametrize(
    ("options", "costs"),
    [
        (None, False),
        (True, False),
        (QrOptions(), False),
        (QrOptions(format="png"), False),
        (QrOptions(border=64, level="H"), False),
        (QrOptions(format="png", border=64), True),
    ],
)
def test_large_images_cost(options: QrOptions | bool | None, costs: bool) -> None:
    assert (image_weight(options) > 0) is costs


def test_a_list_of_large_images_is_paid_before_it_is_made(app: RunningApp) -> None:
    somebody = temporary(app)
    spent = somebody.post("urls", urls=URLS[:10], qr=LARGE).json()["weight"]
    plain = somebody.post("urls", urls=URLS[:10], qr={}).json()["weight"]
    extra = image_weight(QrOptions(format="png", border=64, level="H"))
    assert (plain, spent) == (2000, 2000 + 10 * extra)
    entry = somebody.post("get_entries", count=10, qr=LARGE).json()
    assert entry["weight"] == 2000 + 10 * extra


def test_who_cannot_pay_for_the_images_makes_no_links(tmp_path: Path) -> None:
    from shortd.testing import open_app

    with open_app(tmp_path) as app:
        somebody = registered(app)
        refusal = somebody.refused("urls", urls=URLS, qr=LARGE)
        assert refusal["code"] == "rate_limited"
        assert somebody.entries(count=1000) == []


@pytest.mark.slow
def test_a_visitors_image_comes_beside_lists_and_nothing_is_drawn_for_who_has_left(
    tmp_path: Path,
) -> None:
    server = ServerProcess(tmp_path / "data", GENEROUS)
    server.start()
    try:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            userid = client.post("/v2/temporary_account", json={}).json()["output"]["userid"]
            made = client.post("/v2/url", json={"userid": userid, "url": URLS[0]}).json()
            code = made["output"]["entry"]["shorturl"].rsplit("/", 1)[1]
            impatient = [httpx.Client(base_url=server.url, timeout=0.5) for _ in range(4)]
            body = {"userid": userid, "urls": URLS, "qr": LARGE}
            for one in impatient:
                with pytest.raises(httpx.ReadTimeout):
                    one.post("/v2/urls", json=body)
                one.close()
            # Four lists would take a minute and a half; all whose client has left are given up.
            assert client.get(f"/{code}.svg", timeout=60).status_code == 200
    finally:
        server.stop()
