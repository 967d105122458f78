"""A link's last visit is not spent before nothing is in the way, nor what it bought given up."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from shortd.client.offer import Offer
from shortd.client.sinks import PartialFile
from shortd.client.state import State
from tests.client.impostor import Asked, Impostor, Say, envelope, refusal
from tests.client.offers import ETAG, PASSWORD, Locked, plain, visits
from tests.client.shell import Shell, ended

MIB = 1 << 20
SECRECY = pytest.mark.parametrize("password", [None, PASSWORD], ids=["plain", "encrypted"])


@pytest.fixture
def link(shell: Shell) -> Callable[[str | None], str]:
    """Shares "content" behind a link that works once."""

    def link(password: str | None = None) -> str:
        Path("sent").mkdir(exist_ok=True)
        Path("sent/report.txt").write_text("content")
        return shell.send("sent/report.txt", "--count", 1, password=password)

    return link


Link = Callable[..., str]


def test_a_wrong_password_costs_nothing(shell: Shell, link: Link) -> None:
    short_url = link(PASSWORD)
    for wrong in ("wrong", ""):
        refused = shell.refused("fetch", short_url, password=wrong or None)
        assert refused.startswith("This is not" if wrong else "There is no terminal")
    assert shell.fetch(short_url, password=PASSWORD).read_text() == "content"
    assert shell.refused("fetch", short_url, password=PASSWORD) == "This link has expired."


@SECRECY
@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("there", "there exists already; --force replaces it."),
        ("no/such", "no is no folder."),
        ("pipe", "pipe is there already, and no file."),
        ("/proc/file", "/proc: No such file or directory"),
        ("x" * 256, "File name too long"),
    ],
)
def test_a_place_that_will_not_do_costs_nothing(
    shell: Shell, link: Link, password: str | None, output: str, reason: str
) -> None:
    Path("there").touch()
    os.mkfifo("pipe")
    short_url = link(password)
    assert shell.refused("fetch", short_url, "-o", output, password=password).endswith(reason)
    assert shell.fetch(short_url, password=password).read_text() == "content"


@SECRECY
def test_a_name_that_is_taken_gets_a_number(shell: Shell, link: Link, password: str | None) -> None:
    Path("report.txt").write_text("mine")
    result = shell.run("fetch", link(password), password=password)
    assert (result.exit_code, result.stdout) == (0, "report (1).txt\n")
    assert result.stderr == "shortd: report.txt is there already: this is report (1).txt.\n"
    assert Path("report.txt").read_text() == "mine"
    assert Path("report (1).txt").read_text() == "content"


@SECRECY
def test_without_a_state_folder_it_goes_on(shell: Shell, link: Link, password: str | None) -> None:
    short_url = link(password)
    shell.state = Path("/dev/null")
    result = shell.run("fetch", short_url, password=password)
    assert (result.exit_code, result.stdout) == (0, "report.txt\n")
    note = "shortd: Nothing of this can be remembered for later: /dev/null/shortd"
    assert result.stderr.startswith(note)
    assert result.stderr.count("\n") == 1


@SECRECY
def test_a_transfer_that_is_under_way_costs_nothing(
    shell: Shell, link: Link, password: str | None
) -> None:
    short_url = link(password)
    state = State(print, shell.state / "shortd")
    with state.ledger("fetch", short_url, Path().resolve()):
        refused = shell.refused("fetch", short_url, password=password)
    assert refused == "Another shortd is at this very transfer already."
    assert shell.fetch(short_url, password=password).read_text() == "content"


@SECRECY
def test_a_disk_that_is_full_costs_nothing(shell: Shell, link: Link, password: str | None) -> None:
    """Files may have no bytes here; nothing can be remembered either."""
    short_url = link(password)
    status, output, error = limited(shell, 0, "fetch", short_url, password=password)
    assert (status, output) == (1, "")
    assert error.startswith("shortd: There is no room for the file in .: ")
    assert [path.name for path in Path().iterdir() if path.name.startswith(".shortd")] == []
    assert shell.fetch(short_url, password=password).read_text() == "content"


@SECRECY
def test_a_disk_that_fills_up_loses_nothing(
    shell: Shell, noise: bytes, password: str | None
) -> None:
    Path("file").write_bytes(noise)
    short_url = shell.send("file", "--count", 1, password=password)
    command = ("fetch", short_url, "-o", "back")
    status, output, error = limited(shell, 9 * MIB, *command, password=password)
    assert (status, output) == (1, "")
    assert error.endswith("The same command goes on from here.\n")
    assert error.count("\n") == 1
    assert httpx.get(short_url).status_code == 410
    assert shell.fetch(*command[1:], password=password).read_bytes() == noise


def limited(
    shell: Shell, size: int, *arguments: object, password: str | None
) -> tuple[int, str, str]:
    """Runs a command to which the disk is full at this size of any file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        process = shell.start(*arguments, password=password)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    return ended(process)


@SECRECY
def test_a_name_that_the_locale_lacks_is_spelled_otherwise(
    shell: Shell, password: str | None
) -> None:
    Path("sent").mkdir()
    Path("sent/nö ☃.txt").write_text("content")
    short_url = shell.send("sent/nö ☃.txt", "--count", 1, password=password)
    shell.variables = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    assert ended(shell.start("fetch", short_url, password=password)) == (0, "n_ _.txt\n", "")
    assert Path("n_ _.txt").read_text() == "content"


@pytest.fixture
def far(folder: Path) -> Shell:
    """The client, without a server of its own."""
    return Shell(folder, "http://127.0.0.1:9")


class TestImpostors:
    """What else servers may do meanwhile."""

    def test_the_password_is_known_before_the_visit(self, far: Shell) -> None:
        locked = Locked()
        with Impostor(locked.behaviour(locked.frames(b"x"), 1)) as server:
            far.refused("fetch", f"{server.url}/code", password="wrong")
            assert [asked.path for asked in server.asked] == ["/v2/get_signature"]
            far.fetch(f"{server.url}/code", password=PASSWORD)
            assert len(visits(server)) == 1

    @pytest.mark.parametrize(
        "answer",
        [
            refusal(404, "not_found"),
            Say(404, {}, b"<h1>Not found"),
            Say(200, {}, b"<h1>Welcome"),
            Say(405),
            envelope(signature=5),
            Say(302, {"Location": "/elsewhere"}),
        ],
    )
    def test_a_server_that_does_not_say_is_visited(self, far: Shell, answer: Say) -> None:
        locked = Locked()

        def behave(asked: Asked) -> Say:
            if asked.path == "/v2/get_signature":
                return answer
            return locked.behaviour(locked.frames(b"x"), 1)(asked)

        with Impostor(behave) as server:
            assert far.fetch(f"{server.url}/code", password=PASSWORD).read_bytes() == b"x"

    def test_a_link_with_a_password_of_its_own_is_not_visited(self, far: Shell) -> None:
        with Impostor(lambda _: refusal(403, "link_protected")) as server:
            line = far.refused("fetch", f"{server.url}/code")
            assert visits(server) == []
        assert line == "This link has a password of its own: open it in a browser."

    def test_a_file_that_took_its_place_is_tried_with_the_same_password(self, far: Shell) -> None:
        first, second = Locked(), Locked()

        def behave(asked: Asked) -> Say:
            one = first if asked.path == "/v2/get_signature" else second
            return one.behaviour(second.frames(b"x"), 1)(asked)

        with Impostor(behave) as server:
            assert far.fetch(f"{server.url}/code", password=PASSWORD).read_bytes() == b"x"

    def test_what_is_remembered_and_gone_is_visited_again(self, far: Shell) -> None:
        """By an address that is over, of another file than is there now."""
        with Impostor(plain(b"content", Content_Disposition="attachment; filename=new")) as server:
            address = f"{server.url}/-/files/old"
            remember(far, f"{server.url}/code", Offer("old", 9, address, '"old"'))

            def behave(asked: Asked) -> Say:
                known = plain(b"content", Content_Disposition="attachment; filename=new")
                return refusal(404, "not_found") if asked.path == "/-/files/old" else known(asked)

            server.behaviour = behave
            assert far.fetch(f"{server.url}/code").name == "new"
            assert len(visits(server)) == 1

    @pytest.mark.parametrize("answer", [Say(302, {"Location": "/code"}), refusal(403, "expired")])
    def test_a_visit_says_how_much_is_there(self, far: Shell, answer: Say) -> None:
        """So that a server can see that it is not another one."""
        content = bytes(3 * MIB)

        def behave(asked: Asked) -> Say:
            if asked.path == "/-/files/key?signature=x" and asked.headers.get("range") is None:
                if asked.method == "GET":
                    return plain(content[: 2 * MIB], Content_Length=str(len(content)))(asked)
            elif asked.path.startswith("/-/files/key") and len(visits(server)) < 2:
                return answer
            elif "range" in asked.headers and asked.path != "/code":
                where = f"bytes {2 * MIB}-{len(content) - 1}/{len(content)}"
                return Say(206, {"ETag": ETAG, "Content-Range": where}, content[2 * MIB :])
            return plain(content)(asked)

        with Impostor(behave) as server:
            assert far.fetch(f"{server.url}/code", "-o", "back").read_bytes() == content
            ranges = [asked.headers.get("range") for asked in visits(server)]
        assert ranges == [None, f"bytes={2 * MIB}-"]


def remember(shell: Shell, short_url: str, offer: Offer) -> None:
    """Leaves what an interrupted run would."""
    state = State(print, shell.state / "shortd")
    ledger = state.ledger("fetch", short_url, Path().resolve())
    with ledger, PartialFile(Path(), ledger) as file:
        file.expect(offer)
        file.write(b"old")
        file.keep(offer.etag, 3)
