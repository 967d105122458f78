"""Several files under one link, sent and fetched: folders kept, nothing outside of the folder."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.bundles import new_bundle
from tests.client.impostor import Asked, Impostor, Say, refusal
from tests.client.relay import Relay
from tests.client.shell import Shell, ended
from tests.server_process import ServerProcess
from tests.sharing.sharing import wait_for

CONTENTS = {
    "trip/notes ü.txt": b"Sunny.",
    "trip/photos/one.bin": os.urandom(3 << 20),
    "trip/photos/empty": b"",
}
YEARS_AGO = 1_500_000_000


@pytest.fixture
def trip(folder: Path) -> Path:
    for name, content in CONTENTS.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (YEARS_AGO, YEARS_AGO))
    (folder / "loose.txt").write_bytes(b"loose")
    (folder / "there").mkdir()
    return folder / "trip"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def in_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


class TestSending:
    def test_a_folder(self, shell: Shell, trip: Path) -> None:
        short_url = shell.send("trip")
        found = shell.fetch(short_url, "-o", "there")
        assert found == Path("there/trip")
        assert contents(found) == CONTENTS
        assert (found / "trip/photos/one.bin").stat().st_mtime == YEARS_AGO
        assert shell.transfers() == []
        assert not list(shell.folder.rglob(".shortd-*"))

    def test_files_and_folders(self, shell: Shell, trip: Path) -> None:
        short_url = shell.send("loose.txt", "trip", trip / "notes ü.txt")
        found = shell.fetch(short_url)
        assert found == Path("loose.txt and 2 more")
        assert contents(found) == {"loose.txt": b"loose", "notes ü.txt": b"Sunny.", **CONTENTS}

    @pytest.mark.parametrize("way", ["--key-link", "--password"])
    def test_encrypted_they_are_a_zip(self, shell: Shell, trip: Path, way: str) -> None:
        password = "our old summer house" if way == "--password" else None
        short_url = shell.line(shell.run("send", way, "trip", "loose.txt", password=password))
        found = shell.fetch(short_url, password=password)
        assert found == Path("trip and 1 more.zip")
        assert in_zip(found) == {**CONTENTS, "loose.txt": b"loose"}

    def test_under_another_name(self, shell: Shell, trip: Path) -> None:
        assert shell.fetch(shell.send("trip", "--name", "Summer")) == Path("Summer")

    def test_links_are_left_out(self, shell: Shell, trip: Path) -> None:
        (trip / "link").symlink_to("/etc/passwd")
        (trip / "loop").symlink_to(trip)
        os.mkfifo(trip / "pipe")
        result = shell.run("send", "trip")
        assert result.exit_code == 0
        assert result.stderr.count("is no plain file, and is left out") == 2
        found = shell.fetch(result.stdout.strip(), "-o", "there")
        assert contents(found) == CONTENTS

    def test_names_that_clash(self, shell: Shell, trip: Path) -> None:
        (shell.folder / "there/loose.txt").write_bytes(b"other")
        found = shell.fetch(shell.send("loose.txt", "there/loose.txt"))
        assert contents(found) == {"loose.txt": b"loose", "loose (2).txt": b"other"}

    def test_what_cannot_be(self, shell: Shell, trip: Path) -> None:
        assert "no file to send" in shell.refused("send", "there")
        assert "together with files" in shell.refused("send", "-", "trip", "--name", "x", status=2)
        many = shell.folder / "many"
        many.mkdir()
        for number in range(2001):
            (many / str(number)).touch()
        assert "more than 2000 files" in shell.refused("send", "many")

    def test_a_server_that_knows_one_file_alone(self, shell: Shell, trip: Path) -> None:
        with Impostor(lambda _: refusal(404, "unknown_call", "No.")) as server:
            given = ("--server", server.url, "--userid", "x" * 32)
            said = shell.refused("send", "trip", *given)
            assert [asked.path for asked in server.asked] == ["/v2/bundle"]
        assert "links for one file alone" in said


class TestFetching:
    @pytest.fixture
    def short_url(self, server: ServerProcess, folder: Path) -> str:
        return str(new_bundle(server, CONTENTS)["shorturl"])

    def test_as_a_zip(self, shell: Shell, short_url: str) -> None:
        found = shell.fetch(short_url, "--zip")
        assert found == Path("trip.zip")
        assert in_zip(found) == CONTENTS

    def test_to_standard_output(self, shell: Shell, short_url: str) -> None:
        result = shell.run("fetch", short_url, "-o", "-")
        assert result.exit_code == 0
        path = shell.folder / "out.zip"
        path.write_bytes(result.stdout_bytes)
        assert in_zip(path) == CONTENTS

    def test_into_a_folder_that_is_named(self, shell: Shell, short_url: str) -> None:
        assert shell.fetch(short_url, "-o", "new") == Path("new")
        assert contents(shell.folder / "new") == CONTENTS

    def test_nothing_is_overwritten(self, shell: Shell, short_url: str) -> None:
        mine = shell.folder / "trip/trip/notes ü.txt"
        mine.parent.mkdir(parents=True)
        mine.write_bytes(b"mine")
        result = shell.run("fetch", short_url)
        assert result.stdout == "trip (1)\n"
        assert "trip is there already" in result.stderr
        assert mine.read_bytes() == b"mine"
        assert shell.fetch(short_url, "--force") == Path("trip")
        assert mine.read_bytes() == b"Sunny."

    def test_a_link_in_the_folder_leads_nowhere(self, shell: Shell, short_url: str) -> None:
        (shell.folder / "outside").mkdir()
        (shell.folder / "trip").mkdir()
        (shell.folder / "trip/trip").symlink_to(shell.folder / "outside")
        assert "may lead out" in shell.refused("fetch", short_url, "--force")
        assert contents(shell.folder / "outside") == {}

    def test_hostile_names(self, shell: Shell, server: ServerProcess) -> None:
        names = ["../../climb", "/absolute", ".hidden/.dots", "C:\\windows", "a", "A", "con"]
        entry = new_bundle(server, {name: b"x" for name in names}, filename="..trip")
        found = shell.fetch(entry["shorturl"], "-o", "there")
        assert len(contents(found)) == len(names)
        assert {path.name for path in shell.folder.iterdir()} == {"state", "there"}
        assert not [path for path in found.rglob("*") if path.name.startswith(".")]

    def test_one_visit_is_one_click(self, shell: Shell, server: ServerProcess) -> None:
        entry = new_bundle(server, CONTENTS, expiration_count=1)
        assert contents(shell.fetch(entry["shorturl"])) == CONTENTS
        assert "expired" in shell.refused("fetch", entry["shorturl"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_cut_off_it_goes_on(
    relay: tuple[Relay, ServerProcess], folder: Path, number: signal.Signals
) -> None:
    """In the file that it was at, without another visit."""
    wire, server = relay
    large = os.urandom(12 << 20)
    files = {"first.bin": os.urandom(1 << 20), "deep/large.bin": large, "last": b"last"}
    entry = new_bundle(server, files, expiration_count=1)
    shell = Shell(folder, server.environ["SHORTD_PUBLIC_URL"])
    wire.down.hold_after(6 << 20)
    process = shell.start("fetch", entry["shorturl"])
    assert wire.down.held.wait(60)
    wait_for(lambda: max(shell.kept(), default=0) >= 3 << 20)
    process.send_signal(number)
    status, _, error = ended(process)
    assert status != 0
    if number is signal.SIGINT:
        assert "goes on from here" in error
    wire.down.release()
    assert (folder / "trip/first.bin").read_bytes() == files["first.bin"]
    assert shell.fetch(entry["shorturl"]) == Path("trip")
    assert wire.down.passed < 10 << 20
    assert contents(folder / "trip") == files
    assert shell.transfers() == []


@pytest.mark.parametrize("password", [None, "our old summer house"], ids=["plain", "encrypted"])
def test_a_killed_send_goes_on(
    relay: tuple[Relay, ServerProcess], folder: Path, noise: bytes, password: str | None
) -> None:
    wire, server = relay
    (folder / "trip").mkdir()
    (folder / "trip/noise").write_bytes(noise)
    (folder / "trip/a").write_bytes(b"first")
    shell = Shell(folder, server.environ["SHORTD_PUBLIC_URL"])
    flags = [] if password is None else ["--password"]
    wire.up.hold_after(18 << 20)
    process = shell.start("send", "trip", *flags, password=password)
    assert wire.up.held.wait(60)
    process.kill()
    ended(process)
    wire.up.release()
    short_url = shell.send("trip", password=password)
    # Two parts of 8 MiB go at once: the third had begun, so one was acknowledged at least.
    assert wire.up.passed < 13 << 20
    assert shell.transfers() == []
    found = shell.fetch(short_url, "-o", "back", password=password)
    there = contents(found) if password is None else in_zip(found)
    assert there == {"trip/a": b"first", "trip/noise": noise}


def test_a_file_that_changes_meanwhile_is_not_sent(
    relay: tuple[Relay, ServerProcess], folder: Path, noise: bytes
) -> None:
    wire, server = relay
    (folder / "trip").mkdir()
    (folder / "trip/a").write_bytes(noise)
    (folder / "trip/b").write_bytes(b"before")
    shell = Shell(folder, server.environ["SHORTD_PUBLIC_URL"])
    wire.up.hold_after(10 << 20)
    process = shell.start("send", "trip")
    assert wire.up.held.wait(60)
    (folder / "trip/b").write_bytes(b"after that")
    wire.up.release()
    status, output, error = ended(process)
    assert (status, output) == (1, "")
    assert "b has changed while it was being sent" in error


def listing(**told: Any) -> dict[str, Any]:
    entry = {"path": "../../x", "filesize": 1, "url": "/-/bundles/k/0?a", "etag": '"e"'}
    return {"filename": "../up", "entries": [entry], "next": None, **told}


def fetched(shell: Shell, told: object, *, status: int = 200) -> str:
    """What is said of a server that tells this of its files."""

    def behave(asked: Asked) -> Say:
        path = asked.path.partition("?")[0]
        if path == "/abc":
            return Say(302, {"Location": "/-/bundles/k?a"})
        if path.startswith("/-/bundles/k/"):
            return Say(200, {"ETag": '"e"'}, b"!")
        if path.startswith("/-/bundles/"):
            return Say(status, {}, json.dumps(told).encode())
        return refusal(404, "link_not_found", "No.")

    with Impostor(behave) as server:
        result = shell.run("fetch", f"{server.url}/abc")
        assert {asked.path.partition("?")[0] for asked in server.asked} <= {
            *("/v2/get_signature", "/abc", "/-/bundles/k", "/-/bundles/k/0")
        }
    assert result.exit_code in (0, 1)
    return result.stderr if result.exit_code else result.stdout.strip()


def test_a_server_that_means_harm(shell: Shell) -> None:
    assert fetched(shell, listing()) == "_up"
    assert contents(shell.folder / "_up") == {"x": b"!"}
    before = contents(shell.folder)
    entry = listing()["entries"][0]
    for told, words in (
        (listing(entries=[{**entry, "url": "https://evil.example/x"}]), "not its own"),
        (listing(entries=[{**entry, "url": "/-/admin"}]), "not its own"),
        (listing(entries=[{**entry, "filesize": -1}]), "not its own"),
        (listing(entries=[{**entry, "filesize": 2}]), "1 bytes long, and should be 2"),
        (listing(entries=[{**entry, "filesize": 0}]), "longer than it should be"),
        (listing(next="/-/bundles/k?b", entries=[]), "come to an end"),
        (listing(next="//evil.example/-/bundles/k"), "come to an end"),
        (listing(entries=[{"path": 1}]), "does not say which files"),
        ([], "does not say which files"),
        (listing(filename="x" * 70_000), "has no end"),
    ):
        assert words in fetched(shell, told), told
    after = contents(shell.folder)
    assert {name for name in after if not name.startswith("state/")} == {
        name for name in before if not name.startswith("state/")
    }
