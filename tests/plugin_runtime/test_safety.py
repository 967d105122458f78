"""shortd_safety in an app: lists that come, change and fail; what is held; links that are there."""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shortd.testing import Browser, RunningApp, StartApp, check_plugin, open_app
from shortd.testing.network import Answer, Request
from shortd_safety import Safety
from shortd_safety.settings import read_key

URL = "https://lists.example/hosts.txt"
KEY = Ed25519PrivateKey.from_private_bytes(b"7" * 32)
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
SIGNED = f'[[plugins.safety.lists]]\nurl = "{URL}"\nkey = "{PUBLIC}"\n'
UNSIGNED = f'[[plugins.safety.lists]]\nurl = "{URL}"\nunsigned = true\n'

Act = Callable[[RunningApp], None]


def refusal(app: RunningApp, url: str) -> str:
    """The code of the error with which a link is refused; empty if it is made."""
    answer = app.post("url", {"userid": app.userid, "url": url}).json()
    return str(answer["error"]["code"]) if answer["status"] == "error" else ""


def is_refused(app: RunningApp, host: str) -> bool:
    code = refusal(app, f"https://{host}/x")
    assert code in ("", "destination_refused")
    return bool(code)


def olga(app: RunningApp) -> Browser:
    return app.browser("olga", operator=True)


def update(app: RunningApp) -> str:
    """The page after "Fetch now"."""
    browser = olga(app)
    answer = browser.post("/-/x/safety/update")
    assert answer.headers["location"] == "/-/x/safety/"
    page = browser.get("/-/x/safety/")
    assert page.status_code == 200
    return page.text


def publish(app: RunningApp, content: bytes, signature: bytes | None = None) -> None:
    app.network.answer(URL, content=content, headers={"etag": f'"{sha256(content).hexdigest()}"'})
    app.network.answer(f"{URL}.sig", content=KEY.sign(content) if signature is None else signature)


def publish_alone(app: RunningApp, content: bytes, status: int | None) -> None:
    """Without a signature: its address answers with a status, or nobody does."""
    publish(app, content)
    if status is None:
        app.network.fail(f"{URL}.sig")
    else:
        app.network.answer(f"{URL}.sig", status)


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.fixture(scope="class")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    data = tmp_path_factory.mktemp("signed") / "data"
    with open_app(data, plugins=[Safety], config=SIGNED, tolerant=True) as app:
        yield app


@pytest.fixture(scope="class")
def watching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningApp, Path]]:
    """An app with a list from a file."""
    folder = tmp_path_factory.mktemp("watching")
    file = folder / "bad.txt"
    file.write_text("bad.example\n")
    config = f'[plugins.safety]\nfiles = ["{file}"]'
    with open_app(folder / "data", plugins=[Safety], config=config) as app:
        yield app, file


class TestFiles:
    def test_all_are_in_force_at_once_and_again_when_they_change(
        self, shortd_app: StartApp, tmp_path: Path
    ) -> None:
        file = tmp_path / "bad.txt"
        file.write_text("bad.example\n")
        app = shortd_app(Safety, config=f'[plugins.safety]\nfiles = ["{file}"]')
        assert is_refused(app, "bad.example") and is_refused(app, "a.bad.example.")
        assert not is_refused(app, "new.example")
        file.write_text("bad.example\nnew.example\n")
        assert "2 entries" in update(app)
        assert is_refused(app, "new.example")

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda file: file.write_bytes(b"\0" * 500),
            lambda file: file.write_bytes(b"x" * 100_000),
            lambda file: file.write_text("<html>\n<body>\nnot here\n</body>\n</html>\n"),
            lambda file: file.unlink(),
            pipe,
            folder,
            lambda file: os.truncate(file, (65 << 20)),
        ],
        ids=["binary", "no newline", "a page", "gone", "a pipe", "a folder", "too large"],
    )
    def test_what_cannot_be_used_leaves_the_last_good_one(
        self, watching: tuple[RunningApp, Path], spoil: Callable[[Path], None]
    ) -> None:
        app, file = watching
        spoil(file)
        assert "What it said before stays in force." in update(app)
        assert is_refused(app, "bad.example")
        file.rmdir() if file.is_dir() else file.unlink(missing_ok=True)
        file.write_text("bad.example\n")
        assert "not up to date" not in update(app)

    def test_a_kill_while_a_copy_is_replaced_leaves_the_one_or_the_other(
        self, shortd_app: StartApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "bad.txt"
        file.write_text("bad.example\n")
        config = f'[plugins.safety]\nfiles = ["{file}"]'
        app = shortd_app(Safety, config=config)
        folder = app.plugin(Safety).folder
        [kept] = folder.iterdir()
        # What is there when it ends in the middle of writing.
        kept.with_suffix(".new").write_bytes(kept.read_bytes()[:40])
        file.unlink()
        app = shortd_app(Safety, config=config)
        assert is_refused(app, "bad.example")
        assert "What it said before stays in force." in update(app)
        assert list(folder.iterdir()) == [kept]
        # A copy that is damaged is told of, and not believed.
        kept.write_bytes(kept.read_bytes()[:-3])
        app = shortd_app(Safety, config=config)
        assert not is_refused(app, "bad.example")
        file.write_text("bad.example\n")
        update(app)
        assert is_refused(app, "bad.example")

    def test_copies_of_lists_that_are_gone_go(self, shortd_app: StartApp, tmp_path: Path) -> None:
        files = [tmp_path / name for name in ("a", "b")]
        for file in files:
            file.write_text(f"{file.name}.example\n")
        both = ", ".join(f'"{file}"' for file in files)
        app = shortd_app(Safety, config=f"[plugins.safety]\nfiles = [{both}]")
        folder = app.plugin(Safety).folder
        assert len(list(folder.iterdir())) == 2
        app = shortd_app(Safety, config=f'[plugins.safety]\nfiles = ["{files[0]}"]')
        assert len(list(folder.iterdir())) == 1
        assert is_refused(app, "a.example") and not is_refused(app, "b.example")


class TestFetched:
    @pytest.mark.parametrize(
        "spell", [bytes, bytes.hex, base64.b64encode], ids=["raw", "hex", "base64"]
    )
    def test_a_signed_list(self, shortd_app: StartApp, spell: Callable[[bytes], Any]) -> None:
        app = shortd_app(Safety, config=SIGNED)
        content = b"bad.example\n"
        told = spell(KEY.sign(content))
        publish(app, content, told.encode() if isinstance(told, str) else told)
        page = update(app)
        assert "its signature is checked" in page and "1 entry" in page
        assert is_refused(app, "bad.example")
        app = shortd_app(Safety, config=SIGNED)
        assert is_refused(app, "bad.example"), "after a restart, without a network"

    def test_only_what_is_new_is_fetched(self, shortd_app: StartApp) -> None:
        app = shortd_app(Safety, config=SIGNED)
        publish(app, b"bad.example\n")
        update(app)

        def same(request: Request) -> Answer:
            assert request.headers["if-none-match"].startswith('"')
            return Answer(304)

        app.network.serve(URL, same)
        asked = len(app.network.requests)
        assert "not up to date" not in update(app)
        assert [request.url for request in app.network.requests[asked:]] == [URL]
        assert is_refused(app, "bad.example")

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda app: publish(app, b"new.example\n", b"x" * 64),
            lambda app: publish(app, b"new.example\n", b"no signature"),
            lambda app: publish(app, b"new.exam", KEY.sign(b"new.example\n")),
            lambda app: publish(app, b"\0\0\n"),
            lambda app: publish(app, b"x" * 5000),
            lambda app: app.network.fail(URL),
            lambda app: app.network.answer(URL, 500),
            lambda app: app.network.answer(URL, 404),
            lambda app: publish_alone(app, b"new.example\n", None),
            lambda app: publish_alone(app, b"new.example\n", 404),
            lambda app: app.network.answer(URL, content=b"#" * ((64 << 20) + 1)),
            lambda app: app.network.answer(URL, 302, headers={"location": "http://lists.example/"}),
            lambda app: app.network.answer(URL, 302, headers={"location": URL}),
            lambda app: app.network.answer(URL, 302, headers={"location": "https://127.0.0.1/"}),
            lambda app: app.network.place("lists.example", "192.168.1.5"),
        ],
        ids=[
            *(
                "wrong signature",
                "no signature",
                "cut off",
                "binary",
                "huge line",
                "down",
                "500",
                "404",
            ),
            *(
                "signature down",
                "signature gone",
                "too large",
                "http",
                "a circle",
                "inside",
                "a name inside",
            ),
        ],
    )
    def test_what_cannot_be_used_leaves_the_last_good_one(
        self, signed: RunningApp, spoil: Act
    ) -> None:
        app = signed
        publish(app, b"bad.example\n")
        update(app)
        assert is_refused(app, "bad.example")
        spoil(app)
        assert "What it said before stays in force." in update(app)
        assert is_refused(app, "bad.example") and not is_refused(app, "new.example")
        app.network.place("lists.example", "1.1.1.1")
        publish(app, b"new.example\n")
        assert "not up to date" not in update(app)
        assert is_refused(app, "new.example") and not is_refused(app, "bad.example")

    def test_a_pinned_list(self, shortd_app: StartApp) -> None:
        pinned = sha256(b"bad.example\n").hexdigest().upper()
        app = shortd_app(
            Safety, config=f'[[plugins.safety.lists]]\nurl = "{URL}"\nsha256 = "{pinned}"\n'
        )
        publish(app, b"bad.example\nnew.example\n")
        assert "its SHA-256 is another one" in update(app)
        assert not is_refused(app, "bad.example")
        publish(app, b"bad.example\n")
        update(app)
        assert is_refused(app, "bad.example")

    def test_one_that_nobody_vouches_for(self, shortd_app: StartApp) -> None:
        app = shortd_app(Safety, config=UNSIGNED)
        publish(app, b"0.0.0.0 bad.example\n")
        assert "nobody vouches for it but its server" in update(app)
        publish(app, b"# empty\n")
        assert "it has no entries" in update(app)
        assert is_refused(app, "bad.example")

    def test_what_another_key_has_vouched_for_is_not_believed(self, shortd_app: StartApp) -> None:
        app = shortd_app(Safety, config=UNSIGNED)
        publish(app, b"bad.example\n")
        update(app)
        app = shortd_app(Safety, config=SIGNED)
        assert not is_refused(app, "bad.example")

    def test_a_list_in_the_home_network(self, shortd_app: StartApp) -> None:
        app = shortd_app(Safety, config=UNSIGNED + 'allow = ["192.168.0.0/16"]\n')
        app.network.place("lists.example", "192.168.1.5")
        publish(app, b"bad.example\n")
        update(app)
        assert is_refused(app, "bad.example")

    def test_it_is_fetched_by_the_daily_job_which_tells_what_fails(
        self, shortd_app: StartApp
    ) -> None:
        app = shortd_app(Safety, config=SIGNED, tolerant=True)
        app.clock.set(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
        publish(app, b"bad.example\n")
        app.daily()
        assert is_refused(app, "bad.example")
        assert not app.faults
        app.clock.advance(24 * 3600)
        app.network.fail(URL)
        app.daily()
        [fault] = app.faults
        assert "hosts.txt" in str(fault.fault) and "nobody answers" in str(fault.fault)


class TestAnswers:
    def test_the_allow_list_wins(self, shortd_app: StartApp, tmp_path: Path) -> None:
        file = tmp_path / "bad.txt"
        file.write_text("example\n")
        app = shortd_app(
            Safety,
            config=f'[plugins.safety]\nfiles = ["{file}"]\n'
            'allow = ["good.example", "=one.example"]',
        )
        assert is_refused(app, "bad.example") and is_refused(app, "a.one.example")
        assert not is_refused(app, "a.good.example") and not is_refused(app, "one.example")

    def test_the_word_is_said_in_the_readers_language(
        self, shortd_app: StartApp, tmp_path: Path
    ) -> None:
        file = tmp_path / "bad.txt"
        file.write_text("bad.example\n")
        app = shortd_app(Safety, config=f'[plugins.safety]\nfiles = ["{file}"]')
        error = app.refused("url", userid=app.userid, url="https://bad.example/")
        assert error["field"] == "url"
        assert (
            error["message"] == "This address is on a list of addresses that no link may lead to."
        )
        page = olga(app).get("/-/x/safety/", language="de").text
        assert "Sperrlisten" in page and "Block lists" not in page

    def test_held_let_go_and_not_held_again(self, shortd_app: StartApp, tmp_path: Path) -> None:
        file = tmp_path / "odd.txt"
        file.write_text("odd.example\n")
        config = f'[[plugins.safety.lists]]\nfile = "{file}"\nname = "Odd ones"\nmatch = "hold"\n'
        app = shortd_app(Safety, config=config)
        entry = app.call("url", userid=app.userid, url="https://odd.example/")["entry"]
        assert entry["held"] == "The list Odd ones has it: odd.example"
        link = entry["shorturl"]
        assert app.visit(link).status_code == 403
        operator = olga(app)
        page = operator.get("/-/admin/held").text
        assert "The list Odd ones has it" in page
        address = page.partition('action="/-/admin/held/')[2].partition("/")[0]
        seen = page.partition('name="seen" value="')[2].partition('"')[0]
        operator.post(f"/-/admin/held/{address}/approve", {"seen": seen})
        assert app.visit(link).status_code == 302
        links = app.plugin(Safety).links
        app.run(links.change(link, account=app.userid, tag=1))
        app.run(links.change(link, account=app.userid, url="https://odd.example/", title="Odd"))
        assert app.visit(link).status_code == 302
        app.run(links.change(link, account=app.userid, url="https://odd.example/other"))
        assert app.visit(link).status_code == 403

    def test_a_list_that_refuses_goes_first(self, shortd_app: StartApp, tmp_path: Path) -> None:
        file, other = tmp_path / "a", tmp_path / "b"
        file.write_text("example\n")
        other.write_text("bad.example\n")
        config = (
            f'[[plugins.safety.lists]]\nfile = "{file}"\nmatch = "hold"\n'
            f'[[plugins.safety.lists]]\nfile = "{other}"\n'
        )
        app = shortd_app(Safety, config=config)
        assert is_refused(app, "bad.example") and not is_refused(app, "odd.example")

    def test_links_of_types_of_accounts_are_held(self, shortd_app: StartApp) -> None:
        config = '[plugins.safety]\nhold = ["temporary"]\nallow = ["good.example"]'
        app = shortd_app(Safety, config=config)
        userid = app.call("temporary_account")["userid"]
        entry = app.call("url", userid=userid, url="https://a.example/")["entry"]
        assert "temporary" in entry["held"]
        entry = app.call("url", userid=userid, url="https://good.example/")["entry"]
        assert not entry.get("held")

    def test_without_lists_nothing_is_asked(self, shortd_app: StartApp) -> None:
        # Those of tests before may not have ended yet.
        before = {*threading.enumerate()}
        app = shortd_app(Safety)
        assert not app.services.plugin_runtime.checks.plugins
        assert not app.services.links.links.checks.are_asked
        begun = {*threading.enumerate()} - before
        assert not any(thread.name == "shortd-safety" for thread in begun)
        app.clock.set(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
        app.daily()
        page = olga(app).get("/-/x/safety/")
        assert "There are no block lists." in page.text


class TestPage:
    def test_it_is_for_operators(self, shortd_app: StartApp) -> None:
        app = shortd_app(Safety)
        assert app.browser("ann").get("/-/x/safety/").status_code == 404
        assert app.browser("ann").post("/-/x/safety/update").status_code == 404
        assert 'href="/-/x/safety' in olga(app).get("/-/admin/plugins/safety").text
        forged = olga(app).post("/-/x/safety/update", origin="https://evil.example")
        assert forged.status_code == 403

    def test_it_tells_what_lists_say_and_what_was_refused(
        self, shortd_app: StartApp, tmp_path: Path
    ) -> None:
        file = tmp_path / "<b>.txt"
        file.write_text("bad.example\n||x.example^$script\n")
        app = shortd_app(Safety, config=f'[plugins.safety]\nfiles = ["{file}"]')
        assert is_refused(app, "bad.example")
        browser = olga(app)
        page = browser.get("/-/x/safety/").text
        assert "&lt;b&gt;.txt" in page and "<b>.txt" not in page
        assert "1 line about parts of pages passed over" in page
        assert "https://bad.example/x" in page
        for typed in ("https://www.bad.example/a", "BAD.example", "bad.example."):
            assert "<code>bad.example</code>" in browser.get(f"/-/x/safety/?url={typed}").text
        assert "No list has it." in browser.get("/-/x/safety/?url=good.example").text
        for typed in ("http://", "%00", "x" * 9000, "http://[::1", "a b", "javascript:alert(1)"):
            assert browser.get(f"/-/x/safety/?url={typed}").status_code == 200


class TestLinksThatAreThere:
    @pytest.mark.parametrize("existing", ["report", "disable"])
    def test_they_are_told_of_or_turned_off_at_night(
        self, shortd_app: StartApp, tmp_path: Path, existing: str
    ) -> None:
        file, odd = tmp_path / "bad.txt", tmp_path / "odd.txt"
        file.touch()
        odd.touch()
        config = (
            f'[plugins.safety]\nfiles = ["{file}"]\nexisting = "{existing}"\n'
            f'[[plugins.safety.lists]]\nfile = "{odd}"\nmatch = "hold"\n'
        )
        app = shortd_app(Safety, config=config)
        app.clock.set(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
        links = {
            url: app.new_link(url)
            for url in ("https://good.example/", "https://a.bad.example/", "https://odd.example/")
        }
        more = [
            app.new_link(f"https://many.example/{number}")
            for number in range(250 if existing == "report" else 1)
        ]
        fallback = app.new_link("https://fine.example/")
        app.run(
            app.plugin(Safety).links.change(
                fallback, expiration_count=7, count_fallback="https://bad.example/"
            )
        )
        file.write_text("bad.example\n")
        odd.write_text("odd.example\n")
        app.daily()
        page = olga(app).get("/-/x/safety/").text
        off = existing == "disable"
        assert f"Of {len(links) + len(more) + 1} links" in page and "3 lead to" in page
        assert ("2 were turned off." in page) == off
        assert page.count("https://a.bad.example/") == 1
        codes = [app.visit(link).status_code for link in links.values()]
        assert codes == [302, 404 if off else 302, 302]
        file.write_text("")
        odd.write_text("# nothing\n")
        app.clock.advance(24 * 3600)
        app.daily()
        page = olga(app).get("/-/x/safety/").text
        assert "0 lead to" in page and "a.bad.example" not in page


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("files = [1]", "files"),
        ('files = [""]', "empty name"),
        ('files = ["/a", "/a"]', "named twice"),
        ('allow = ["/(/"]', "cannot be read"),
        (f"allow = {[f'/evil{number}/' for number in range(101)]}", "too much with all others"),
        ('hold = ["kings"]', "hold"),
        ('existing = "delete"', "existing"),
        ("nonsense = 1", "nonsense"),
        ("[[plugins.safety.lists]]", "either a file or a url"),
        ('[[plugins.safety.lists]]\nfile = "/a"\nurl = "https://a.example/"', "either a file or"),
        ('[[plugins.safety.lists]]\nfile = "/a"\nkey = "x"', "a file has no key"),
        ('[[plugins.safety.lists]]\nurl = "https://a.example/"', "one of key, sha256 and unsigned"),
        ('[[plugins.safety.lists]]\nurl = "http://a.example/"\nunsigned = true', "by https alone"),
        (
            '[[plugins.safety.lists]]\nurl = "https://u:p@a.example/"\nunsigned = true',
            "no user name",
        ),
        ('[[plugins.safety.lists]]\nurl = "nonsense"\nunsigned = true', "is no URL"),
        ('[[plugins.safety.lists]]\nurl = "https://a.example/"\nkey = "AAAA"', "no public key"),
        ('[[plugins.safety.lists]]\nurl = "https://a.example/"\nsha256 = "12"', "64 hexadecimal"),
        (
            '[[plugins.safety.lists]]\nurl = "https://a.example/"\nunsigned = true\nallow = ["x"]',
            "does not appear to be",
        ),
    ],
)
def test_settings_that_are_wrong(shortd_app: StartApp, config: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        shortd_app(Safety, config=f"[plugins.safety]\n{config}")


def test_keys_in_all_their_forms() -> None:
    public = KEY.public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for said in (pem, base64.b64encode(der).decode(), PUBLIC):
        assert read_key(said).public_bytes_raw() == public.public_bytes_raw()


def test_it_stands_what_any_plugin_must() -> None:
    check_plugin(Safety)
