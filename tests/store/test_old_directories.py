"""Data directories that older code has left behind, opened by today's: nothing is lost, nothing
counts twice, and everything goes on.

Time is what it was when they were left: what lasts for days would be gone by now. One test alone
starts a server of today, and asks for what lasts.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
import pytest
from click.testing import CliRunner, Result

from shortd.commands.cli import main
from shortd.store.looking import looked_at
from shortd.store.schema import LINKS
from shortd.testing import FakeClock, RunningApp, open_app
from tests.server_process import PLAIN, ServerProcess
from tests.sharing.sharing import wait_for
from tests.store.directories.exchanges import Answer, Expected, Question, ask, differences, has_row

FOLDERS = sorted(path.parent for path in Path(__file__).parent.glob("directories/*/expected.json"))
LONGEST_PAUSE = 1800
"""Seconds after which a mail that failed is tried again at the latest."""
SOUND = "Everything stored agrees with itself."


class Left:
    """A data directory as its server left it, and what is known of it."""

    def __init__(self, folder: Path, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.expected = msgspec.json.decode(
            (folder / "expected.json").read_bytes(), type=Expected, strict=True
        )
        with tarfile.open(folder / "directory.tar.xz") as archive:
            # Not every Python 3.11 has filters.
            archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
            archive.extractall(data_dir)

    @contextmanager
    def opened(self, **settings: str) -> Iterator[RunningApp]:
        clock = FakeClock(self.expected.utime)
        environ = {**self.expected.environ, **settings}
        with open_app(self.data_dir, clock=clock, environ=environ) as app:
            yield app

    def command(self, *arguments: str) -> str:
        """What a command prints, which must succeed."""
        result = self.attempt(*arguments)
        assert result.exit_code == 0, (arguments, result.output)
        return result.output

    def attempt(self, *arguments: str) -> Result:
        """What became of a command."""
        data = ["--data", str(self.data_dir)]
        return CliRunner().invoke(main, [*arguments, *data], env=self.expected.environ)


@pytest.fixture(params=FOLDERS, ids=lambda folder: folder.name)
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Left:
    return Left(request.param, tmp_path / "data")


def faults(app: RunningApp, expected: Expected, opening: int) -> Iterator[str]:
    """Asks all that was asked in one opening: a line for every answer that is another now."""

    def send(method: str, url: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        return app.request(method, url, content=body, headers=headers)

    for exchange in expected.openings[opening]:
        question = exchange.question
        for difference in differences(exchange.answer, ask(send, question)):
            yield f"{shown(question)}: {difference}"


def shown(question: Question) -> str:
    return f"{question.method} {question.url} {question.body}".strip()


def test_there_are_some() -> None:
    """Without a folder the others would be skipped."""
    made = {path.parent for path in Path(__file__).parent.glob("directories/*/make_directory.py")}
    # What was asked of schema 3 stands in a test of its own.
    assert made - {path for path in made if (path / "known.json").exists()} == set(FOLDERS) != set()


def test_it_answers_as_it_did(left: Left) -> None:
    """Whoever opens it: what it holds, visits, changes, and what became of them."""
    assert left.expected.openings
    for opening in range(len(left.expected.openings)):
        with left.opened() as app:
            found = list(faults(app, left.expected, opening))
        assert found == []
    assert SOUND in left.command("doctor")


def test_the_operator_sees_what_there_is(left: Left) -> None:
    with left.opened():
        pass
    told = left.command("doctor").splitlines()
    for cells in (*left.expected.outbox, [SOUND]):
        assert has_row(told, cells), (cells, told)
    for arguments, rows in left.expected.listings.items():
        lines = left.command(*arguments.split()).splitlines()
        for row in rows:
            # A team is told by its code now, where it was by its id.
            cells = row[:-1] if arguments == "domain list" else row
            assert has_row(lines, cells), (arguments, row, lines)


def test_days_come_to_what_the_visits_say(left: Left) -> None:
    with left.opened():
        pass
    lines = left.attempt("stats", "verify").stdout.splitlines()
    assert [line for line in lines if line.startswith("link ")] == left.expected.recount


def test_mail_that_waits_is_sent(left: Left) -> None:
    def mails() -> set[Path]:
        return set(left.data_dir.rglob("*.eml"))

    before = mails()
    with left.opened() as app:
        app.clock.advance(LONGEST_PAUSE)
        app.deliver()
        [mail] = mails() - before
        text = mail.read_text().replace("=\n", "").replace("=3D", "=")
        assert f"To: {left.expected.waiting}\n" in text
        form = {"email": left.expected.waiting, "code": text.split("code=")[1][:32]}
        headers = {"content-type": "application/x-www-form-urlencoded"}
        answer = app.request("POST", "/-/verify", content=urlencode(form), headers=headers)
        assert answer.status_code == 200, answer.text
        app.deliver()
        assert mails() - before == {mail}


def test_new_things_are_made_beside_the_old_ones(left: Left) -> None:
    owner = left.expected.owner
    login = {"username_email": owner["username"], "password": owner["password"]}
    with left.opened() as app:
        old = log_in(app, login)
        entries = app.call("get_entries", **old, count=1000)["entries"]
        signed_up = app.call(
            "signup", email="new@nowhere.example", username="new", password="5a" * 32
        )
        new = {name: signed_up[name] for name in ("userid", "token")}
        made = {
            "https://new.example/old-account": shorten(app, old),
            "https://new.example/new-account": shorten(app, new, "new-account"),
            "https://new.example/v1": shorten_by_v1(app, owner),
            "https://new.example/sqwish": shorten_by_sqwish(app, owner["api_key"]),
        }
        assert len({*made.values(), *(entry["shorturl"] for entry in entries)}) == (
            len(made) + len(entries)
        )
        file = app.new_file(b"A new file.", **new)
        for destination, short_url in made.items():
            assert app.visit(short_url).headers["location"] == destination
        [taken, *_] = entries
        refusal = app.refused("url", **new, url="https://x.example/", shorturl=taken["shorturl"])
        assert refusal["code"] in ("code_taken", "invalid_code", "unknown_host")
        app.call("delete", **old, shorturl=taken["shorturl"])

    with left.opened() as app:
        old = log_in(app, login)
        after = {
            one["shorturl"]: one for one in app.call("get_entries", **old, count=1000)["entries"]
        }
        assert taken["shorturl"] not in after
        ours = [url for destination, url in made.items() if not destination.endswith("new-account")]
        assert after.keys() == {*ours, *(one["shorturl"] for one in entries[1:])}
        for one in entries[1:]:
            assert after[one["shorturl"]]["count"] == one["count"]
        for short_url in ours:
            assert after[short_url]["count"] == 1
        assert app.get(app.visit(file).headers["location"]).content == b"A new file."
    assert SOUND in left.command("doctor")


def test_the_way_back_to_the_older_version(left: Left) -> None:
    """Its database is there again as it was, beside what it had become."""

    def content(directory: Path) -> tuple[int | None, list[bytes]]:
        with looked_at(directory) as store, store.read() as txn:
            return store.found_schema, [msgspec.msgpack.encode(row) for _, row in LINKS.scan(txn)]

    before = content(left.data_dir)
    with left.opened() as app:
        app.call("temporary_account")
    [copy] = left.data_dir.glob("db-before-schema-*")
    left.command("restore", str(copy), "--yes")
    assert content(left.data_dir) == before
    [kept] = left.data_dir.glob("db.before-restore-*")
    assert (kept / "data.mdb").is_file()
    assert (copy / "data.mdb").is_file()


def test_hosts_keep_their_links(left: Left) -> None:
    """The default host gets another name, and a new host has none of anybody's links."""
    old, hosts = left.expected.environ["SHORTD_PUBLIC_URL"], left.expected.environ["SHORTD_HOSTS"]
    new, fresh = "https://renamed.example", "https://fresh.example"
    settings = {
        "SHORTD_PUBLIC_URL": new,
        "SHORTD_HOSTS": json.dumps([*json.loads(hosts), fresh]),
    }
    with left.opened(**settings) as app:
        for url, destination in left.expected.lasting.items():
            visited = app.visit(url.replace(f"{old}/", f"{new}/"))
            assert visited.headers["location"] == destination
            assert app.visit(fresh + urlsplit(url).path).status_code == 404


def log_in(app: RunningApp, login: dict[str, str]) -> dict[str, str]:
    output = app.call("login", **login)
    return {"userid": output["userid"], "token": output["token"]}


def shorten(app: RunningApp, who: dict[str, str], path: str = "old-account") -> str:
    entry = app.call("url", **who, url=f"https://new.example/{path}")["entry"]
    return str(entry["shorturl"])


def shorten_by_v1(app: RunningApp, owner: dict[str, str]) -> str:
    def v1(call: str, token: str = "", **inputs: Any) -> Any:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        answer = app.request("POST", f"/v1/{call}", content=json.dumps(inputs), headers=headers)
        assert answer.json()["status"]["code"] == 0, answer.text
        return answer.json()

    login = v1("authen/token", username=owner["username"], key=owner["api_key"])
    token = login["token"]["access_token"]
    team = v1("entity/team/list", token)["teams"][0]["id"]
    domain = v1("entity/domain/subscriptions", token, teamId=team)["subscriptions"][0]["domainId"]
    place = {"teamId": team, "domainId": domain, "noTitle": True}
    made = v1("entity/link/create", token, destination="https://new.example/v1", **place)
    return str(made["linkShort"])


def shorten_by_sqwish(app: RunningApp, api_key: str) -> str:
    query = urlencode({"api_key": api_key, "url": "https://new.example/sqwish"})
    return str(app.get(f"/shorten.json?{query}").json()["shortURL"])


@contextmanager
def ending(server: ServerProcess) -> Iterator[None]:
    """No server outlives a test that fails."""
    try:
        yield
    finally:
        server.kill()


def test_a_server_of_today_starts_on_it(left: Left) -> None:
    """However long ago it was left: what no time ends is there, and what has ended is swept."""
    expected = left.expected
    dead = left.data_dir / expected.dead
    assert dead.exists()
    server = ServerProcess(left.data_dir, expected.environ)
    server.start()
    with (
        ending(server),
        httpx.Client(transport=httpx.HTTPTransport(verify=PLAIN), timeout=30) as client,
    ):
        # A mail of then has waited for long, until it is given up.
        wait_for(lambda: client.get(f"{server.url}/-/health").json()["status"] == "ok")
        login = {"username_email": expected.owner["username"]}
        account = server.call("login", **login, password=expected.owner["password"])
        who = {"userid": account["userid"], "token": account["token"]}
        counts = {
            url: server.call("get_entry", **who, shorturl=url)["entry"]["count"]
            for url in expected.counts
        }
        assert counts == expected.counts
        query = urlencode({"api_key": expected.owner["api_key"], "code": shown_code(counts)})
        assert client.get(f"{server.url}/stats.json?{query}").json()["error"] == "false"
        for url, destination in expected.lasting.items():
            parts = urlsplit(url)
            answer = client.get(server.url + parts.path, headers={"host": parts.netloc})
            assert answer.headers.get("location") == destination, url
        wait_for(lambda: not dead.exists())
        assert server.stop() == 0
    assert SOUND in left.command("doctor")
    server.start()
    assert server.stop() == 0


def shown_code(counts: dict[str, int]) -> str:
    """One of those links, as sqwish takes it."""
    return next(iter(counts)).partition("://")[2]


@pytest.mark.parametrize(
    ("now", "is_same"),
    [
        ({"a": 1, "b": [{"c": True}], "new": 5}, True),
        ({"b": [{"new": 5, "c": True}], "a": 1}, True),
        ({"a": 2, "b": [{"c": True}]}, False),
        ({"a": 1.0, "b": [{"c": True}]}, False),
        ({"a": True, "b": [{"c": True}]}, False),
        ({"a": 1, "b": [{"c": 1}]}, False),
        ({"a": 1, "b": []}, False),
        ({"a": 1, "b": [{"c": True}, {}]}, False),
        ({"a": None, "b": [{"c": True}]}, False),
        ({"b": [{"c": True}]}, False),
        ([], False),
    ],
)
def test_answers_may_gain_fields_and_nothing_else(now: Any, is_same: bool) -> None:
    answer = Answer(200, document={"a": 1, "b": [{"c": True}]})
    assert (list(differences(answer, httpx.Response(200, json=now))) == []) is is_same


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(301, headers={"location": "https://a.example/"}, text="Here it is"),
        httpx.Response(302, headers={"location": "https://b.example/"}, text="Here it is"),
        httpx.Response(302, headers={"location": "https://a.example/"}, text="There it is"),
        httpx.Response(302, text="Here it is"),
    ],
)
def test_another_status_place_or_text_is_told(response: httpx.Response) -> None:
    body = hashlib.sha256(b"Here it is").hexdigest()
    answer = Answer(302, "https://a.example/", holds=("Here",), sha256=body)
    same = httpx.Response(302, headers={"location": "https://a.example/"}, text="Here it is")
    assert list(differences(answer, same)) == []
    assert list(differences(answer, response)) != []
