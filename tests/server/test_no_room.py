"""Where nothing more has room: which calls are refused, and which must not be.

However room ends: at the map's bound, at a bound of the files' size, on a disk that is full.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.v1.samples import DEFAULT_HOST
from tests.server.conftest import Launch
from tests.server.small_disk import Disk, small_disk
from tests.server.test_storage_full import Owner, assert_full, health
from tests.server.wire import follow
from tests.server_process import ServerProcess
from tests.sharing.sharing import FORM_TYPE, faults_in, file_form, wait_for

MIB = 1 << 20
PASSWORD, NEW_PASSWORD = "ab" * 32, "cd" * 32
LONG = f"https://example.com/{'x' * 8000}"
"""A destination that takes pages of its own."""
SMALL = {"SHORTD_STORAGE__RESERVE_BYTES": str(MIB), "SHORTD_FILES__MIN_FREE_BYTES": "0"}
LIMITED = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({3 * MIB}, {3 * MIB}))"


class Full:
    """A server that will soon have no room, with people on it."""

    def __init__(self, server: ServerProcess, owner: Owner, disk: Disk | None) -> None:
        self.server = server
        self.owner = owner
        self.disk = disk
        made = self.owner.make(*(f"https://example.com/{number}" for number in range(20)))
        self.links = list(made)
        self.file = self.send(b"Hello").json()["output"]["entry"]["shorturl"]
        eve = server.call("signup", username="eve", email="eve@example.org", password=PASSWORD)
        self.eve = {"userid": eve["userid"], "token": eve["token"]}
        key = server.call("create_api_key", **self.eve, name="key", scopes=["read", "write"])
        self.key = key["api_key"]
        body = {"username": "eve", "key": self.key}
        self.pair = self.v1("authen/token", body)["token"]
        team = self.v1("entity/team/list")["teams"][0]["id"]
        self.place = {"teamId": team, "domainId": DEFAULT_HOST, "noTitle": True}

    def take_all(self) -> None:
        if self.disk is not None:
            self.disk.fill()
        self.owner.fill()

    def ask(self, name: str, /, **inputs: Any) -> httpx.Response:
        return httpx.post(f"{self.server.url}/v2/{name}", json=inputs, timeout=30)

    def send(self, data: bytes) -> httpx.Response:
        query = {"userid": self.owner.userid, "filename": "f", "filesize": len(data)}
        return httpx.post(
            f"{self.server.url}/v2/file",
            content=file_form(query, data),
            headers={"content-type": FORM_TYPE},
            timeout=30,
        )

    def v1(self, name: str, body: object = None) -> Any:
        headers = {"authorization": f"Bearer {self.pair['access_token']}"} if body is None else {}
        return self.v1_raw(name, body or {}, headers).json()

    def v1_raw(self, name: str, body: object, headers: dict[str, str]) -> httpx.Response:
        url = f"{self.server.url}/v1/{name}"
        return httpx.post(url, json=body, headers=headers, timeout=30)

    def v1_status(self, name: str, /, **inputs: Any) -> tuple[int, int]:
        headers = {"authorization": f"Bearer {self.pair['access_token']}"}
        answer = self.v1_raw(name, inputs, headers)
        return answer.status_code, answer.json()["status"]["code"]

    def shorten(self, suffix: str, url: str) -> httpx.Response:
        query = {"api_key": self.key, "url": url}
        return httpx.get(f"{self.server.url}/shorten.{suffix}", params=query, timeout=30)

    def run(self, *command: str) -> str:
        """A command that must succeed."""
        place = ["--data", str(self.server.data_dir)]
        done = subprocess.run(
            [self.server.python, "-m", "shortd", *command, *place],
            env=self.server.environ,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(params=["map", "size of files", "disk"])
def full(request: pytest.FixtureRequest, launch: Launch, tmp_path: Path) -> Iterator[Full]:
    with ExitStack() as undo:
        disk: Disk | None = None
        if request.param == "map":
            server = launch({**SMALL, "SHORTD_STORAGE__MAP_BYTES": str(MIB)})
        elif request.param == "size of files":
            server = launch(SMALL, prelude=LIMITED)
        else:
            disk = undo.enter_context(small_disk(tmp_path / "disk", 24 * MIB))
            server = launch(SMALL, data_dir=disk.folder / "data", log_file=tmp_path / "log")
        yield Full(server, undo.enter_context(closing(Owner(server))), disk)
        assert server.stop() == 0
        assert "Traceback" not in server.log
        assert faults_in(server.data_dir) == []


def test_what_adds_something_is_refused_and_what_removes_something_is_not(full: Full) -> None:
    server, owner = full.server, full.owner
    full.take_all()

    # Each API refuses in its own words, and health says why.
    assert_full(owner.ask("url", url=LONG))
    assert_full(owner.ask("urls", urls=[LONG] * 100))
    assert full.v1_status("entity/link/create", destination=LONG, **full.place) == (200, 507)
    for suffix in ("json", "xml"):
        answer = full.shorten(suffix, LONG)
        assert answer.status_code == 507
        assert "true" in answer.text and "no storage left" in answer.text
    report = health(server)
    assert report["status"] == "degraded"
    assert report["storage"]["fault"]
    assert report["storage"]["refused"] >= 5
    # What takes no page of its own may still have room; if not, it is told so.
    for name, inputs in (
        ("temporary_account", {}),
        ("signup", {"username": "new", "email": "n@example.org", "password": PASSWORD}),
        ("forgot_password", {"username_email": "eve"}),
        ("create_api_key", {**full.eve, "name": "another", "scopes": ["read"]}),
    ):
        assert full.ask(name, **inputs).status_code in (200, 507), name

    # Visits go on, and are counted.
    for shorturl in full.links[:3]:
        assert follow(shorturl, 40) == [302] * 40
    wait_for(lambda: health(server)["clicks"]["backlog"] == 0)
    assert [owner.count(shorturl) for shorturl in full.links[:3]] == [40] * 3

    # Owners get in, and may end, change and switch off what is theirs.
    body = {"refreshToken": full.pair["refresh_token"]}
    assert full.v1_raw("authen/refresh-token", body, {}).json()["status"]["code"] == 0
    login = full.ask("login", username_email="eve", password=PASSWORD)
    assert login.status_code == 200
    eve = {"userid": full.eve["userid"], "token": login.json()["output"]["token"]}
    changed = full.ask("change_password", **eve, password=PASSWORD, password_new=NEW_PASSWORD)
    assert changed.status_code == 200
    assert full.ask("logout", **eve).status_code == 200
    assert full.ask("login", username_email="eve", password=NEW_PASSWORD).status_code == 200
    off = owner.ask("set_enabled", shorturl=full.links[0], enabled=False)
    assert off.status == 200
    assert follow(full.links[0]) == [404]
    assert owner.ask("delete", shorturl=full.file).status == 200
    assert owner.ask("delete", shorturl=full.links[1]).status == 200
    assert follow(full.links[1]) == [404]
    full.run("user", "lock", "eve")
    full.run("user", "remove", "eve", "--yes")

    # What that frees can be used.
    for shorturl in full.links[2:]:
        assert owner.ask("delete", shorturl=shorturl).status == 200
    removed = 0
    while removed < 300 and owner.ask("url", url=LONG).status != 200:
        entries = owner.ask("get_entries", count=20).json["output"]["entries"]
        assert entries, "there is nothing left to delete"
        for entry in entries:
            assert owner.ask("delete", shorturl=entry["shorturl"]).status == 200
            removed += 1
    assert removed < 300
    assert health(server)["storage"]["fault"] is None
    if full.disk is not None:
        full.disk.free()
    wait_for(lambda: health(server)["status"] == "ok")


def test_starts_without_room_serve_and_count(launch: Launch, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 24 * MIB) as disk:
        server = launch(
            {"SHORTD_FILES__MIN_FREE_BYTES": "0"},
            data_dir=disk.folder / "data",
            log_file=tmp_path / "log",
        )
        with closing(Owner(server)) as owner:
            made = list(owner.make("https://example.com/1", "https://example.com/2"))
            assert follow(made[0], 30) == [302] * 30
            assert server.stop() == 0
            disk.fill()
            ends: list[Callable[[], object]] = [server.stop, server.kill, server.stop, server.stop]
            for number, end in enumerate(ends):
                if number == 2:
                    # There is something to write: what has no room is made up for.
                    code = made[0].rpartition("/")[2]
                    server.environ["SHORTD_HOSTS"] = '["http://another.example"]'
                server.start()
                owner.reconnect()
                assert follow(made[0], 10) == [302] * 10
                assert owner.count(made[0]) == 30 + (number + 1) * 10
                if number == 1:
                    owner.fill()
                    assert_full(owner.ask("url", url=LONG))
                assert health(server)["status"] == "degraded"
                # Clicks that the journal has no room for are in memory until the next drain.
                wait_for(lambda: health(server)["clicks"]["backlog"] == 0)
                if number >= 2:
                    other = {"host": "another.example"}
                    assert httpx.get(f"{server.url}/{code}", headers=other).status_code == 404
                end()
            disk.free()
            server.start()
            assert health(server)["status"] == "ok"
            assert server.stop() == 0
        assert faults_in(server.data_dir) == []


def test_a_start_writes_nothing_where_nothing_has_changed(launch: Launch) -> None:
    server = launch()
    server.stop()
    file = server.data_dir / "db" / "data.mdb"
    before = file.read_bytes()
    for _ in range(2):
        server.start()
        assert server.stop() == 0
    assert file.read_bytes() == before
    assert list((server.data_dir / "journal").iterdir()) == []


def test_a_refused_upload_is_told(launch: Launch, tmp_path: Path) -> None:
    """Before the disk is full, at `min_free_bytes`: a limit above all that the disk has."""
    free = os.statvfs(tmp_path)
    most = str(free.f_blocks * free.f_frsize * 2)
    server = launch({"SHORTD_FILES__MIN_FREE_BYTES": most})
    with closing(Owner(server)) as owner:
        # Before anybody is refused.
        assert "min_free_bytes" in health(server)["files"]["fault"]
        for name, inputs in (
            ("file_part_initialize", {"filename": "f", "filesize": 1000}),
            ("file_part_initialize", {"filename": "g", "filesize": 10}),
        ):
            assert_full(owner.ask(name, **inputs))
        query = {"userid": owner.userid, "filename": "f", "filesize": 5}
        answer = httpx.post(
            f"{server.url}/v2/file",
            content=file_form(query, b"Hello"),
            headers={"content-type": FORM_TYPE},
        )
        assert answer.status_code == 507
        report = health(server)
        assert report["status"] == "degraded"
        assert "min_free_bytes" in report["files"]["fault"]
        assert report["files"]["refused"] == 3
        assert report["storage"]["fault"] is None
        # Once a minute, whatever strangers do.
        assert server.log.count('"no_room"') == 1
        assert "min_free_bytes" in server.log
        assert owner.make("https://example.com/")
