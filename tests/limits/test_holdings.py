"""What temporary accounts may keep: of one address together, and all of them together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from shortd.models.limits import Holding
from shortd.store.check import faults
from shortd.store.schema import EVERYBODY, HOLDINGS
from shortd.testing import RunningApp, open_app
from tests.api.v2.people import PASSWORD, double_sha256
from tests.conftest import GENEROUS
from tests.sharing.sharing import FORM_TYPE, file_form

KIB = 1 << 10
MIB = 1 << 20
HERE, ELSEWHERE = "203.0.113.5", "203.0.113.6"
LONG = "https://example.com/" + "x" * 8000
NO_ROOM = (403, "quota_exceeded")
NO_SHARE = (507, "storage_full")


@contextmanager
def bounded(tmp_path: Path, **settings: object) -> Iterator[RunningApp]:
    """`settings` of [accounts], and of other sections that have such a name."""
    environ = {**GENEROUS, "SHORTD_ACCOUNTS__TEMPORARY_SHARE": "0.1"}
    for name, value in settings.items():
        sections = {"storage_bytes": "LIMITS__TEMPORARY", "map_bytes": "STORAGE"}
        section = sections.get(name, "ACCOUNTS")
        environ[f"SHORTD_{section}__{name.upper()}"] = str(value)
    with open_app(tmp_path / "data", environ=environ) as app:
        yield app


@pytest.fixture
def small(tmp_path: Path) -> Iterator[RunningApp]:
    """An address may keep 200 KiB of rows and 1000 bytes of files."""
    with bounded(tmp_path, temporary_client_bytes=200 * KIB, storage_bytes=1000) as app:
        yield app


def outcome(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json().get("error", {}).get("code", "")


OK = (200, "")


class Stranger:
    """A temporary account, and from where it is used."""

    def __init__(self, app: RunningApp, address: str = HERE) -> None:
        self.app = app
        self.address = address
        answer = app.post("temporary_account", {}, address=address)
        assert answer.status_code == 200, answer.text
        self.userid = answer.json()["output"]["userid"]

    def send(self, name: str, **inputs: Any) -> httpx.Response:
        return self.app.post(name, {"userid": self.userid, **inputs}, address=self.address)

    def call(self, name: str, **inputs: Any) -> dict[str, Any]:
        answer = self.send(name, **inputs)
        assert answer.status_code == 200, answer.text
        output: dict[str, Any] = answer.json()["output"]
        return output

    def make(self, count: int, url: str = LONG) -> tuple[int, str]:
        return outcome(self.send("urls", urls=[url] * count))

    def share(self, data: bytes, **inputs: Any) -> httpx.Response:
        query = {"userid": self.userid, "filename": "a", "filesize": len(data), **inputs}
        return self._form("file", file_form(query, data))

    def send_part(self, filekey: str, number: int, data: bytes) -> httpx.Response:
        query = {"userid": self.userid, "filekey": filekey, "partnumber": number}
        return self._form("file_part_upload", file_form({**query, "partsize": len(data)}, data))

    def _form(self, name: str, body: bytes) -> httpx.Response:
        headers = {"content-type": FORM_TYPE}
        url = f"/v2/{name}"
        return self.app.request("POST", url, content=body, headers=headers, address=self.address)


def held(app: RunningApp, key: str = EVERYBODY) -> Holding:
    return app.services.store.get(HOLDINGS, (key,)) or Holding()


def sound(app: RunningApp) -> bool:
    with app.services.store.read() as txn:
        return list(faults(txn)) == []


def fill(app: RunningApp, addresses: Sequence[str], most: int) -> tuple[int, tuple[int, str]]:
    """How many long links all accounts of the addresses get, ever new ones, and why no more."""
    made = 0
    for number in range(most):
        stranger = Stranger(app, addresses[number % len(addresses)])
        if (refused := stranger.make(3)) != OK:
            return made, refused
        made += 3
    raise AssertionError("there was no end")


def test_one_more_account_gives_no_more_room(small: RunningApp) -> None:
    made, refused = fill(small, [HERE], 20)
    assert (refused, made) == (NO_ROOM, 21)
    assert 150 * KIB < held(small).rows <= 200 * KIB
    # What is refused has changed nothing, and who is elsewhere notices nothing.
    assert sound(small)
    assert Stranger(small, ELSEWHERE).make(3) == OK


def test_what_is_deleted_makes_room(small: RunningApp) -> None:
    one, two = Stranger(small), Stranger(small)
    entries = one.call("urls", urls=[LONG] * 22)["entries"]
    assert two.make(3) == NO_ROOM
    for entry in entries[:3]:
        one.call("delete", shorturl=entry["shorturl"])
    assert two.make(3) == OK
    assert two.make(3) == NO_ROOM
    # Less is always allowed, where there is no room as well.
    one.call("set_tag", shorturl=entries[4]["shorturl"], tag=0)
    one.call("set_enabled", shorturl=entries[5]["shorturl"], enabled=False)


def test_terms_count_as_links_do(small: RunningApp) -> None:
    stranger = Stranger(small)
    entries = stranger.call("urls", urls=["https://example.com/"] * 40)["entries"]
    results = [
        outcome(stranger.send("set_terms", shorturl=entry["shorturl"], count_fallback=LONG))
        for entry in entries
    ]
    assert results[0] == OK
    assert results[-1] == NO_ROOM
    assert held(small).rows <= 200 * KIB


def test_accounts_alone_fill_it_too(tmp_path: Path) -> None:
    with bounded(tmp_path, temporary_client_bytes=10_000) as app:
        answers = [outcome(app.post("temporary_account", {}, address=HERE)) for _ in range(40)]
        assert answers.index(NO_ROOM) == 10_000 // 512
        assert Stranger(app, ELSEWHERE)


def test_parts_of_no_size_fill_it_too(small: RunningApp) -> None:
    stranger = Stranger(small)
    filekey = stranger.call("file_part_initialize", filename="a", filesize=10)["filekey"]
    answers = []
    for number in range(700):
        answers.append(outcome(stranger.send_part(filekey, number, b"")))
        if answers[-1] != OK:
            break
    assert answers[-1] == NO_ROOM
    small.clock.advance(7200)
    small.run(small.services.upkeep.undertaker.end_uploads())
    assert held(small).rows < 1000
    assert sound(small)


def test_files_of_all_accounts_are_one_accounts(small: RunningApp) -> None:
    one, two = Stranger(small), Stranger(small)
    assert outcome(one.share(bytes(600))) == OK
    assert outcome(two.share(bytes(401))) == NO_ROOM
    filekey = two.call("file_part_initialize", filename="a", filesize=400)["filekey"]
    assert outcome(two.send_part(filekey, 1, bytes(300))) == OK
    assert outcome(one.share(bytes(101))) == NO_ROOM
    assert outcome(Stranger(small, ELSEWHERE).share(bytes(1000))) == OK
    assert held(small).files == 1900
    small.clock.advance(7200)
    small.run(small.services.upkeep.undertaker.end_uploads())
    assert outcome(one.share(bytes(400))) == OK


@pytest.mark.parametrize(
    ("networks", "times"),
    [
        (["2001:db8:1:1::1", "2001:db8:1:1:ffff::9"], 1),
        ([f"2001:db8:1:{number:x}::1" for number in range(20)], 2),
        ([f"2001:db8:1:{number << 8:x}::1" for number in range(20)], 4),
        (["::ffff:203.0.113.5", HERE], 1),
    ],
)
def test_wider_blocks_have_little_more(
    small: RunningApp, networks: Sequence[str], times: int
) -> None:
    made, refused = fill(small, networks, 60)
    assert refused == NO_ROOM
    assert times * 18 <= made <= times * 24


def test_all_strangers_have_a_share_of_the_database(tmp_path: Path) -> None:
    with bounded(tmp_path, map_bytes=20 * MIB) as app:
        ann = register(app)
        made, refused = fill(app, [f"203.0.113.{number}" for number in range(200)], 200)
        assert refused == NO_SHARE
        assert 200 < made < 250
        assert held(app).rows <= 2 * MIB
        # The others have the rest.
        answer = app.post("urls", {**ann, "urls": [LONG] * 100})
        assert answer.status_code == 200


def test_all_strangers_have_a_share_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bounded(tmp_path) as app:
        monkeypatch.setattr("os.fstatvfs", lambda descriptor: Disk)
        for number in range(4):
            assert outcome(Stranger(app, f"203.0.113.{number}").share(bytes(250))) == OK
        assert outcome(Stranger(app).share(b"x")) == NO_SHARE
        assert app.post("url", {**register(app), "url": LONG}).status_code == 200


class Disk:
    f_frsize = 100
    f_blocks = 100


def register(app: RunningApp, **inputs: str) -> dict[str, str]:
    """The credentials of somebody who signed up."""
    password = double_sha256(PASSWORD)
    output = app.call("signup", email="ann@example.com", password=password, **inputs)
    return {"userid": output["userid"], "token": output["token"]}


def test_who_signs_up_gives_his_room_free(small: RunningApp) -> None:
    one, two = Stranger(small), Stranger(small)
    assert one.make(20) == OK
    assert outcome(one.share(bytes(900))) == OK
    assert two.make(5) == NO_ROOM
    credentials = register(small, userid=one.userid)
    assert two.make(20) == OK
    assert outcome(two.share(bytes(900))) == OK
    # What he deletes now was counted out already.
    entries = small.call("get_entries", **credentials, start=0, count=100)["entries"]
    for entry in entries:
        small.call("delete", **credentials, shorturl=entry["shorturl"])
    assert held(small).files == 900
    assert sound(small)


def test_an_account_that_ends_leaves_nothing(small: RunningApp) -> None:
    one = Stranger(small)
    assert one.make(10) == OK
    assert outcome(one.share(bytes(900))) == OK
    one.call("file_part_initialize", filename="a", filesize=10)
    small.clock.advance(31 * 86_400)
    small.sweep()
    assert held(small) == Holding()
    with small.services.store.read() as txn:
        assert list(HOLDINGS.scan(txn)) == []


def test_a_full_client_can_go_on(small: RunningApp) -> None:
    stranger = Stranger(small)
    shorturl = stranger.call("urls", urls=[LONG] * 15)["entries"][0]["shorturl"]
    while stranger.make(1, "https://example.com/") == OK:
        pass
    assert small.get(shorturl).status_code == 302
    assert stranger.send("get_entry", shorturl=shorturl).status_code == 200
    assert stranger.send("set_tag", shorturl=shorturl, tag=5).status_code == 200
    code = shorturl.rpartition("/")[2]
    moved = shorturl.replace(code, "another1")
    stranger.call("change_shorturl", shorturl_old=shorturl, shorturl_new=moved)
    stranger.call("delete", shorturl=moved)


def test_it_is_shown(small: RunningApp) -> None:
    Stranger(small).share(bytes(100))
    text = small.get("/-/metrics").text
    assert 'shortd_temporary_bytes{kind="files"} 100.0' in text
    assert 'shortd_temporary_bytes{kind="rows"}' in text


def test_it_survives_a_restart(tmp_path: Path) -> None:
    with bounded(tmp_path, temporary_client_bytes=200 * KIB) as app:
        fill(app, [HERE], 20)
    with bounded(tmp_path, temporary_client_bytes=200 * KIB) as app:
        answers = [outcome(app.post("temporary_account", {}, address=HERE)) for _ in range(60)]
        assert NO_ROOM in answers


def test_five_accounts_buy_one_list_of_a_thousand(tmp_path: Path) -> None:
    with open_app(tmp_path / "data") as app:
        strangers = [Stranger(app) for _ in range(5)]
        answers = [stranger.make(1000, "https://example.com/") for stranger in strangers]
        assert answers == [OK] + [(429, "rate_limited")] * 4
        assert Stranger(app, ELSEWHERE).make(1000, "https://example.com/") == OK
        # An account's own limit is not its client's.
        credentials = register(app)
        answer = app.post("urls", {**credentials, "urls": ["https://example.com/"] * 1000})
        assert answer.status_code == 200
