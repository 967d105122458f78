"""Boxes from the command line: files sent into somebody's, and all that came into one's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from shortd.client.box_keys import BoxKey, Label, seal_to
from shortd.client.failures import ClientFailure
from tests.browser.shelf import Shelf, new_shelf
from tests.client.impostor import Asked, Impostor, Say
from tests.client.relay import Relay
from tests.client.shell import Shell, ended
from tests.conftest import GENEROUS
from tests.server_process import ServerProcess, free_port
from tests.sharing.boxes import coded, drop_sealed, point

MIB = 1 << 20
LARGE = os.urandom((9 << 20) + 5)
PASSWORD = "open sesame"


class Opened(NamedTuple):
    """A box, as its owner has it."""

    owner: Shelf
    short_url: str
    page: str
    """Its address, with the private key if there is one."""

    def contents(self, shell: Shell, *arguments: str) -> dict[str, bytes]:
        """What the owner fetches."""
        return contents(shell.folder / shell.fetch(self.page, *account(self.owner), *arguments))

    def drop(self, label: Label, *, spoil: Callable[[bytes], bytes] = bytes) -> None:
        drop_sealed(self.short_url, label, spoil=spoil)


@pytest.fixture
def new_box(server: ServerProcess) -> Callable[..., Opened]:
    def make(*, sealed: bool = False, **limits: Any) -> Opened:
        owner, key = new_shelf(server), ""
        if sealed:
            pair = ec.generate_private_key(ec.SECP256R1())
            limits["public_key"] = coded(point(pair))
            number = pair.private_numbers().private_value
            key = "#" + urlsafe_b64encode(number.to_bytes(32)).decode().rstrip("=")
        entry = owner.call("create_box", **{"name": "Invoices", **limits})["entry"]
        return Opened(owner, entry["shorturl"], f"{server.url}/-/boxes/{entry['id']}{key}")

    return make


@pytest.fixture
def files(folder: Path) -> Path:
    (folder / "report ü.pdf").write_bytes(LARGE)
    (folder / "empty.txt").write_bytes(b"")
    (folder / "trip/photos").mkdir(parents=True)
    (folder / "trip/photos/sky.txt").write_bytes(b"Blue.")
    return folder


def account(owner: Shelf) -> tuple[str, ...]:
    return ("--userid", owner.userid, "--token", owner.token)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_files_and_folders_come_into_a_box(
    shell: Shell, files: Path, new_box: Callable[..., Opened], sealed: bool
) -> None:
    box = new_box(sealed=sealed, password=PASSWORD)
    sent = shell.run(
        *("send", "report ü.pdf", "empty.txt", "trip", "--to", box.short_url),
        *("--note", "As promised ☃"),
        password=PASSWORD,
    )
    assert (sent.exit_code, sent.stderr) == (0, "")
    assert sent.stdout == "report ü.pdf\nempty.txt\ntrip.zip\n"
    [largest] = [
        one
        for one in box.owner.call("list_box", shorturl=box.short_url)["files"]
        if one["filesize"] == len(LARGE)
    ]
    assert (largest["filename"], largest["note"]) == (
        ("", "") if sealed else ("report ü.pdf", "As promised ☃")
    )

    fetched = shell.run("fetch", box.page, *account(box.owner))
    assert (fetched.exit_code, fetched.stdout) == (0, "Invoices\n")
    assert "report ü.pdf: As promised ☃" in fetched.stderr
    found = contents(files / "Invoices")
    with zipfile.ZipFile(files / "Invoices/trip.zip") as opened:
        assert opened.read("trip/photos/sky.txt") == b"Blue."
    assert found.keys() == {"report ü.pdf", "empty.txt", "trip.zip"}
    assert (found["report ü.pdf"], found["empty.txt"]) == (LARGE, b"")
    assert shell.transfers() == []
    assert not list(files.rglob(".shortd-*"))


def test_standard_input_and_a_name(
    shell: Shell, files: Path, new_box: Callable[..., Opened]
) -> None:
    box = new_box()
    sent = shell.run("send", "-", "--name", "a/b.txt", "--to", box.short_url, stdin=b"piped")
    assert sent.stdout == "a/b.txt\n"
    assert list(box.contents(shell).values()) == [b"piped"]


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_an_interrupted_send_goes_on(
    relay: tuple[Relay, ServerProcess], shell: Shell, files: Path, noise: bytes, sealed: bool
) -> None:
    """What is in the box is not sent again; of a plain file neither are its parts."""
    up, process = relay[0].up, relay[1]
    owner = new_shelf(process)
    pair = ec.generate_private_key(ec.SECP256R1())
    given = {"public_key": coded(point(pair))} if sealed else {}
    entry = owner.call("create_box", name="Invoices", **given)["entry"]
    (files / "noise").write_bytes(noise)
    command = ("send", "empty.txt", "noise", "--to", entry["shorturl"])
    # Two parts of 8 MiB go at once: the third has begun, so one is acknowledged at least.
    up.hold_after(18 * MIB)
    client = shell.start(*command)
    assert up.held.wait(60)
    client.send_signal(signal.SIGINT)
    status, output, error = ended(client)
    assert (status, output) == (130, "empty.txt\n")
    assert error == "shortd: Interrupted. The same command goes on from here.\n"
    up.release()
    resumed = shell.run(*command)
    assert (resumed.exit_code, resumed.stdout) == (0, "empty.txt\nnoise\n")
    assert (up.passed < 13 * MIB) == (not sealed)
    found = owner.call("list_box", shorturl=entry["shorturl"])["files"]
    assert sorted(one["filesize"] for one in found) == [0, len(noise)]
    assert shell.transfers() == []


def test_what_a_box_does_not_take_is_said_in_one_line(
    shell: Shell, files: Path, new_box: Callable[..., Opened]
) -> None:
    box = new_box(most_file_bytes=10, most_files=1, types=[".txt"], password=PASSWORD)

    def refused(*arguments: str, password: str = PASSWORD) -> str:
        return shell.refused("send", *arguments, "--to", box.short_url, password=password)

    assert refused("empty.txt", password="mine") == "This is not the box's password."
    assert "takes 10 at most" in refused("report ü.pdf")
    assert "These are 2 files, and this box takes 1 more." in refused("empty.txt", "trip")
    (files / "small.pdf").write_bytes(b"1")
    assert "small.pdf: This box takes other files: .txt." in refused("small.pdf")
    assert "no terminal" in shell.refused("send", "empty.txt", "--to", box.short_url)
    assert not box.owner.call("list_box", shorturl=box.short_url)["files"]
    assert shell.line(shell.run("send", "empty.txt", "--to", box.short_url, password=PASSWORD)) == (
        "empty.txt"
    )
    assert "takes 0 more" in refused("empty.txt")
    box.owner.call("close_box", shorturl=box.short_url)
    assert refused("empty.txt") == "This box takes nothing any more."
    box.owner.call("delete", shorturl=box.short_url)
    assert "No link answers" in refused("empty.txt") or "no link" in refused("empty.txt").lower()


@pytest.mark.parametrize("password", [None, PASSWORD])
def test_a_code_may_have_slashes(
    shell: Shell,
    files: Path,
    server: ServerProcess,
    new_box: Callable[..., Opened],
    password: str | None,
) -> None:
    box = new_box(**({} if password is None else {"password": password}))
    wide = recoded(shell, server, box.short_url, f"in/a box%2f/{bool(password)}")
    for file in ("report ü.pdf", "empty.txt"):
        assert shell.line(shell.run("send", file, "--to", wide, password=password)) == file
    assert contents(shell.folder / shell.fetch(box.page, *account(box.owner))).keys() == {
        "report ü.pdf",
        "empty.txt",
    }


def test_a_link_whose_code_has_slashes_is_not_visited_with_a_wrong_password(
    shell: Shell, files: Path, server: ServerProcess
) -> None:
    link = shell.send("report ü.pdf", "--count", "1", password=PASSWORD)
    wide = recoded(shell, server, link, "2026/trip to/report")
    assert "not the file's password" in shell.refused("fetch", wide, password="mine")
    assert shell.fetch(wide, "-o", "back", password=PASSWORD).read_bytes() == LARGE


def recoded(shell: Shell, server: ServerProcess, short_url: str, code: str) -> str:
    """The address of a link once the operator has given it another code."""
    places = ("--config", os.devnull, "--data", server.data_dir)
    changed = shell.run("link", "set", short_url.rpartition("/")[2], "--code", code, *places)
    assert changed.exit_code == 0, changed.stderr
    return changed.stdout.partition(": ")[0]


def test_what_is_no_box(shell: Shell, files: Path, server: ServerProcess) -> None:
    userid = server.call("temporary_account")["userid"]
    link = server.call("url", userid=userid, url="https://example.org/")["entry"]["shorturl"]
    for place in (link, f"{server.url}/-/login", server.url):
        assert "is no box" in shell.refused("send", "empty.txt", "--to", place)
    with Impostor(lambda _: Say(body=b"hello")) as other:
        assert "is no box" in shell.refused("send", "empty.txt", "--to", f"{other.url}/abcdef")


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ({"public_key": "AAAA"}, "a key for this box that cannot be one"),
        ({"action": "https://other.example/-/elsewhere"}, "no box of its own"),
    ],
)
def test_a_server_that_lies_gets_nothing(
    shell: Shell, files: Path, box: dict[str, str], words: str
) -> None:
    told = {"action": "/-/box/abcdef", "most_file_bytes": 9, "files": 9} | box

    def lie(asked: Asked) -> Say:
        if asked.path.startswith("/v2/"):
            return Say(
                404, body=json.dumps({"error": {"code": "not_a_file", "message": ""}}).encode()
            )
        return Say(body=json.dumps({"box": told}).encode())

    with Impostor(lie) as server:
        assert words in shell.refused("send", "empty.txt", "--to", f"{server.url}/abcdef")
        assert [asked.method for asked in server.asked if "box" in asked.path] == []


def test_options_that_do_not_fit(shell: Shell, files: Path) -> None:
    for options, words in (
        (("empty.txt", "--to", "https://a.example/b", "--key-link"), "--key-link is not for"),
        (("empty.txt", "--to", "https://a.example/b", "--userid", "x"), "--userid is not for"),
        (("empty.txt", "trip", "--to", "https://a.example/b", "--name", "x"), "--name is for one"),
        (("empty.txt", "--note", "x"), "--note is for"),
        (("empty.txt", "https://a.example/b"), "--to https://a.example/b sends to a box"),
    ):
        assert words in shell.refused("send", *options, status=2)
    for option in ("--zip", "--password"):
        assert "into a folder" in shell.refused(
            "fetch", "http://127.0.0.1/-/boxes/1", option, status=2
        )


class TestFetching:
    def test_what_strangers_name_stays_in_the_folder(
        self, shell: Shell, files: Path, new_box: Callable[..., Opened]
    ) -> None:
        box = new_box(sealed=True)
        for name in ("../../climb.txt", "/etc/passwd", "a.txt", "A.TXT", "", ".env", "x" * 999):
            box.drop(Label(name))
        found = box.contents(shell, "-o", "mine")
        assert set(found.values()) == {b"8 bytes."}
        assert len(found) == 7
        assert {"a.txt", "A (2).TXT", "env", "_.._climb.txt", "_etc_passwd"} <= found.keys()
        assert not (files.parent / "climb.txt").exists()

    def test_what_is_damaged_keeps_nothing_else_back(
        self, shell: Shell, files: Path, new_box: Callable[..., Opened]
    ) -> None:
        box = new_box(sealed=True)
        box.drop(Label("first.txt"))
        box.drop(Label("torn.txt"), spoil=lambda frame: frame[:-1] + bytes([frame[-1] ^ 1]))
        box.drop(Label("last.txt"))
        said = shell.refused("fetch", box.page, *account(box.owner))
        assert said.startswith("torn.txt: The file is damaged")
        assert contents(files / "Invoices").keys() == {"first.txt", "last.txt"}
        assert not list(files.rglob(".shortd-*"))

    def test_an_interrupted_one_goes_on(
        self, relay: tuple[Relay, ServerProcess], shell: Shell, files: Path
    ) -> None:
        down, process = relay[0].down, relay[1]
        owner = new_shelf(process)
        entry = owner.call("create_box", name="Invoices")["entry"]
        assert shell.run("send", "report ü.pdf", "--to", entry["shorturl"]).exit_code == 0
        assert shell.run("send", "empty.txt", "--to", entry["shorturl"]).exit_code == 0
        page = f"{process.environ['SHORTD_PUBLIC_URL']}/-/boxes/{entry['id']}"
        down.hold_after(6 * MIB)
        client = shell.start("fetch", page, *account(owner))
        assert down.held.wait(60)
        while not any(kept >= 2 * MIB for kept in shell.kept()):
            with suppress(subprocess.TimeoutExpired):
                raise AssertionError(client.wait(timeout=0.02))
        client.kill()
        ended(client)
        down.release()
        assert shell.fetch(page, *account(owner)) == Path("Invoices")
        assert down.passed < 8 * MIB
        assert contents(files / "Invoices") == {"report ü.pdf": LARGE, "empty.txt": b""}
        assert shell.transfers() == []

    def test_who_may(self, shell: Shell, files: Path, new_box: Callable[..., Opened]) -> None:
        box, other = new_box(sealed=True), new_box(sealed=True)
        box.drop(Label("first.txt"))
        page = box.page.partition("#")[0]
        own = account(box.owner)
        assert "say who you are" in shell.refused("fetch", box.page)
        assert shell.refused("fetch", box.page, *account(other.owner))
        assert "link that you kept" in shell.refused("fetch", page, *own)
        for key in (other.page.partition("#")[2], "x", "A" * 43):
            said = shell.refused("fetch", f"{page}#{key}", *own)
            assert "key" in said
        assert not (files / "Invoices").exists()
        # On a machine of many the key need not stand on the command line.
        key = box.page.partition("#")[2]
        assert shell.fetch(page, *own, password=key) == Path("Invoices")

    def test_pages_with_an_address_of_their_own(
        self, shell: Shell, files: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        port = free_port()
        environ = GENEROUS | {"SHORTD_WEB__URL": f"http://localhost:{port}"}
        process = ServerProcess(tmp_path_factory.mktemp("apart") / "data", environ, port=port)
        process.start()
        try:
            owner = new_shelf(process)
            entry = owner.call("create_box", name="Invoices")["entry"]
            shell.run("send", "empty.txt", "--to", entry["shorturl"])
            page = f"http://localhost:{process.port}/-/boxes/{entry['id']}"
            said = shell.refused("fetch", page, *account(owner))
            assert said.endswith(f"try --server {process.url}.")
            assert shell.fetch(page, *account(owner), "--server", process.url) == Path("Invoices")
        finally:
            process.kill()

    def test_by_name_and_password(
        self, shell: Shell, files: Path, new_box: Callable[..., Opened]
    ) -> None:
        box = new_box()
        assert "no terminal" in shell.refused("fetch", box.page, "--username", "ada")

    def test_many_files_with_long_names(
        self, shell: Shell, files: Path, new_box: Callable[..., Opened]
    ) -> None:
        """More than fits into one answer."""
        box = new_box(sealed=True)
        for number in range(24):
            box.drop(Label(f"{number} {'x' * 150}.txt", note="☃" * 900))
        assert len(box.contents(shell, "--quiet")) == 24


@given(st.text(max_size=300), st.text(max_size=300))
def test_labels_open_as_they_were_sealed(name: str, note: str) -> None:
    pair = ec.generate_private_key(ec.SECP256R1())
    key = BoxKey(coded(pair.private_numbers().private_value.to_bytes(32)))
    assert key.is_of(coded(point(pair)))
    seal = seal_to(coded(point(pair)))
    label = Label(
        name.encode(errors="replace").decode(), "", note.encode(errors="replace").decode()
    )
    assert key.opened(seal.sender_key, seal.label(label)) == (seal.file_key, label)
    sealed = seal.label(label)
    other = BoxKey(coded(bytes(31) + b"\x07"))
    assert other.opened(seal.sender_key, sealed) is None


@pytest.mark.parametrize("text", ["", "x", "A" * 43, "_" * 43, "é"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ClientFailure):
        BoxKey(text)
    with pytest.raises(ClientFailure):
        seal_to(text)
    assert BoxKey(coded(bytes(31) + b"\x07")).opened(text, text) is None
