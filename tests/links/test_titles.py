"""Titles: fetched from public addresses, and from nowhere else whatever names and sites say."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from shortd.hosts import Hosts, ShortHost
from shortd.hosts.allowance import PAGE_BYTES, REDIRECTS
from shortd.hosts.public_network import PIECE
from shortd.links.titles import Titles
from shortd.settings import LinkSettings
from shortd.testing import open_app
from tests.links.sites import HTML, PUBLIC, Reply, Site, is_public, open_site

OWN = Hosts(ShortHost(0, "own.example", "https://own.example"), [], [])
PLENTY = LinkSettings(title_seconds=60)
"""Of time, as the machine may be busy."""
PAGE = Reply(b"<!doctype html><title>A &amp; B\n  page</title><p>text")


class Names:
    """A resolver that answers as it is told, in turn, and remembers what it was asked."""

    def __init__(self, **answers: Sequence[Sequence[str]]) -> None:
        self.asked: list[str] = []
        self._answers = {name.replace("_", "."): list(turns) for name, turns in answers.items()}

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        turns = self._answers.get(host)
        if turns is None:
            # As the system's resolver does with an address.
            return [host]
        return turns.pop(0) if len(turns) > 1 else turns[0]


def fetching(
    names: Names | None = None,
    tls: ssl.SSLContext | None = None,
    settings: LinkSettings = PLENTY,
) -> Callable[[str], Awaitable[str | None]]:
    names = names or Names(page_example=[[PUBLIC[0]]])
    return Titles(OWN, settings, resolve=names, is_public=is_public, tls=tls).fetch


def title_of(reply: Reply, settings: LinkSettings = PLENTY) -> str | None:
    """What is made of one page."""

    async def fetch() -> str | None:
        async with open_site() as site:
            site.replies["/"] = reply
            return await fetching(settings=settings)(f"http://page.example:{site.port}/")

    return asyncio.run(fetch())


def test_a_page_has_a_title_and_sees_who_asks() -> None:
    async def check() -> None:
        async with open_site() as site:
            site.replies["/p?a=b"] = PAGE
            title = await fetching()(f"http://page.example:{site.port}/p?a=b#fragment")
            assert title == "A & B page"
            [asked] = site.asked
            assert asked["host"] == f"page.example:{site.port}"
            assert asked["user-agent"].startswith("shortd/")
            assert "cookie" not in asked

    asyncio.run(check())


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(status: int) -> None:
    async def check() -> None:
        names = Names(page_example=[[PUBLIC[0]]], other_example=[[PUBLIC[1]]])
        async with open_site() as site, open_site(PUBLIC[1]) as other:
            away = f"http://other.example:{other.port}/x"
            site.replies["/"] = Reply(status=status, headers={"location": "/next?a"})
            site.replies["/next?a"] = Reply(status=status, headers={"location": away})
            other.replies["/x"] = PAGE
            assert await fetching(names)(f"http://page.example:{site.port}/") == "A & B page"
            assert names.asked == ["page.example", "page.example", "other.example"]

    asyncio.run(check())


@pytest.mark.parametrize(("hops", "title"), [(REDIRECTS, "A & B page"), (REDIRECTS + 1, None)])
def test_so_many_redirects_and_no_more(hops: int, title: str | None) -> None:
    async def check() -> None:
        async with open_site() as site:
            for hop in range(hops):
                site.replies[f"/{hop}"] = Reply(status=302, headers={"location": f"/{hop + 1}"})
            site.replies[f"/{hops}"] = PAGE
            assert await fetching()(f"http://page.example:{site.port}/0") == title
            assert len(site.asked) == REDIRECTS + 1

    asyncio.run(check())


# Where nobody may be asked


def sees_nothing(ask: Callable[[Site, int], Awaitable[object]], address: str = "127.0.0.9") -> None:
    """Runs `ask` with a public site, and the port of a sentinel that must not be connected to."""

    async def check() -> None:
        async with open_site() as site, open_site(address, site.port) as sentinel:
            sentinel.replies["/"] = Reply(b"<title>secret</title>")
            assert await ask(site, sentinel.port) is None
            assert sentinel.connections == 0

    asyncio.run(check())


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.9", "127.0.0.1", "localhost", "0x7f.0.0.9", "2130706441", "0177.0.0.11"),
        *("127.9", "0.0.0.0", "[::ffff:127.0.0.9]", "[::1]", "[::]", "[64:ff9b::7f00:9]"),
        *("[2002:7f00:9::]", "[fe80::1]", "[::127.0.0.9]", "%31%32%37.0.0.9", "127.0.0.9."),
        "①②⑦.0.0.9",
    ],
)
def test_an_address_of_this_machine(host: str) -> None:
    # With the real resolver and the real test for addresses.
    for own in (Titles(OWN, PLENTY), Titles(OWN, PLENTY, is_public=is_public)):
        sees_nothing(lambda _, port, own=own: own.fetch(f"http://{host}:{port}/"))  # type: ignore[misc]


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.9"], ["::ffff:127.0.0.9"], [PUBLIC[0], "127.0.0.9"], ["127.0.0.9", PUBLIC[0]], []],
)
def test_a_name_that_stands_for_one_of_them(addresses: list[str]) -> None:
    fetch = fetching(Names(evil_example=[addresses]))
    sees_nothing(lambda site, port: fetch(f"http://evil.example:{port}/"))


def test_a_name_whose_answer_changes_once_it_was_looked_at() -> None:
    async def check() -> None:
        names = Names(evil_example=[[PUBLIC[0]], ["127.0.0.9"]])
        async with open_site() as site, open_site("127.0.0.9", site.port) as sentinel:
            site.replies["/"] = PAGE
            sentinel.replies["/"] = Reply(b"<title>secret</title>")
            fetch = fetching(names)
            assert await fetch(f"http://evil.example:{site.port}/") == "A & B page"
            assert names.asked == ["evil.example"]
            # Asked anew for another page, it is looked at anew.
            assert await fetch(f"http://evil.example:{site.port}/") is None
            assert sentinel.connections == 0

    asyncio.run(check())


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.9:{port}/", "//127.0.0.9:{port}/", "http://evil.example:{port}/"),
        *(
            "http://[::ffff:127.0.0.9]:{port}/",
            "http://0x7f000009:{port}/",
            "http:127.0.0.9:{port}",
        ),
        *("\\\\127.0.0.9:{port}/", "http://user@127.0.0.9:{port}/", "file:///etc/passwd"),
        *("gopher://127.0.0.9:{port}/", "http://own.example/", "", "http://"),
    ],
)
def test_a_redirect_to_one_of_them(location: str) -> None:
    fetch = fetching(Names(page_example=[[PUBLIC[0]]], evil_example=[["127.0.0.9"]]))

    async def ask(site: Site, port: int) -> str | None:
        headers = {**HTML, "location": location.format(port=port)}
        body = b"<title>of the redirect</title>"
        site.replies["/"] = Reply(body, status=302, headers=headers)
        title = await fetch(f"http://page.example:{port}/")
        assert len(site.asked) >= 1
        return title

    sees_nothing(ask)


def test_a_redirect_to_the_same_name_that_stands_for_another_address() -> None:
    fetch = fetching(Names(evil_example=[[PUBLIC[0]], ["127.0.0.9"]]))

    async def ask(site: Site, port: int) -> str | None:
        site.replies["/first"] = Reply(status=302, headers={"location": "/"})
        return await fetch(f"http://evil.example:{port}/first")

    sees_nothing(ask)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    async def check() -> None:
        async with open_site() as site, open_site("127.0.0.9") as proxy:
            monkeypatch.setenv(name, f"http://127.0.0.9:{proxy.port}")
            site.replies["/"] = PAGE
            assert await fetching()(f"http://page.example:{site.port}/") == "A & B page"
            assert proxy.connections == 0

    asyncio.run(check())


@pytest.mark.parametrize(
    "url",
    ["https://own.example/abc", "ftp://page.example/", "http://me:secret@page.example/", "x", ""],
)
def test_what_is_not_fetched_at_all(url: str) -> None:
    names = Names(page_example=[[PUBLIC[0]]])
    assert asyncio.run(_awaited(fetching(names)(url))) is None
    assert names.asked == []


async def _awaited(title: Awaitable[str | None]) -> str | None:
    return await title


# What is made of a page


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<title>x</title>", {"content-type": "text/plain"}),
        Reply(b"<title>x</title>", {"content-type": "image/svg+xml"}),
        Reply(b"<title>x</title>", {}),
        Reply(b"<title>x</title>", {**HTML, "content-encoding": "br"}),
        Reply(b"<title>x</title>", {**HTML, "content-encoding": "gzip"}),
        Reply(b"<title>x</title>", status=404),
        Reply(b"<title>x</title>", status=500),
        Reply(b"<title>x</title>", status=204),
        Reply(b"", {**HTML, "content-length": "0"}),
        Reply(b"<title></title>"),
        Reply(b"no title"),
        Reply(status=302),
    ],
)
def test_what_has_no_title(reply: Reply) -> None:
    assert title_of(reply) is None


def test_compressed_pages() -> None:
    for encoding, body in (
        ("gzip", gzip.compress(PAGE.body)),
        ("X-GZIP", gzip.compress(PAGE.body)),
        ("deflate", zlib.compress(PAGE.body)),
        ("identity", PAGE.body),
    ):
        assert title_of(Reply(body, {**HTML, "content-encoding": encoding})) == "A & B page"


def test_a_page_is_read_so_far_and_no_further() -> None:
    early = b"<title>early</title>" + b"x" * PAGE_BYTES * 20
    late = b"<p>" + b"x" * PAGE_BYTES + b"<title>late</title>"
    assert title_of(Reply(early)) == "early"
    assert title_of(Reply(late)) is None
    bomb = gzip.compress(b"<p>" + b" " * PAGE_BYTES * 200 + b"<title>late</title>")
    assert len(bomb) < PAGE_BYTES
    assert title_of(Reply(bomb, {**HTML, "content-encoding": "gzip"})) is None


def test_a_slow_site_is_waited_for_so_long() -> None:
    hasty = LinkSettings(title_seconds=0.3)
    assert title_of(Reply(b"<p>" * 9 + b"<title>x</title>", pause=30), hasty) is None
    # What has come in time is looked at.
    patient = LinkSettings(title_seconds=6)
    assert title_of(Reply(b"<title>x</title>" + b"<p>" * 9 + b" " * 99, pause=60), patient) == "x"

    async def never(host: str, port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    fetch = Titles(OWN, hasty, resolve=never, is_public=is_public).fetch
    assert asyncio.run(_awaited(fetch("http://page.example/"))) is None


def test_a_dead_address_leads_to_the_next() -> None:
    async def check() -> None:
        async with open_site(PUBLIC[1]) as site:
            site.replies["/"] = PAGE
            names = Names(page_example=[[PUBLIC[0], PUBLIC[1]]])
            assert await fetching(names)(f"http://page.example:{site.port}/") == "A & B page"

    asyncio.run(check())


def test_so_many_are_fetched_at_once() -> None:
    async def check() -> None:
        asked, release = 0, asyncio.Event()

        async def resolve(host: str, port: int) -> list[str]:
            nonlocal asked
            asked += 1
            await release.wait()
            return []

        async def wait_for(count: int) -> None:
            while asked < count:
                await asyncio.sleep(0.001)
            for _ in range(100):
                await asyncio.sleep(0)
            assert asked == count

        tls = ssl.create_default_context()
        titles = Titles(OWN, PLENTY, resolve=resolve, is_public=is_public, tls=tls)
        url = "http://page.example/"
        # However many one account wants, another one gets its own.
        fetches = [asyncio.ensure_future(titles.fetch(url, "ann")) for _ in range(9)]
        await wait_for(2)
        fetches.append(asyncio.ensure_future(titles.fetch(url, "ben")))
        await wait_for(3)
        fetches += [asyncio.ensure_future(titles.fetch(url, f"{n}")) for n in range(9)]
        await wait_for(4)
        [fetching] = [m for m in titles.collect() if m.name == "shortd_titles_fetching"]
        assert fetching.samples[0].value == 4
        release.set()
        assert await asyncio.gather(*fetches) == [None] * 19

    asyncio.run(check())


def test_whoever_waits_too_long_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shortd.links.titles.WAIT_SECONDS", 0.1)

    async def check() -> None:
        asked, release = asyncio.Semaphore(0), asyncio.Event()

        async def resolve(host: str, port: int) -> list[str]:
            asked.release()
            await release.wait()
            return []

        tls = ssl.create_default_context()
        titles = Titles(OWN, PLENTY, resolve=resolve, is_public=is_public, tls=tls)
        first = [asyncio.ensure_future(titles.fetch("http://page.example/")) for _ in range(2)]
        for _ in first:
            await asked.acquire()
        assert await titles.fetch("http://page.example/") is None
        release.set()
        assert await asyncio.gather(*first) == [None, None]
        [counted] = [metric for metric in titles.collect() if metric.name == "shortd_titles"]
        outcomes = {sample.labels["outcome"]: sample.value for sample in counted.samples}
        assert outcomes == {"found": 0, "none": 2, "busy": 1}

    asyncio.run(check())


def test_a_setting_switches_it_off(tmp_path: Path) -> None:
    for switch, expected in (("true", True), ("false", False)):
        with open_app(tmp_path / switch, environ={"SHORTD_LINKS__FETCH_TITLES": switch}) as app:
            assert app.services.links.titles._settings.fetch_titles is expected
    names = Names(page_example=[[PUBLIC[0]]])
    off = Titles(OWN, LinkSettings(fetch_titles=False), resolve=names, is_public=is_public)
    assert asyncio.run(off.fetch("http://page.example/")) is None
    assert names.asked == []


# Pages that lead on


def leading(to: str, title: bytes = b"Redirecting...") -> Reply:
    head = b"<title>%b</title><meta http-equiv=refresh content='0; url=%b'>" % (title, to.encode())
    return Reply(head)


def test_a_page_that_leads_on_is_followed() -> None:
    async def check() -> None:
        names = Names(page_example=[[PUBLIC[0]]], other_example=[[PUBLIC[1]]])
        async with open_site() as site, open_site(PUBLIC[1]) as other:
            site.replies["/"] = leading("next")
            site.replies["/next"] = Reply(status=302, headers={"location": "/a/third"})
            site.replies["/a/third"] = leading(f"//other.example:{other.port}/x")
            other.replies["/x"] = PAGE
            assert await fetching(names)(f"http://page.example:{site.port}/") == "A & B page"
            assert len(site.asked) == 3

    asyncio.run(check())


def test_a_page_that_leads_nowhere_has_no_title() -> None:
    for to in ("/", "#x"):
        assert title_of(leading(to, b"stays")) == "stays"
    for to in (
        "/missing",
        "http://[",
        "ftp://page.example/",
        "javascript:x",
        "http://own.example/",
    ):
        assert title_of(leading(to)) is None


def test_pages_lead_on_so_often_and_no_more() -> None:
    async def check(hops: int) -> str | None:
        async with open_site() as site:
            for hop in range(0, hops, 2):
                site.replies[f"/{hop}"] = leading(f"/{hop + 1}")
                site.replies[f"/{hop + 1}"] = Reply(status=302, headers={"location": f"/{hop + 2}"})
            site.replies[f"/{hops}"] = PAGE
            title = await fetching()(f"http://page.example:{site.port}/0")
            assert len(site.asked) == min(hops, REDIRECTS) + 1
            return title

    assert asyncio.run(check(REDIRECTS - 1)) == "A & B page"
    assert asyncio.run(check(REDIRECTS + 1)) is None


@pytest.mark.parametrize(
    "to", ["http://127.0.0.9:{port}/", "//evil.example:{port}/", "http://[::ffff:127.0.0.9]:{port}"]
)
def test_a_page_that_leads_to_an_address_of_this_machine(to: str) -> None:
    fetch = fetching(Names(page_example=[[PUBLIC[0]]], evil_example=[["127.0.0.9"]]))

    async def ask(site: Site, port: int) -> str | None:
        site.replies["/"] = leading(to.format(port=port))
        return await fetch(f"http://page.example:{port}/")

    sees_nothing(ask)


# Servers that never end

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS = {
    "early hints": (b"HTTP/1.1 103 Early Hints\r\n\r\n",) * 2,
    "continue": (b"HTTP/1.1 100 Continue\r\n\r\n",) * 2,
    "processing": (b"HTTP/1.1 102 Processing\r\nLink: </x>\r\n\r\n",) * 2,
    "headers": (OK, b"X: y\r\n"),
    "one header": (OK + b"X: ", b"y"),
    "folded header": (OK + b"X: y\r\n", b" y\r\n"),
    "status line": (b"HTTP/1.1 200 ", b"y"),
    "empty lines": (b"\r\n",) * 2,
    "body": (OK + b"\r\n", b"<p>y"),
    "chunks of one byte": (CHUNKED, b"1\r\ny\r\n"),
    "chunk extensions": (CHUNKED, b"1;x=" + b"y" * 500 + b"\r\ny\r\n"),
    "one chunk extension": (CHUNKED + b"1;x=", b"y"),
    "trailers": (CHUNKED + b"0\r\n", b"X: y\r\n"),
    "packed nothing": (
        OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(b"")[:10],
        b"\x00\x00\x00\xff\xff",
    ),
    "head of a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n", b"X: y\r\n"),
}


@pytest.mark.parametrize(("raw", "again"), ENDLESS.values(), ids=ENDLESS)
@pytest.mark.parametrize("has_tls", [False, True], ids=["http", "https"])
def test_what_never_ends_is_given_up(
    tmp_path: Path, raw: bytes, again: bytes, has_tls: bool
) -> None:
    """By what came, and not by the clock; and others get a turn meanwhile."""

    async def check() -> None:
        tls, client = certificates(tmp_path, "page.example") if has_tls else (None, None)
        turns, ended = 0, asyncio.Event()

        async def others() -> None:
            nonlocal turns
            while not ended.is_set():
                turns += 1
                await asyncio.sleep(0)

        async with open_site(tls=tls) as site:
            site.replies["/"] = Reply(raw=raw, again=again)
            busy = asyncio.ensure_future(others())
            scheme = "https" if has_tls else "http"
            with capture_logs() as lines:
                title = await fetching(tls=client)(f"{scheme}://page.example:{site.port}/")
            ended.set()
            await busy
            assert title is None
            [line] = [line for line in lines if line["event"] == "title_not_fetched"]
            # What h11 has bounds for itself ends sooner.
            assert line["reason"] in ("Refused", "RemoteProtocolError")
            assert turns > PAGE_BYTES / PIECE / 20

    asyncio.run(check())


def test_all_pages_on_the_way_share_the_bytes() -> None:
    few = LinkSettings(title_seconds=60, title_bytes=10_000)

    async def check(padding: int) -> str | None:
        async with open_site() as site:
            site.replies["/"] = Reply(leading("/x").body + b"<!--" + b"y" * padding + b"--><p>")
            site.replies["/x"] = Reply(b"<!--" + b"y" * padding + b"-->" + PAGE.body)
            return await fetching(settings=few)(f"http://page.example:{site.port}/")

    assert asyncio.run(check(100)) == "A & B page"
    assert asyncio.run(check(9000)) is None


# TLS


def certificates(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a site of that name presents, and a client that trusts who signed it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    site = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    site.load_cert_chain(pem)
    return site, ssl.create_default_context(cafile=pem)


@pytest.mark.parametrize(
    ("certified", "title"), [("page.example", "A & B page"), ("other.example", None)]
)
def test_the_certificate_is_held_against_the_name(
    tmp_path: Path, certified: str, title: str | None
) -> None:
    async def check() -> None:
        tls, client = certificates(tmp_path, certified)
        async with open_site(tls=tls) as site:
            site.replies["/"] = PAGE
            assert await fetching(tls=client)(f"https://page.example:{site.port}/") == title
            assert site.names == ["page.example"]
            assert len(site.asked) == (1 if title else 0)

    asyncio.run(check())
