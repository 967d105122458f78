"""Encrypted files unlocked in a real browser: whole or not at all, and the password stays there."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal
from urllib.parse import quote, unquote

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.sealing import (
    Derivation,
    Sealed,
    double_sha256,
    encrypt_data,
    framed,
    pbkdf2,
    send,
    upload,
)
from tests.browser.test_pages import FAINT
from tests.browser.unlocking import Chooser, Downloader, Visitor
from tests.browser.watch import Watch, WatchOfDownloads
from tests.client import vectors
from tests.open_files import files_below
from tests.server_process import ServerProcess

PASSWORD = "TestPassword ü€😀"
DOWNLOADS = "**/-/files/**"
INFO = "**/v2/get_protected_file_info"

Share = Callable[..., Sealed]
Spoil = Callable[[bytearray], None]


@pytest.fixture
def share(site: ServerProcess, userid: str) -> Share:
    """Uploads an encrypted file, 1000 bytes if nothing else is said."""

    def share(data: bytes = bytes(1000), **options: Any) -> Sealed:
        return send(site, userid, data, options.pop("password", PASSWORD), **options)

    return share


@pytest.fixture
def watch() -> Watch:
    return WatchOfDownloads()


@pytest.fixture
def visitor(tab: Page, site: ServerProcess) -> Visitor:
    return Downloader(tab, site)


@pytest.fixture(params=[Downloader, Chooser])
def either(request: pytest.FixtureRequest, tab: Page, site: ServerProcess) -> Visitor:
    made: Visitor = request.param(tab, site)
    return made


@contextmanager
def complaint(watch: Watch, tab: Page, words: str) -> Iterator[None]:
    """The browser's console notes a refused or failed request; nothing else may be there."""
    with tab.expect_console_message(lambda message: words in message.text):
        yield
    # Failed requests are noted twice.
    assert all(words in complaint for complaint in watch.complaints)
    watch.complaints.clear()


def refusal_of(status: int) -> str:
    return f"the server responded with a status of {status}"


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_whoever_distrusts_a_file_can_report_it(visitor: Visitor, share: Share) -> None:
    sealed = share(b"harmless")
    visitor.tab.goto(f"{sealed.shorturl}#key-of-nobody-else")
    visitor.tab.get_by_role("link", name="Report this link").click()
    expect(visitor.tab.locator("#link")).to_have_value(sealed.shorturl)
    assert "key-of" not in visitor.tab.url


class TestWhole:
    @pytest.mark.parametrize(
        ("derive", "sizes"),
        [(double_sha256, None), (double_sha256, [0, 4096, 1, 0]), (pbkdf2, [4096])],
    )
    def test_the_file_arrives_as_it_was(
        self, either: Visitor, share: Share, derive: Derivation, sizes: Sequence[int] | None
    ) -> None:
        data = secrets.token_bytes(53_990)
        sealed = share(data, derive=derive, sizes=sizes)
        # The way a visitor comes.
        either.tab.goto(sealed.shorturl)
        either.enter(PASSWORD)
        either.save()
        assert either.saved_sha256() == digest(data)
        assert either.left_behind() == ["secret report.pdf"]

    @pytest.mark.parametrize("sizes", [[], [0], [0, 0]])
    def test_an_empty_file_is_a_file(
        self, visitor: Visitor, share: Share, sizes: Sequence[int]
    ) -> None:
        visitor.open(share(b"", sizes=sizes))
        visitor.enter(PASSWORD)
        expect(visitor.tab.locator("#size")).to_have_text("0 bytes")
        visitor.save()
        assert visitor.saved_sha256() == digest(b"")

    def test_a_large_file_in_frames(self, either: Visitor, share: Share) -> None:
        data = secrets.token_bytes(30_000_000)
        either.open(share(data, sizes=[1_000_003]))
        either.enter(PASSWORD)
        expect(either.tab.locator("#size")).to_have_text("30.0 MB")
        either.save()
        assert either.saved_sha256() == digest(data)

    def test_a_large_file_in_one_frame(self, visitor: Visitor, share: Share) -> None:
        data = secrets.token_bytes(30_000_000)
        visitor.open(share(data))
        visitor.enter(PASSWORD)
        visitor.save()
        assert visitor.saved_sha256() == digest(data)

    @pytest.mark.parametrize("chunk", [1, 3, 29])
    def test_frames_may_be_cut_anywhere(self, visitor: Visitor, share: Share, chunk: int) -> None:
        visitor.tab.add_init_script(CUTTING.replace("SIZE", str(chunk)))
        data = secrets.token_bytes(700)
        visitor.open(share(data, sizes=[0, 1, 40, 2, 200]))
        visitor.enter(PASSWORD)
        visitor.save()
        assert visitor.saved_sha256() == digest(data)
        assert visitor.tab.evaluate("window.longestChunk") == chunk

    def test_it_may_be_saved_again(self, visitor: Visitor, share: Share) -> None:
        visitor.open(share())
        visitor.enter(PASSWORD)
        for _ in range(2):
            with visitor.tab.expect_download():
                visitor.save()
        assert len(visitor.downloads) == 2

    def test_the_last_visitor_of_a_limited_link_gets_his_file(
        self, visitor: Visitor, watch: Watch, share: Share
    ) -> None:
        sealed = share(expiration_count=1)
        visitor.tab.goto(sealed.shorturl)
        visitor.enter(PASSWORD)
        visitor.save()
        assert visitor.saved_sha256() == digest(bytes(1000))
        visitor.tab.goto(sealed.shorturl)
        heading = visitor.tab.get_by_role("heading", level=1)
        expect(heading).to_have_text("This link has ended")

    def test_an_address_whose_minute_is_over_is_replaced(
        self, visitor: Visitor, watch: Watch, share: Share
    ) -> None:
        def spoil(route: Route) -> None:
            # No server's clock can be set from here, but it says the same of a wrong signature.
            route.continue_(url=route.request.url + "0")

        visitor.tab.route(DOWNLOADS, spoil, times=1)
        visitor.open(share())
        visitor.enter(PASSWORD)
        with complaint(watch, visitor.tab, refusal_of(403)):
            visitor.save()
        assert visitor.saved_sha256() == digest(bytes(1000))
        assert sum("get_protected_file_info" in url for url in watch.requests) == 2


# Gives the page the body of a download in chunks of so many bytes.
CUTTING = """(() => {
    const send = window.fetch;
    window.longestChunk = 0;
    window.fetch = async (...request) => {
        const response = await send(...request);
        if (!response.url.includes("/-/files/")) return response;
        const cut = new TransformStream({ transform(chunk, controller) {
            for (let at = 0; at < chunk.length; at += SIZE) {
                const piece = chunk.slice(at, at + SIZE);
                window.longestChunk = Math.max(window.longestChunk, piece.length);
                controller.enqueue(piece);
            }
        }});
        return new Response(response.body.pipeThrough(cut), response);
    };
})()"""


class TestPassword:
    def test_a_wrong_one_is_told_without_a_request(
        self, visitor: Visitor, watch: Watch, share: Share
    ) -> None:
        visitor.open(share())
        visitor.tab.wait_for_load_state()
        before = len(watch.requests)
        for wrong in ("wrong", PASSWORD.lower(), f"{PASSWORD} "):
            visitor.enter(wrong)
            expect(visitor.status).to_contain_text("not the password")
            expect(visitor.password).to_be_focused()
            expect(visitor.password).to_have_attribute("aria-invalid", "true")
            assert len(watch.requests) == before
        visitor.enter(PASSWORD)
        visitor.save()
        assert visitor.saved_sha256() == digest(bytes(1000))

    @pytest.mark.parametrize("derive", [double_sha256, pbkdf2])
    def test_it_stays_in_the_browser(
        self,
        visitor: Visitor,
        watch: Watch,
        site: ServerProcess,
        share: Share,
        derive: Derivation,
    ) -> None:
        sent: list[str] = []
        visitor.tab.context.on(
            "request",
            lambda request: sent.append(
                f"{request.method} {unquote(request.url)} {request.headers} {request.post_data}"
            ),
        )
        visitor.tab.goto(share(derive=derive).shorturl)
        for password in ("incorrect-password €", PASSWORD):
            visitor.enter(password)
            expect(visitor.status).to_have_text(re.compile("not the password|Unlocked"))
        visitor.save()
        visitor.saved_sha256()
        assert watch.strangers(site.url, f"blob:{site.url}") == []
        assert any(INFO.strip("*") in request for request in sent)
        for password in ("incorrect-password €", PASSWORD):
            text = password.encode()
            once = hashlib.sha256(text).digest()
            secret_bytes = (text, once, double_sha256(password), pbkdf2(password))
            spellings = [form for secret in secret_bytes for form in spellings_of(secret)]
            for spelling in (password, password.split()[0], *spellings):
                assert not any(spelling.lower() in request.lower() for request in sent)
        expect(visitor.password).to_have_value("")
        kept = "JSON.stringify([localStorage, sessionStorage, document.cookie, history.state])"
        assert visitor.tab.evaluate(kept) == '[{},{},"",null]'

    def test_nothing_is_known_of_the_file_before(
        self, visitor: Visitor, watch: Watch, share: Share
    ) -> None:
        visitor.open(share(name="very-secret-name.txt"))
        visitor.enter("wrong")
        expect(visitor.status).to_contain_text("not the password")
        assert "very-secret-name" not in visitor.tab.content()
        visitor.enter(PASSWORD)
        expect(visitor.tab.locator("#name")).to_have_text("very-secret-name.txt")

    def test_the_keyboard_is_enough(self, visitor: Visitor, share: Share) -> None:
        visitor.open(share())
        expect(visitor.password).to_be_focused()
        visitor.tab.keyboard.type(PASSWORD)
        visitor.tab.keyboard.press("Enter")
        expect(visitor.save_button).to_be_focused()
        visitor.tab.keyboard.press("Enter")
        visitor.saved_sha256()
        expect(visitor.save_button).to_be_focused()

    def test_an_empty_one_is_not_tried(self, visitor: Visitor, share: Share) -> None:
        visitor.open(share())
        visitor.enter("")
        expect(visitor.status).to_have_text("")
        assert visitor.password.evaluate("(input) => input.validity.valueMissing")


def spellings_of(secret: bytes) -> list[str]:
    encoded = b64encode(secret).decode()
    return [secret.hex(), encoded.rstrip("="), encoded.translate({43: 45, 47: 95}).rstrip("=")]


class TestBroken:
    @pytest.mark.parametrize("at", [4, 600, -1])
    def test_a_changed_byte_leaves_nothing(self, either: Visitor, share: Share, at: int) -> None:
        def flip(body: bytearray) -> None:
            body[at] ^= 1

        either.open(share(bytes(100_000), sizes=[1000], spoil=flip))
        either.enter(PASSWORD)
        either.save()
        expect(either.status).to_contain_text("damaged")
        assert either.left_behind() == []
        # There is a way on.
        expect(either.save_button).to_be_focused()

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(lambda sealed: b"", id="nothing"),
            pytest.param(lambda sealed: sealed.body[:3], id="a length cut off"),
            pytest.param(lambda sealed: sealed.body[: 32 + 500], id="the last frame is missing"),
            pytest.param(lambda sealed: sealed.body[:-1], id="the last byte is missing"),
            pytest.param(lambda sealed: sealed.body + b"\0", id="a byte too many"),
            pytest.param(
                lambda sealed: sealed.body + (28).to_bytes(4, "little"),
                id="the length of one frame more",
            ),
            pytest.param(lambda sealed: sealed.body * 2, id="twice"),
            pytest.param(lambda sealed: sealed.body[: 32 + 500] * 3, id="a frame three times"),
            pytest.param(lambda sealed: bytes(4) + sealed.body, id="a frame without an IV"),
            pytest.param(lambda sealed: b"\xff\xff\xff\xff" + sealed.body, id="a huge frame"),
            pytest.param(
                lambda sealed: framed(bytes(1000), double_sha256("another"), [1000]),
                id="another password",
            ),
        ],
    )
    def test_a_body_that_does_not_add_up_leaves_nothing(
        self, visitor: Visitor, share: Share, body: Callable[[Sealed], bytes]
    ) -> None:
        sealed = share(bytes(1000), sizes=[500])
        visitor.tab.route(DOWNLOADS, lambda route: route.fulfill(body=body(sealed)))
        visitor.open(sealed)
        visitor.enter(PASSWORD)
        visitor.save()
        expect(visitor.status).to_contain_text("damaged")
        assert visitor.left_behind() == []

    def test_a_download_that_ends_early_leaves_nothing(
        self, either: Visitor, watch: Watch, site: ServerProcess, share: Share
    ) -> None:
        files = site.data_dir / "files"
        before = {*files_below(files)}
        sealed = share(bytes(300_000), sizes=[1000])
        [blob] = {*files_below(files)} - before
        blob.write_bytes(sealed.body[:200_000])
        either.open(sealed)
        either.enter(PASSWORD)
        with complaint(watch, either.tab, "ERR_"):
            either.save()
            expect(either.status).to_contain_text("The connection broke")
        assert either.left_behind() == []

    def test_cancelled_leaves_nothing(self, either: Visitor, watch: Watch, share: Share) -> None:
        data = bytes(5_000_000)
        either.open(share(data, sizes=[10_000]))
        either.enter(PASSWORD)
        either.save_button.wait_for()
        network = slow(either.tab)
        either.save()
        bar = either.tab.get_by_role("progressbar", name="Downloaded")
        expect(bar).to_have_attribute("value", re.compile(r"[1-9]\d*"))
        expect(either.tab.locator("#pace")).to_have_text(
            re.compile(r"^[\d.]+ (kB|MB) of 5\.0 MB, [\d.]+ kB a second$")
        )
        with either.tab.expect_event("requestfailed"):
            either.tab.get_by_role("button", name="Cancel").click()
        expect(either.status).to_have_text("Cancelled. Nothing was saved.")
        assert either.left_behind() == []
        network.detach()
        either.save()
        assert either.saved_sha256() == digest(data)

    def test_leaving_in_the_middle_is_asked_about(
        self, visitor: Visitor, watch: Watch, share: Share
    ) -> None:
        visitor.open(share(bytes(5_000_000), sizes=[10_000]))
        visitor.enter(PASSWORD)
        visitor.save_button.wait_for()
        slow(visitor.tab)
        visitor.save()
        visitor.tab.get_by_role("progressbar").wait_for()
        with visitor.tab.expect_event("dialog") as asked:
            visitor.tab.close(run_before_unload=True)
        assert asked.value.type == "beforeunload"
        with visitor.tab.expect_event("close"):
            asked.value.accept()

    def test_a_full_disk_is_told(self, tab: Page, site: ServerProcess, share: Share) -> None:
        visitor = Visitor(tab, site)
        tab.add_init_script(
            """window.showSaveFilePicker = async () => ({ getFile: async () => ({ size: 0 }),
                createWritable: async () => new WritableStream({ write() {
                    throw new DOMException("full", "QuotaExceededError") } }) })"""
        )
        visitor.open(share())
        visitor.enter(PASSWORD)
        visitor.save()
        expect(visitor.status).to_contain_text("no room")

    def test_choosing_no_file_is_no_fault(
        self, tab: Page, watch: Watch, site: ServerProcess, share: Share
    ) -> None:
        visitor = Visitor(tab, site)
        tab.add_init_script(
            """window.showSaveFilePicker = async () => {
                throw new DOMException("closed", "AbortError") }"""
        )
        visitor.open(share())
        visitor.enter(PASSWORD)
        visitor.save()
        expect(visitor.save_button).to_be_focused()
        expect(visitor.status).to_have_text("")
        assert not any("/-/files/" in url for url in watch.requests)

    def test_where_choosing_is_forbidden_it_is_a_download(
        self, tab: Page, site: ServerProcess, share: Share
    ) -> None:
        visitor = Downloader(tab, site)
        tab.add_init_script(
            """Object.defineProperty(window, "showSaveFilePicker", { value: async () => {
                throw new DOMException("no", "SecurityError") } })"""
        )
        visitor.open(share())
        visitor.enter(PASSWORD)
        visitor.save()
        assert visitor.saved_sha256() == digest(bytes(1000))

    def test_a_frame_that_no_browser_can_hold_is_for_the_command_line(
        self, visitor: Visitor, share: Share
    ) -> None:
        def enlarge(route: Route) -> None:
            answer = route.fetch()
            envelope = answer.json()
            envelope["output"]["filesize"] = 2**31
            route.fulfill(response=answer, body=json.dumps(envelope))

        size = (2**31 + 28).to_bytes(4, "little")
        visitor.tab.route(INFO, enlarge)
        visitor.tab.route(DOWNLOADS, lambda route: route.fulfill(body=size))
        sealed = share()
        visitor.open(sealed)
        visitor.enter(PASSWORD)
        expect(visitor.tab.locator("#size")).to_have_text("2.1 GB")
        visitor.save()
        expect(visitor.status).to_contain_text("too large")
        expect(visitor.tab.get_by_text(f"shortd fetch {sealed.shorturl}")).to_be_visible()


def slow(tab: Page) -> Any:
    """Lets downloads come at 200 kB/s until the session that is returned is detached."""
    network = tab.context.new_cdp_session(tab)
    network.send("Network.enable")
    network.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": 200_000, "uploadThroughput": -1},
    )
    return network


class TestBound:
    """Files of our own, whose frames keep their place."""

    @pytest.fixture
    def share_vector(self, site: ServerProcess, userid: str) -> Callable[[str], Sealed]:
        """Uploads a file of tests/client/sealed.json."""
        by_name = {vector.name: vector for vector in vectors.read()}

        def share(name: str) -> Sealed:
            vector = by_name[name]
            sealed = Sealed("", vector.signature, b"", bytes.fromhex(vector.body))
            return upload(site, userid, sealed, vector.filesize, vector.challenge)

        return share

    @pytest.mark.parametrize("typed", [vectors.NFC, vectors.NFD])
    def test_a_password_opens_one(
        self, visitor: Visitor, share_vector: Callable[[str], Sealed], typed: str
    ) -> None:
        visitor.open(share_vector(f"password, {len(vectors.NFC)} typed"))
        visitor.enter(typed)
        visitor.save()
        assert visitor.saved_sha256() == digest(b"".join(vectors.PLAIN))

    @pytest.mark.parametrize(
        "damage", ["exchanged", "doubled in place of another", "last one left out", "no last one"]
    )
    def test_another_order_leaves_nothing(
        self, either: Visitor, share_vector: Callable[[str], Sealed], damage: str
    ) -> None:
        either.tab.goto(f"{share_vector(f'bound, {damage}').shorturl}#{vectors.LINK_KEY}")
        either.save()
        expect(either.status).to_contain_text("damaged or was tampered with")
        assert either.left_behind() == []

    def test_a_key_in_the_link_opens_without_a_question(
        self, either: Visitor, watch: Watch, share_vector: Callable[[str], Sealed]
    ) -> None:
        sent: list[str] = []
        either.tab.context.on(
            "request", lambda request: sent.append(f"{request.url} {request.post_data}")
        )
        sealed = share_vector(f"key of a link, {len(vectors.LINK_KEY)} typed")
        either.tab.goto(f"{sealed.shorturl}#{vectors.LINK_KEY}")
        expect(either.tab.locator("#name")).to_have_text("secret report.pdf")
        expect(either.password).not_to_be_visible()
        assert "#" not in either.tab.url
        either.save()
        assert either.saved_sha256() == digest(b"".join(vectors.PLAIN))
        assert not any(vectors.LINK_KEY in request for request in sent)
        assert vectors.LINK_KEY not in either.tab.content()
        # It is a password like any other.
        either.open(sealed)
        either.enter(vectors.LINK_KEY)
        expect(either.save_button).to_be_focused()

    @pytest.mark.parametrize("key", [vectors.LINK_KEY[:-1], "B" * 22, "part-2", "%20"])
    def test_a_key_that_is_not_the_files_is_told(
        self, visitor: Visitor, watch: Watch, share_vector: Callable[[str], Sealed], key: str
    ) -> None:
        sealed = share_vector(f"key of a link, {len(vectors.LINK_KEY)} typed, empty")
        visitor.tab.goto(f"{sealed.shorturl}#{key}")
        expect(visitor.status).to_contain_text("The key in this link is not this file's")
        expect(visitor.password).to_be_focused()
        expect(visitor.password).to_have_value("")
        assert not any("/v2/" in url for url in watch.requests)
        visitor.enter(vectors.LINK_KEY)
        expect(visitor.tab.locator("#size")).to_have_text("0 bytes")

    def test_with_a_key_trying_again_takes_one_click(
        self, visitor: Visitor, watch: Watch, share_vector: Callable[[str], Sealed]
    ) -> None:
        visitor.tab.route(INFO, lambda route: route.abort("connectionrefused"), times=1)
        sealed = share_vector(f"key of a link, {len(vectors.LINK_KEY)} typed, empty")
        with complaint(watch, visitor.tab, "ERR_CONNECTION_REFUSED"):
            visitor.tab.goto(f"{sealed.shorturl}#{vectors.LINK_KEY}")
        expect(visitor.status).to_contain_text("cannot be reached")
        visitor.tab.get_by_role("button", name="Unlock").click()
        expect(visitor.save_button).to_be_focused()


class TestRefused:
    def test_an_expired_link(self, visitor: Visitor, watch: Watch, share: Share) -> None:
        visitor.open(share(expiration_utime=1))
        with complaint(watch, visitor.tab, refusal_of(410)):
            visitor.enter(PASSWORD)
        expect(visitor.status).to_contain_text("This link has expired.")
        expect(visitor.password).to_be_focused()

    def test_a_disabled_link(
        self, visitor: Visitor, watch: Watch, site: ServerProcess, userid: str, share: Share
    ) -> None:
        sealed = share()
        visitor.open(sealed)
        site.call("set_enabled", userid=userid, shorturl=sealed.shorturl, enabled=False)
        with complaint(watch, visitor.tab, refusal_of(404)):
            visitor.enter(PASSWORD)
        expect(visitor.status).to_contain_text("nothing at this link any more")

    def test_a_link_that_leads_elsewhere_now(
        self, visitor: Visitor, watch: Watch, site: ServerProcess, share: Share
    ) -> None:
        one, other = share(), share()
        visitor.open(other._replace(shorturl=one.shorturl))
        with complaint(watch, visitor.tab, refusal_of(403)):
            visitor.enter(PASSWORD)
        expect(visitor.status).to_contain_text("Open the short link again")

    def test_a_file_deleted_after_it_was_unlocked(
        self, visitor: Visitor, watch: Watch, site: ServerProcess, userid: str, share: Share
    ) -> None:
        sealed = share()
        visitor.open(sealed)
        visitor.enter(PASSWORD)
        visitor.save_button.wait_for()
        site.call("delete", userid=userid, shorturl=sealed.shorturl)
        with complaint(watch, visitor.tab, refusal_of(404)):
            visitor.save()
        expect(visitor.status).to_contain_text("nothing at this link any more")
        assert visitor.left_behind() == []

    @pytest.mark.parametrize(
        ("status", "headers", "body", "words"),
        [
            (429, {"retry-after": "7"}, '{"error":{"code":"rate_limited"}}', "Wait 7 seconds"),
            (429, {"retry-after": "600"}, "", "Wait 10 minutes"),
            (503, {}, "<h1>Service Unavailable</h1>", "The server has a problem"),
            (400, {}, '{"error":{"code":"constructor","message":"<b>No</b>"}}', "<b>No</b>"),
            (418, {}, "null", "status 418"),
        ],
    )
    def test_a_server_that_refuses(
        self,
        visitor: Visitor,
        watch: Watch,
        share: Share,
        status: int,
        headers: dict[str, str],
        body: str,
        words: str,
    ) -> None:
        visitor.tab.route(
            INFO, lambda route: route.fulfill(status=status, headers=headers, body=body), times=1
        )
        visitor.open(share())
        with complaint(watch, visitor.tab, refusal_of(status)):
            visitor.enter(PASSWORD)
        expect(visitor.status).to_contain_text(words)
        visitor.enter(PASSWORD)
        visitor.save()
        visitor.saved_sha256()

    def test_a_server_that_is_gone(self, visitor: Visitor, watch: Watch, share: Share) -> None:
        visitor.tab.route(INFO, lambda route: route.abort("connectionrefused"))
        visitor.open(share())
        with complaint(watch, visitor.tab, "ERR_CONNECTION_REFUSED"):
            visitor.enter(PASSWORD)
        expect(visitor.status).to_contain_text("cannot be reached")

    @pytest.mark.parametrize(
        "url",
        [
            "http://elsewhere.example//elsewhere.example/x",
            "http://elsewhere.example/v2/logout",
            "https://elsewhere.example/-/files/../../x",
            "javascript:alert(1)",
        ],
    )
    def test_an_address_of_another_kind_is_not_asked(
        self, visitor: Visitor, watch: Watch, site: ServerProcess, share: Share, url: str
    ) -> None:
        body = json.dumps({"output": {"url": url, "filename": "x", "filesize": 1, "filetype": ""}})
        visitor.tab.route(INFO, lambda route: route.fulfill(body=body))
        visitor.open(share())
        visitor.enter(PASSWORD)
        expect(visitor.status).to_contain_text("makes no sense")
        assert watch.strangers(site.url) == []


class TestAddress:
    @pytest.mark.parametrize(
        "query",
        [
            "",
            f"signature={'a' * 88}",
            f"shorturl=https://s.example/abcdef&signature={'a' * 87}",
            f"shorturl=javascript:alert(1)&signature={'a' * 88}",
            f"shorturl=https://s.example/-/login&signature={'a' * 88}",
            f"shorturl={quote('https://s.example/abcdef; rm -r x')}&signature={'a' * 88}",
            f"shorturl={quote('<img src=x onerror=alert(1)>')}&signature={quote('<b>x</b>')}",
        ],
    )
    def test_an_incomplete_or_made_up_one_gets_no_form(
        self, visitor: Visitor, watch: Watch, site: ServerProcess, query: str
    ) -> None:
        visitor.tab.goto(f"{site.url}/-/unlock?{query}")
        expect(visitor.status).to_contain_text("not complete")
        expect(visitor.password).not_to_be_visible()
        assert visitor.tab.locator("main img, main b").count() == 0
        assert "s.example" not in visitor.tab.get_by_role("main").inner_text()
        assert not any("/v2/" in url for url in watch.requests)

    @pytest.mark.parametrize(
        "shorturl", ["https://elsewhere.example/abcdef", "http://127.0.0.1.example/abcdef"]
    )
    def test_an_address_of_another_site_is_not_shown(
        self, visitor: Visitor, share: Share, shorturl: str
    ) -> None:
        visitor.open(share())
        expect(visitor.tab.locator("#shorturl")).to_contain_text(visitor.site.url)
        visitor.open(share()._replace(shorturl=shorturl))
        expect(visitor.password).to_be_focused()
        assert "example" not in visitor.tab.get_by_role("main").inner_text()

    def test_a_hostile_file_name_is_text(self, visitor: Visitor, share: Share) -> None:
        name = "<img src=x onerror=alert(1)>&amp;{{7*7}}.html"
        visitor.open(share(name=name, filetype="text/html"))
        visitor.enter(PASSWORD)
        expect(visitor.tab.locator("#name")).to_have_text(name)
        assert visitor.tab.locator("main img").count() == 0
        visitor.save()
        visitor.saved_sha256()
        # Saved, never opened.
        assert "/-/unlock?" in visitor.tab.url

    def test_the_policy_forbids_what_the_script_never_does(
        self, visitor: Visitor, watch: Watch, share: Share
    ) -> None:
        visitor.open(share())
        attempts = """() => Promise.all([
            async () => { document.querySelector("main").innerHTML = "<p>x" },
            () => fetch("http://localhost:1/x"),
        ].map((attempt) => attempt().then(() => "done", (fault) => fault.name)))"""
        assert visitor.tab.evaluate(attempts) == ["TypeError", "TypeError"]
        watch.complaints.clear()

    def test_somebodys_file_is_no_script_of_the_page(
        self, visitor: Visitor, watch: Watch, share: Share, site: ServerProcess, userid: str
    ) -> None:
        script = b"document.title = 'taken'"
        query = {"userid": userid, "filename": "x.js", "filesize": len(script)}
        query["filetype"] = "text/javascript"
        form: dict[str, Any] = {"query": (None, json.dumps(query)), "file": ("x.js", script)}
        answer = httpx.post(f"{site.url}/v2/file", files=form).json()
        address = httpx.get(answer["output"]["entry"]["shorturl"]).headers["location"]

        def write_into(route: Route) -> None:
            page = route.fetch()
            foreign = f'<script src="{address}"></script></head>'
            route.fulfill(response=page, body=page.text().replace("</head>", foreign))

        visitor.tab.route("**/-/unlock?*", write_into)
        violation = 'violates the following Content Security Policy directive: "script-src'
        with visitor.tab.expect_console_message(lambda message: violation in message.text):
            visitor.open(share())
        assert all(address in complaint for complaint in watch.complaints)
        watch.complaints.clear()
        assert visitor.tab.title() != "taken"
        # Its own scripts run.
        visitor.enter(PASSWORD)
        expect(visitor.tab.locator("#name")).to_have_text("secret report.pdf")


def serve_as(tab: Page, site: ServerProcess, origin: str) -> None:
    """Has the site answer at another origin as well."""

    def forward(route: Route) -> None:
        at_home = route.request.url.replace(origin, site.url, 1)
        headers = {**route.request.headers, "host": origin.removeprefix("http://")}
        route.fulfill(response=route.fetch(url=at_home, headers=headers))

    tab.route(lambda url: url.startswith(origin), forward)


def test_its_script_runs_where_no_policy_can_name_the_host(
    tab: Page, site: ServerProcess, share: Share
) -> None:
    origin = "http://[::1]:8765"
    serve_as(tab, site, origin)
    visitor = Downloader(tab, site)
    tab.goto(share().page(origin))
    visitor.enter(PASSWORD)
    expect(tab.locator("#name")).to_have_text("secret report.pdf")


def test_on_a_page_that_is_not_secure_it_says_how_else(
    tab: Page, watch: Watch, site: ServerProcess, share: Share
) -> None:
    serve_as(tab, site, "http://shortd.test")
    sealed = share()
    # Of the headers, too, the browser takes only what it takes on such pages.
    with complaint(watch, tab, "Cross-Origin-Opener-Policy header has been ignored"):
        tab.goto(sealed.page("http://shortd.test"))
    assert tab.evaluate("isSecureContext") is False
    expect(tab.get_by_role("status")).to_contain_text("secure pages (https)")
    expect(tab.get_by_text(f"shortd fetch {sealed.shorturl}")).to_be_visible()
    expect(tab.get_by_label("Password")).not_to_be_visible()


def test_without_scripts_it_says_how_else(chromium: Browser, share: Share) -> None:
    context = chromium.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto(share().shorturl)
    words = tab.get_by_role("main").inner_text()
    assert "JavaScript" in words
    assert "shortd fetch" in words
    expect(tab.get_by_label("Password")).not_to_be_visible()
    context.close()


@pytest.mark.parametrize("width", [320, 360, 1100])
def test_every_step_fits_and_can_be_read(visitor: Visitor, share: Share, width: int) -> None:
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")

    def look() -> None:
        for scheme in schemes:
            visitor.tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert visitor.tab.evaluate("document.documentElement.scrollWidth") == width
            assert visitor.tab.evaluate(FAINT) == []

    visitor.tab.set_viewport_size({"width": width, "height": 800})
    visitor.open(share(name=f"{'long' * 50}.pdf"))
    expect(visitor.password).to_be_focused()
    look()
    visitor.enter("wrong")
    expect(visitor.status).to_contain_text("not the password")
    look()
    visitor.enter(PASSWORD)
    expect(visitor.save_button).to_be_focused()
    look()


def test_a_file_made_as_the_document_makes_it(visitor: Visitor, share: Share) -> None:
    """One frame, double SHA-256, as the document's example makes them."""
    sealed = share(b"text", password="TestPassword")
    length = int.from_bytes(sealed.body[:4], "little")
    assert length == len(sealed.body) - 4 == len(encrypt_data(b"text", sealed.key))
    visitor.open(sealed)
    visitor.enter("TestPassword")
    visitor.save()
    assert visitor.saved_sha256() == digest(b"text")
