"""Requests of plugins: to the public internet, within bounds, and nowhere else unless allowed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from shortd.plugin import HttpAnswer, HttpFault, Plugin
from shortd.plugin_runtime import http as requests
from shortd.plugin_runtime.connections import RealNetwork
from shortd.plugin_runtime.http import Allowed, PluginHttp
from shortd.testing import Answer, Request, StartApp
from shortd.testing.network import PUBLIC as FAKE
from tests.links.sites import PUBLIC, Reply, Site, is_public, open_site

URL = "https://s.example"
LOOPBACK = ["127.0.0.0/8"]


def asked(
    replies: dict[str, Reply],
    ask: Callable[[PluginHttp, Site], Awaitable[Any]],
    names: Callable[[str], Sequence[str]] = lambda host: [host],
) -> Any:
    """What comes of requests to a site that is public here. `names` has the addresses of hosts."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return names(host)

    async def run() -> Any:
        async with open_site() as site:
            site.replies.update(replies)
            network = RealNetwork(resolve)
            try:
                return await ask(PluginHttp(network, URL), site)
            finally:
                network.close()

    return asyncio.run(run())


@pytest.fixture(autouse=True)
def public(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_public_here(address: str) -> bool:
        return is_public(address) or address == FAKE

    monkeypatch.setattr(requests, "is_public", is_public_here)


def at(site: Site, path: str = "/", host: str = PUBLIC[0]) -> str:
    return f"http://{host}:{site.port}{path}"


def test_an_answer_and_what_was_sent_for_it() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        answer = await http.post(at(site, "/p?a=b#c"), json={"a": 1}, headers={"X-Key": "k"})
        assert (answer.status, answer.json(), answer.is_success) == (201, {"ok": True}, True)
        assert answer.headers["content-type"] == "application/json"
        assert answer.url == at(site, "/p?a=b")
        [sent] = site.asked
        assert sent["user-agent"].startswith("shortd/") and URL in sent["user-agent"]
        assert (sent["content-type"], sent["content-length"]) == ("application/json", "7")
        assert sent["x-key"] == "k"
        assert sent["host"] == f"{PUBLIC[0]}:{site.port}"
        assert (await http.get(at(site, "/none"))).status == 404
        with pytest.raises(HttpFault, match="no JSON"):
            (await http.get(at(site, "/none"))).json()

    reply = Reply(b'{"ok": true}', {"content-type": "application/json"}, 201)
    asked({"/p?a=b": reply}, ask)


# Where nobody may be asked

INSIDE = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "255.255.255.255", "224.0.0.1", "192.0.2.1", "198.18.0.1", "240.0.0.1"),
    *("::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"),
    *("64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1"),
)


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_inside_are_reached_by_no_spelling(address: str) -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        literal = f"[{address}]" if ":" in address else address
        for host in (literal, "inside.example"):
            with pytest.raises(HttpFault, match="not a public address"):
                await http.get(f"http://{host}:{site.port}/")

    asked({}, ask, lambda host: [address])


@pytest.mark.parametrize("spelling", ["0x7f.1", "2130706433", "0177.0.0.1", "127.1", "localhost"])
def test_other_spellings_of_loopback(spelling: str) -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        with pytest.raises(HttpFault):
            await http.get(f"http://{spelling}:{site.port}/")
        assert site.connections == 0

    asked({"/": Reply(b"secret")}, ask, lambda host: ["127.0.0.1"])


def test_one_private_address_among_public_ones_is_enough() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        with pytest.raises(HttpFault, match="not a public address"):
            await http.get(at(site, host="both.example"))
        assert site.connections == 0

    asked({}, ask, lambda host: [PUBLIC[0], "10.0.0.1"])


def test_a_name_is_asked_once_for_a_connection() -> None:
    """So that an answer that changes leads nowhere else."""
    turns = [[PUBLIC[0]], ["127.0.0.1"]]

    async def ask(http: PluginHttp, site: Site) -> None:
        assert (await http.get(at(site, host="turn.example"))).content == b"first"
        with pytest.raises(HttpFault, match="not a public address"):
            await http.get(at(site, host="turn.example"))

    asked({"/": Reply(b"first")}, ask, lambda host: turns.pop(0))


def test_redirects_are_answers_unless_they_are_to_be_followed() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        answer = await http.get(at(site))
        assert (answer.status, answer.headers["location"]) == (302, "/there")
        answer = await http.get(at(site), follow=True)
        assert (answer.content, answer.url) == (b"there", at(site, "/there"))
        with pytest.raises(HttpFault, match="too many redirects"):
            await http.get(at(site, "/loop"), follow=True)
        with pytest.raises(HttpFault, match="not a public address"):
            await http.get(at(site, "/inside"), follow=True)
        for bad in ("/file", "/user", "/nowhere"):
            with pytest.raises(HttpFault):
                await http.get(at(site, bad), follow=True)

    def to(location: str) -> Reply:
        return Reply(status=302, headers={"location": location})

    replies = {
        "/": to("/there"),
        "/there": Reply(b"there"),
        "/loop": to("/loop"),
        "/inside": to("http://127.0.0.1/secret"),
        "/file": to("file:///etc/passwd"),
        "/user": to("http://a:b@127.0.0.2/"),
        "/nowhere": to("http://[:1"),
    }
    asked(replies, ask)


def test_what_is_sent_stays_with_its_origin() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        async with open_site(PUBLIC[1]) as other:
            other.replies["/"] = Reply(b"other")
            for status, path in ((302, "/away"), (307, "/keep")):
                headers = {"location": f"http://{PUBLIC[1]}:{other.port}/"}
                site.replies[path] = Reply(status=status, headers=headers)
                key = {"Authorization": "Bearer k", "X-Key": "k", "Cookie": "c"}
                answer = await http.post(at(site, path), json=[1], headers=key, follow=True)
                assert answer.content == b"other"
            for sent in other.asked:
                assert not {"authorization", "x-key", "cookie"} & sent.keys()
            assert "content-length" not in other.asked[0]
            assert other.asked[1]["content-length"] == "3"

    asked({}, ask)


def test_operators_may_allow_networks() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        async with open_site("127.0.0.9") as inside:
            inside.replies["/"] = Reply(b"inside")
            url = f"http://127.0.0.9:{inside.port}/"
            assert (await http.get(url, allow=LOOPBACK)).content == b"inside"
            assert (await http.get(url, allow=["127.0.0.9"])).content == b"inside"
            for allow in ([], ["10.0.0.0/8"], ["::/0"]):
                with pytest.raises(HttpFault, match="not a public address"):
                    await http.get(url, allow=allow)

    asked({}, ask)


def test_names_of_a_home_network_are_found_as_the_system_finds_them() -> None:
    async def run() -> None:
        network = RealNetwork()
        try:
            async with open_site("127.0.0.1") as site:
                site.replies["/"] = Reply(b"here")
                url = f"http://localhost:{site.port}/"
                answer = await PluginHttp(network, URL).get(url, allow=["127.0.0.0/8", "::1"])
                assert answer.content == b"here"
                with pytest.raises(HttpFault):
                    await PluginHttp(network, URL).get(url)
        finally:
            network.close()

    asyncio.run(run())


def test_a_mapped_address_is_the_one_that_it_leads_to() -> None:
    assert Allowed(["192.168.0.0/16"])("::ffff:192.168.1.1")
    assert not Allowed(["192.168.0.0/16"])("::ffff:10.0.0.1")
    assert not Allowed(["192.168.0.0/16"])("no address")


# What servers may do


def test_bodies_have_an_end() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        answer = await http.get(at(site, "/fits"), max_bytes=1000)
        assert len(answer.content) == 1000
        with pytest.raises(HttpFault, match="more than 999 bytes") as fault:
            await http.get(at(site, "/fits"), max_bytes=999)
        assert fault.value.status == 200
        for endless in ("/body", "/headers", "/chunks", "/hints"):
            with pytest.raises(HttpFault):
                await http.get(at(site, endless), timeout=30)
        with pytest.raises(HttpFault, match="encoding"):
            await http.get(at(site, "/gzip"))
        with pytest.raises(HttpFault) as fault:
            await http.get(at(site, "/torn"))
        assert fault.value.status == 404

    head = b"HTTP/1.1 200 OK\r\n"
    replies = {
        "/fits": Reply(bytes(1000)),
        "/gzip": Reply(b"x", {"content-encoding": "gzip"}),
        "/torn": Reply(raw=b"HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\nabc"),
        "/body": Reply(raw=head + b"\r\n", again=b"x"),
        "/headers": Reply(raw=head, again=b"a: b\r\n"),
        "/chunks": Reply(raw=head + b"transfer-encoding: chunked\r\n\r\n", again=b"1\r\nx\r\n"),
        "/hints": Reply(raw=b"", again=b""),
    }
    replies["/hints"] = Reply(
        raw=b"HTTP/1.1 103 Early Hints\r\n\r\n", again=b"HTTP/1.1 103 Early Hints\r\n\r\n"
    )
    asked(replies, ask)


def test_who_is_slow_is_left() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        start = time.monotonic()
        with pytest.raises(HttpFault, match=r"no answer within 0\.3 s"):
            await http.get(at(site), timeout=0.3)
        assert time.monotonic() - start < 25

    asked({"/": Reply(b"slow", pause=30)}, ask)


@pytest.mark.parametrize(
    "raw",
    [b"nonsense\r\n\r\n", b"HTTP/9.9 x\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"],
)
def test_nonsense_is_a_fault(raw: bytes) -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        with pytest.raises(HttpFault):
            await http.get(at(site))

    asked({"/": Reply(raw=raw)}, ask)


def test_nobody_there_is_a_fault() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        with pytest.raises(HttpFault):
            await http.get(f"http://{PUBLIC[2]}:1/")
        for url in (
            "",
            "no url",
            "ftp://a.example/",
            "file:///etc/passwd",
            "http://u:p@a.example/",
        ):
            with pytest.raises(HttpFault):
                await http.get(url)

    asked({}, ask)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"a b": "c"}},
        {"headers": {"a": "b\r\nc: d"}},
        {"headers": {"Host": "other.example"}},
        {"headers": {"Content-Length": "1"}},
        {"headers": {"a": "x" * 20_000}},
        {"content": b"x", "json": 1},
        {"json": object()},
        {"content": bytes(17 << 20)},
        {"timeout": 0},
        {"timeout": 301},
        {"max_bytes": -1},
        {"max_bytes": 65 << 20},
        {"allow": ["nonsense"]},
        {"allow": "192.168.0.0/16"},
    ],
    ids="-".join,
)
def test_arguments_that_are_none(options: dict[str, Any]) -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        with pytest.raises(ValueError):
            await http.post(at(site), **options)
        assert site.connections == 0

    asked({}, ask)


@pytest.mark.parametrize("method", ["", "get", "CONNECT", "TRACE", "GET / HTTP/1.1\r\n"])
def test_methods_that_are_none(method: str) -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        with pytest.raises(ValueError, match="no method"):
            await http.request(method, at(site))

    asked({}, ask)


def test_only_so_many_at_once() -> None:
    async def ask(http: PluginHttp, site: Site) -> None:
        answers = [http.get(at(site)) for _ in range(requests.AT_ONCE * 3)]
        assert {one.content for one in await asyncio.gather(*answers)} == {b"one"}

    asked({"/": Reply(b"one")}, ask)


# The network of tests


class Asking(Plugin[None, None]):
    """Asks around."""

    name = "asking"

    async def ask(self, url: str, **options: Any) -> HttpAnswer:
        return await self.http.post(url, **options)


def test_a_test_says_who_answers(shortd_app: StartApp) -> None:
    app = shortd_app(Asking)
    ask, network = app.plugin(Asking).ask, app.network
    with pytest.raises(HttpFault, match=r"nobody answers at https://api\.example/"):
        app.run(ask("https://api.example"))
    network.answer("https://api.example/", json={"ok": 1})
    assert app.run(ask("https://api.example#x", json=[1])).json() == {"ok": 1}
    assert network.requests[-1].json() == [1]
    assert network.requests[-1].headers["user-agent"].startswith("shortd/")
    network.fail("https://api.example/", "down")
    with pytest.raises(HttpFault, match="down"):
        app.run(ask("https://api.example/"))

    def count(request: Request) -> Answer:
        return Answer(202, f"{request.method} {len(network.requests)}")

    network.serve("https://api.example/", count, method="POST")
    assert app.run(ask("https://api.example/")).text == "POST 4"
    network.place("nas.lan", "192.168.1.5")
    network.answer("http://nas.lan/", 204)
    network.answer("http://127.0.0.1/", 204)
    for inside in ("http://nas.lan/", "http://127.0.0.1/"):
        with pytest.raises(HttpFault, match="not a public address"):
            app.run(ask(inside))
    assert app.run(ask("http://nas.lan/", allow=["192.168.0.0/16"])).status == 204
    network.answer("https://big.example/", content=bytes(11))
    with pytest.raises(HttpFault, match="more than 10 bytes"):
        app.run(ask("https://big.example/", max_bytes=10))
