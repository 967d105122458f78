"""Servers that lie: nothing leaves its folder, and nothing half is taken for whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.impostor import Asked, Impostor, Say, refusal
from tests.client.offers import ETAG, PASSWORD, Locked, plain, visits
from tests.client.shell import Shell


@pytest.fixture
def shell(folder: Path) -> Shell:
    return Shell(folder, "http://127.0.0.1:9")


def test_a_hostile_name_stays_in_its_folder(shell: Shell) -> None:
    Path("there").mkdir()
    header = "attachment; filename*=UTF-8''..%2F..%2F.profile%1B%5B2J"
    with Impostor(plain(b"x", Content_Disposition=header)) as server:
        shell.fetch(f"{server.url}/code", "-o", "there")
    locked = Locked()
    with Impostor(locked.behaviour(locked.frames(b"x"), 1, name="/../.ssh")) as server:
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
        assert len(visits(server)) == 1


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


def damaged(locked: Locked) -> dict[str, list[bytes]]:
    """What can be made of a file's frames without its key, and is no whole file."""
    frames = locked.frames(b"one", b"two", b"three")
    flipped = frames[2][:-1] + bytes([frames[2][-1] ^ 1])
    bodies = {
        "flip": [*frames[:2], flipped],
        "cut": [*frames[:2], frames[2][:-1]],
        "short": frames[:2],
        "more": [*frames, frames[0]],
        "trail": [*frames, bytes(2)],
        "tiny": [frames[0], (27).to_bytes(4, "little"), bytes(27)],
        "key": [Locked().key.seal_frame(b"onetwothree", 0, is_last=True)[:-1] + b"x"],
    }
    if locked.key.is_bound:
        bodies |= {
            "exchanged": [frames[1], frames[0], frames[2]],
            "turned round": frames[::-1],
            "doubled": [frames[0], frames[0], frames[2]],
            "without the first": frames[1:],
            "without the last": frames[:2],
            "another's": [frames[0], Locked().frames(b"one", b"two")[1], frames[2]],
        }
    return bodies


@pytest.mark.parametrize("output", ["file", "-"])
@pytest.mark.parametrize(
    ("is_bound", "change"),
    [
        (is_bound, change)
        for is_bound in (False, True)
        for change in damaged(Locked(is_bound=is_bound))
    ],
)
def test_damage_is_noticed(shell: Shell, is_bound: bool, change: str, output: str) -> None:
    locked = Locked(is_bound=is_bound)
    body = damaged(locked)[change]
    # A server that leaves something out says what fits.
    size = sum(len(frame) - 32 for frame in body) if change.startswith("without") else 11
    with Impostor(locked.behaviour(body, size)) as server:
        result = shell.run("fetch", f"{server.url}/code", "-o", output, password=PASSWORD)
    assert result.exit_code == 1
    assert result.stderr.startswith("shortd: The file is ")
    assert leftovers() == []
    assert shell.transfers() == []
    # What a reader got before the damage was right.
    assert b"onetwothree".startswith(result.stdout_bytes)


def test_the_end_is_looked_for_by_a_later_run_too(shell: Shell) -> None:
    """What a server left out at the end is not whole because the connection broke there."""
    locked = Locked()
    frames = locked.frames(bytes(2 << 20), b"the end")

    def behave(asked: Asked) -> Say:
        if asked.path != "/-/files/key":
            return locked.behaviour(frames, 2 << 20)(asked)
        if "range" in asked.headers:
            where = f"bytes {len(frames[0])}-{len(frames[0])}/{len(frames[0]) + 1}"
            return Say(206, {"ETag": ETAG, "Content-Range": where}, b"")
        return Say(200, {"ETag": ETAG, "Content-Length": str(len(frames[0]) + 1)}, frames[0])

    with Impostor(behave) as server:
        line = shell.refused("fetch", f"{server.url}/code", "-o", "back", password=PASSWORD)
    assert line == "The file is damaged: it ends too early."
    assert leftovers() == []


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
        if asked.method == "GET" and asked.path != "/code" and len(visits(server)) < 2:
            return refusal(403, "address_expired", "Too late.")
        return plain(b"content")(asked)

    with Impostor(behave) as server:
        assert shell.fetch(f"{server.url}/code", "-o", "back").read_bytes() == b"content"
        assert len(visits(server)) == 2

    def refuse(asked: Asked) -> Say:
        if asked.path == "/code" or asked.method == "HEAD":
            return plain(b"content")(asked)
        return refusal(403, "address_expired", "Too late.")

    with Impostor(refuse) as server:
        assert shell.refused("fetch", f"{server.url}/code", "-o", "again") == "Too late."


def test_a_frame_too_large_for_memory_waits_on_disk(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shortd.client.sinks.UNPROVEN_IN_MEMORY", 1000)
    locked = Locked(is_bound=False)
    with Impostor(locked.behaviour(locked.frames(b"x" * 100_000), 100_000)) as server:
        result = shell.run("fetch", f"{server.url}/code", "-o", "-", password=PASSWORD)
        path = shell.fetch(f"{server.url}/code", "-o", "back", password=PASSWORD)
    assert (result.exit_code, result.stdout_bytes) == (0, b"x" * 100_000)
    assert path.read_bytes() == b"x" * 100_000


def test_a_file_without_an_end_does_not_fill_the_disk(shell: Shell) -> None:
    """More comes than was announced: it is left at once."""
    locked = Locked()
    endless = [locked.key.seal_frame(bytes(1 << 16), number, is_last=False) for number in range(99)]
    with Impostor(locked.behaviour(endless, 1000)) as server:
        line = shell.refused("fetch", f"{server.url}/code", "-o", "back", password=PASSWORD)
    assert line == "The file is longer than it should be, 1000 bytes."

    def behave(asked: Asked) -> Say:
        if asked.method == "HEAD":
            return Say(200, {"ETag": ETAG, "Content-Length": "10"})
        return plain(bytes(1 << 20))(asked)

    with Impostor(behave) as server:
        line = shell.refused("fetch", f"{server.url}/code", "-o", "back")
    assert line == "The file is longer than it should be, 10 bytes."
    assert leftovers() == []


def test_a_file_that_comes_packed_is_not_stored_so(shell: Shell) -> None:
    with Impostor(plain(b"packed", Content_Encoding="gzip")) as server:
        line = shell.refused("fetch", f"{server.url}/code", "-o", "back")
    assert line == "The server sent the file packed, which was not asked for."
