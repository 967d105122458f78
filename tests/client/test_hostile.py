"""Servers that lie: nothing leaves its folder, and nothing half is taken for whole."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import pytest

from shortd.client.crypto import double_sha256, new_signature, open_signature, seal_frame
from shortd.client.names import LONGEST, name_from_header, safe_name
from tests.client.impostor import Asked, Behaviour, Impostor, Say, envelope, refusal
from tests.client.shell import Shell

ETAG = '"the-file"'
PASSWORD = "p"


@pytest.fixture
def shell(folder: Path) -> Shell:
    return Shell(folder, "http://127.0.0.1:9")


def plain(body: bytes, **headers: str) -> Behaviour:
    """A server with one file, told of by these headers."""
    given = {"ETag": ETAG, **{name.replace("_", "-"): value for name, value in headers.items()}}

    def behave(asked: Asked) -> Say:
        if asked.path == "/code":
            return Say(302, {"Location": "/-/files/key?signature=x"})
        return Say(200, given, body)

    return behave


def encrypted(body: bytes, size: int, name: str = "file") -> Behaviour:
    """A server with one encrypted file."""
    key = double_sha256(PASSWORD)
    signature = new_signature(key)

    def behave(asked: Asked) -> Say:
        if asked.path == "/code":
            return Say(302, {"Location": f"/-/unlock?shorturl=x%2Fcode&signature={signature}"})
        if asked.method == "POST":
            given = json.loads(asked.body)
            assert given == {"shorturl": "x/code", "challenge": open_signature(key, signature)}
            url = f"http://{asked.headers['host']}/-/files/key"
            return envelope(filename=name, filesize=size, url=url)
        return Say(200, {"ETag": ETAG}, body)

    return behave


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("naïve ☃.txt", "naïve ☃.txt"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("/etc/passwd", "_etc_passwd"),
        ("..\\..\\x", "_.._x"),
        (".bashrc", "bashrc"),
        (" ..x ", "x"),
        ("..", "download"),
        ("", "download"),
        ("\x00\r\n\x1b[2J", "[2J"),
        ("exe.\u202etxt", "exe.txt"),
        ("a\u2028b\u200bc\ud800", "abc"),
        ("x" * 300 + ".tar", "x" * (LONGEST - 4) + ".tar"),
        ("é" * 300, "é" * (LONGEST // 2)),
        ("." + "y" * 300, "y" * LONGEST),
    ],
)
def test_names_are_made_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert len(safe.encode()) <= LONGEST


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename=\"a_b\"; filename*=UTF-8''a%C3%A9b", "aéb"),
        ("attachment; filename=plain.txt", "plain.txt"),
        ("inline; filename*=UTF-8''..%2F..%2Fx", "_.._x"),
        ('attachment; filename="a;b\\"c"', 'a;b"c'),
        ("attachment", "download"),
        ("", "download"),
    ],
)
def test_names_are_read_from_headers(header: str, name: str) -> None:
    assert name_from_header(header) == name


def test_a_hostile_name_stays_in_its_folder(shell: Shell) -> None:
    Path("there").mkdir()
    header = "attachment; filename*=UTF-8''..%2F..%2F.profile%1B%5B2J"
    with Impostor(plain(b"x", Content_Disposition=header)) as server:
        shell.fetch(f"{server.url}/code", "-o", "there")
    with Impostor(encrypted(seal_frame(double_sha256(PASSWORD), b"x"), 1, "/../.ssh")) as server:
        shell.fetch(f"{server.url}/code", "-o", "there", password=PASSWORD)
    found = sorted(path.name for path in Path("there").iterdir())
    assert found == ["_.._.profile[2J", "_.._.ssh"]


def test_messages_cannot_play_with_the_terminal(shell: Shell) -> None:
    with Impostor(lambda _: refusal(404, "x", "\x1b]0;title\x07\ngone" * 100)) as server:
        line = shell.refused("fetch", f"{server.url}/code")
    assert line.isprintable()
    assert len(line) < 500


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/-/files/key",
        "https://127.0.0.1/-/files/key",
        "//example.com/-/unlock?shorturl=a&signature=b",
        "file:///etc/passwd",
        "/elsewhere",
        "/-/filesystem",
    ],
)
def test_redirects_to_elsewhere_are_not_followed(shell: Shell, location: str) -> None:
    with Impostor(lambda _: Say(302, {"Location": location})) as server:
        assert "and to no file." in shell.refused("fetch", f"{server.url}/code")
        assert len(server.asked) == 1


def test_a_link_may_move_to_another_port(shell: Shell) -> None:
    with (
        Impostor(plain(b"content")) as server,
        Impostor(lambda asked: Say(301, {"Location": f"{server.url}{asked.path}"})) as before,
    ):
        assert shell.fetch(f"{before.url}/code", "-o", "back").read_bytes() == b"content"


def test_a_link_that_leads_to_itself_is_left(shell: Shell) -> None:
    with Impostor(lambda asked: Say(301, {"Location": asked.path})) as server:
        assert shell.refused("fetch", f"{server.url}/code").endswith("leads in a circle.")


@pytest.mark.parametrize(
    "query", ["", "?shorturl=x", "?signature=zz&shorturl=x", "?shorturl=x&signature=00"]
)
def test_a_lock_that_is_none_is_refused(shell: Shell, query: str) -> None:
    with Impostor(lambda _: Say(302, {"Location": f"/-/unlock{query}"})) as server:
        line = shell.refused("fetch", f"{server.url}/code", password=PASSWORD)
    assert line == "The server gave a signature that cannot be one."


def leftovers() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.name != "state")


@pytest.mark.parametrize(
    "change", ["flip", "cut", "short", "more", "trail", "again", "tiny", "key"]
)
@pytest.mark.parametrize("output", ["file", "-"])
def test_damage_is_noticed(shell: Shell, change: str, output: str) -> None:
    key = double_sha256(PASSWORD)
    frames = [seal_frame(key, piece) for piece in (b"one", b"two", b"three")]
    body = {
        "flip": b"".join(frames)[:-1] + bytes([frames[-1][-1] ^ 1]),
        "cut": b"".join(frames)[:-1],
        "short": frames[0] + frames[1],
        "more": b"".join([*frames, frames[0]]),
        "trail": b"".join(frames) + bytes(2),
        "again": b"".join([frames[0], frames[0], frames[1]]),
        "tiny": frames[0] + (27).to_bytes(4, "little") + bytes(27),
        "key": seal_frame(secrets.token_bytes(32), b"onetwothree"),
    }[change]
    with Impostor(encrypted(body, 11)) as server:
        result = shell.run("fetch", f"{server.url}/code", "-o", output, password=PASSWORD)
    assert result.exit_code == 1
    assert result.stderr.startswith("shortd: The file is ")
    assert leftovers() == []
    assert shell.transfers() == []
    # What a reader got before the damage was right.
    assert (b"onetwothree" + b"one").startswith(result.stdout_bytes.replace(b"oneone", b"one"))


def test_a_plain_file_that_ends_early_is_not_whole(shell: Shell) -> None:
    def behave(asked: Asked) -> Say:
        if asked.method == "HEAD":
            return Say(200, {"ETag": ETAG, "Content-Length": "10"})
        return plain(b"12345")(asked)

    with Impostor(behave) as server:
        line = shell.refused("fetch", f"{server.url}/code", "-o", "back")
    assert line == "The file is 5 bytes long, and should be 10."
    assert leftovers() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"Content-Range": "bytes 5-2097151/2097152"},
        {"Content-Range": "bytes 2000000-2097151/2097152", "ETag": '"other"'},
        {"Content-Range": "bytes */2097152"},
        {},
    ],
)
def test_another_part_of_the_file_is_not_glued_on(shell: Shell, wrong: dict[str, str]) -> None:
    content = bytes(2 << 20)

    def behave(asked: Asked) -> Say:
        if "range" in asked.headers:
            assert asked.headers["range"] == "bytes=2000000-"
            assert asked.headers["if-range"] == ETAG
            return Say(206, {"ETag": ETAG} | wrong, content[2_000_000:])
        if asked.path == "/code" or asked.method == "HEAD":
            return plain(content)(asked)
        return plain(content[:2_000_000], Content_Length=str(len(content)))(asked)

    with Impostor(behave) as server:
        line = shell.refused("fetch", f"{server.url}/code", "-o", "back")
    assert line == "The server sent another part of the file than the one asked for."
    assert leftovers() == []


def test_another_file_under_the_same_address_is_fetched_whole(shell: Shell) -> None:
    first, second = b"1" * (3 << 20), b"2" * (3 << 20)

    def behave(asked: Asked) -> Say:
        length = {"Content-Length": str(len(first))}
        if asked.path == "/code" or asked.method == "HEAD":
            return plain(first, **length)(asked)
        if "range" in asked.headers:
            return Say(200, {"ETag": '"other"'}, second)
        return plain(first[: 2 << 20], **length)(asked)

    with Impostor(behave) as server:
        assert shell.fetch(f"{server.url}/code", "-o", "back").read_bytes() == second


def test_an_address_whose_time_is_up_is_renewed_once(shell: Shell) -> None:
    def behave(asked: Asked) -> Say:
        if asked.method == "GET" and asked.path != "/code" and len(visits) < 2:
            return refusal(403, "address_expired", "Too late.")
        if asked.path == "/code":
            visits.append(asked)
        return plain(b"content")(asked)

    visits: list[Asked] = []
    with Impostor(behave) as server:
        assert shell.fetch(f"{server.url}/code", "-o", "back").read_bytes() == b"content"
    assert len(visits) == 2

    def refuse(asked: Asked) -> Say:
        if asked.path == "/code" or asked.method == "HEAD":
            return plain(b"content")(asked)
        return refusal(403, "address_expired", "Too late.")

    with Impostor(refuse) as server:
        assert shell.refused("fetch", f"{server.url}/code", "-o", "again") == "Too late."


def test_a_frame_too_large_to_hold_goes_into_files_only(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.client.sinks.LARGEST_UNPROVEN", 1000)
    body = seal_frame(double_sha256(PASSWORD), bytes(1001))
    with Impostor(encrypted(body, 1001)) as server:
        line = shell.refused("fetch", f"{server.url}/code", "-o", "-", password=PASSWORD)
        path = shell.fetch(f"{server.url}/code", "-o", "back", password=PASSWORD)
    assert line == "This file is one large frame: it must be fetched into a file."
    assert path.read_bytes() == bytes(1001)
