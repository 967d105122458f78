"""What was sent is what is fetched, and standard output holds nothing but the result."""

from __future__ import annotations

import os
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from shortd.client import parcel
from shortd.client.contents import OpenFile
from shortd.client.crypto import FRAME_BYTES, FileKey
from shortd.client.state import State
from tests.client.shell import Shell, ended
from tests.server_process import ServerProcess

PASSWORD = "correct horse é"


def blobs(server: ServerProcess) -> int:
    """Parts that the server has on disk."""
    return len(list((server.data_dir / "files").glob("[0-9a-f][0-9a-f]/*")))


@pytest.mark.parametrize("password", [None, PASSWORD], ids=["plain", "encrypted"])
@pytest.mark.parametrize("size", [0, 1, FRAME_BYTES, FRAME_BYTES + 1, 20 << 20])
def test_a_file_comes_back(shell: Shell, noise: bytes, size: int, password: str | None) -> None:
    content = noise[:size]
    Path("a file é.bin").write_bytes(content)
    short_url = shell.send("a file é.bin", password=password)
    assert short_url.startswith(f"{shell.server}/")
    Path("there").mkdir()
    path = shell.fetch(short_url, "-o", "there", password=password)
    assert path == Path("there/a file é.bin")
    assert path.read_bytes() == content
    streamed = shell.run("fetch", short_url, "-o", "-", password=password)
    assert (streamed.exit_code, streamed.stdout_bytes, streamed.stderr) == (0, content, "")
    assert shell.transfers() == []
    assert list(Path("there").iterdir()) == [path]


@pytest.mark.parametrize("password", [None, PASSWORD], ids=["plain", "encrypted"])
def test_many_parts_come_back_in_order(
    shell: Shell,
    server: ServerProcess,
    noise: bytes,
    monkeypatch: pytest.MonkeyPatch,
    password: str | None,
) -> None:
    monkeypatch.setattr(parcel, "SMALLEST_PART", 16 << 10)
    monkeypatch.setattr(parcel, "LARGEST_PART", 16 << 10)
    content = noise[: (600 << 10) + 7]
    Path("parts").write_bytes(content)
    before = blobs(server)
    short_url = shell.send("parts", password=password)
    assert blobs(server) == before + 38
    assert shell.fetch(short_url, "-o", "back", password=password).read_bytes() == content


def test_parts_grow_with_the_file(tmp_path: Path) -> None:
    def part_bytes(size: int) -> int:
        with (tmp_path / "sparse").open("w+b") as file:
            file.truncate(size)
            return parcel.Parcel(OpenFile(file), "sparse", "", None).part_bytes()

    mib = 1 << 20
    assert [part_bytes(size * mib) for size in (0, 512, 513, 1024, 1 << 20)] == [
        size * mib for size in (8, 8, 9, 16, 32)
    ]


def test_the_server_never_gets_plain_bytes_of_an_encrypted_file(
    shell: Shell, server: ServerProcess
) -> None:
    Path("secret").write_bytes(b"attack at dawn " * 100)
    shell.send("secret", password=PASSWORD)
    stored = [path.read_bytes() for path in server.data_dir.rglob("*") if path.is_file()]
    assert stored
    assert not any(b"attack" in content or PASSWORD.encode() in content for content in stored)


def test_a_name_that_is_no_text_is_no_obstacle(shell: Shell) -> None:
    odd = os.fsdecode(b"caf\xe9.txt")
    Path(odd).write_text("x")
    short_url = shell.send(odd)
    assert shell.fetch(short_url).name == "caf\ufffd.txt"
    result = shell.run("fetch", short_url, "-o", odd, "--force")
    assert (result.exit_code, result.stdout_bytes) == (0, b"caf\xe9.txt\n")


def test_standard_input_is_sent_under_a_name(shell: Shell) -> None:
    result = shell.run("send", "-", "--name", "notes.txt", stdin=b"from a pipe\n")
    path = shell.fetch(shell.line(result))
    assert (str(path), path.read_bytes()) == ("notes.txt", b"from a pipe\n")


def test_a_pipe_with_a_path_is_sent(shell: Shell) -> None:
    os.mkfifo("pipe")
    writer = threading.Thread(target=Path("pipe").write_bytes, args=(b"through a pipe",))
    writer.start()
    short_url = shell.send("pipe", "--name", "piped")
    writer.join()
    assert shell.fetch(short_url).read_bytes() == b"through a pipe"


def test_the_link_is_as_asked(shell: Shell, server: ServerProcess) -> None:
    Path("page.html").write_text("<p>")
    short_url = shell.send("page.html", "--count", 3, "--expire", "7d", "--code", "myFile7")
    assert short_url == f"{shell.server}/myFile7"
    userid = remembered(shell)
    entry = server.call("get_entry", userid=userid, shorturl=short_url)["entry"]
    assert (entry["filetype"], entry["filesize"]) == ("text/html", 3)
    assert entry["expiration_count"] == 3
    week = 7 * 86_400 * 1_000_000
    assert week - 60_000_000 < entry["expiration_utime"] - entry["utime"] <= week


def remembered(shell: Shell) -> str:
    with State(print, shell.state / "shortd").account(shell.server) as account:
        return account.userid


def test_one_temporary_account_is_remembered_and_nobody_elses_to_see(shell: Shell) -> None:
    Path("file").write_text("x")
    shell.send("file")
    userid = remembered(shell)
    shell.send("file")
    assert remembered(shell) == userid != ""
    for path in (shell.state / "shortd").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_temporary_account_that_is_no_more_is_replaced(shell: Shell) -> None:
    Path("file").write_text("x")
    with State(print, shell.state / "shortd").account(shell.server) as account:
        account.userid = "A" * 32
    assert shell.fetch(shell.send("file"), "-o", "back").read_text() == "x"
    assert remembered(shell) not in ("", "A" * 32)


def test_an_account_can_be_given(shell: Shell, server: ServerProcess) -> None:
    Path("file").write_text("x")
    userid = server.call("temporary_account")["userid"]
    short_url = shell.send("file", "--userid", userid)
    assert server.call("get_entry", userid=userid, shorturl=short_url)["entry"]["filesize"] == 1
    login = server.call("signup", email="give@example.com", password="ab" * 32, userid=userid)
    shell.send("file", "--userid", userid, "--token", login["token"])
    assert "needs its token" in shell.refused("send", "file", "--userid", userid)


def test_an_output_that_is_there_is_kept_unless_forced(shell: Shell) -> None:
    Path("file").write_text("new")
    short_url = shell.send("file", "--count", 3)
    Path("file").write_text("old")
    taken = "file exists already; --force replaces it."
    assert shell.refused("fetch", short_url, "-o", "file") == taken
    assert sorted(path.name for path in Path().iterdir()) == ["file", "state"]
    # That was no visit; without -o the name is only known after one.
    result = shell.run("fetch", short_url)
    assert (result.exit_code, result.stdout) == (0, "file (1)\n")
    assert result.stderr == "shortd: file is there already: this is file (1).\n"
    assert (Path("file").read_text(), Path("file (1)").read_text()) == ("old", "new")
    shell.fetch(short_url, "-o", "file", "--force")
    assert Path("file").read_text() == "new"
    Path("pipe").mkdir()
    os.mkfifo("pipe/fifo")
    odd = shell.refused("fetch", short_url, "-o", "pipe/fifo", "--force")
    assert odd == "pipe/fifo is there already, and no file."
    assert shell.refused("fetch", short_url, "-o", "no/such") == "no is no folder."
    assert shell.fetch(short_url, "-o", "third").read_text() == "new"


def test_processes_print_the_result_alone(shell: Shell) -> None:
    Path("file").write_text("x")
    status, output, error = ended(shell.start("send", "file", "--password", password=PASSWORD))
    assert (status, error) == (0, "")
    assert output.count("\n") == 1
    short_url = output.strip()
    outcome = ended(shell.start("fetch", short_url, "-o", "back", password=PASSWORD))
    assert outcome == (0, "back\n", "")
    outcome = ended(shell.start("fetch", short_url, "-o", "-", password=PASSWORD))
    assert outcome == (0, "x", "")


def test_a_reader_who_leaves_ends_a_fetch_quietly(shell: Shell, noise: bytes) -> None:
    Path("file").write_bytes(noise)
    process = shell.start("fetch", shell.send("file"), "-o", "-")
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(60) == 1
    assert process.stderr is not None
    with process.stderr:
        assert "Traceback" not in process.stderr.read()


def test_passwords_are_never_options(shell: Shell) -> None:
    Path("file").write_text("x")
    result = shell.run("send", "file", "--password=secret")
    assert result.exit_code == 2
    for command in ("send", "fetch"):
        shown = shell.run(command, "--help").stdout
        (line,) = [line for line in shown.splitlines() if line.strip().startswith("--password")]
        assert line.split()[1].istitle(), line


def test_without_a_terminal_nobody_is_asked(shell: Shell) -> None:
    Path("file").write_text("x")
    hint = "shortd: There is no terminal to ask for a password: set SHORTD_FILE_PASSWORD.\n"
    assert ended(shell.start("send", "file", "--password")) == (1, "", hint)
    short_url = shell.send("file", password=PASSWORD)
    assert ended(shell.start("fetch", short_url)) == (1, "", hint)
    login = "shortd: There is no terminal to ask for a password: use --userid and --token.\n"
    assert ended(shell.start("send", "file", "--username", "me")) == (1, "", login)


def test_an_empty_folder_is_no_file(shell: Shell) -> None:
    Path("folder").mkdir()
    assert "no file to send" in shell.refused("send", "folder")
    assert "does not exist" in shell.refused("send", "nothing", status=2)


def test_a_file_that_changes_meanwhile_is_not_shared(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parcel, "SMALLEST_PART", 1000)
    monkeypatch.setattr(parcel, "LARGEST_PART", 1000)
    Path("growing").write_bytes(bytes(5000))
    part = parcel.Parcel.part

    def grow(self: parcel.Parcel, number: int, part_bytes: int, key: FileKey | None) -> bytes:
        if number == 3:
            with Path("growing").open("ab") as file:
                file.write(b"more")
        return part(self, number, part_bytes, key)

    monkeypatch.setattr(parcel.Parcel, "part", grow)
    assert shell.refused("send", "growing") == "growing has changed while it was being sent."


def test_curl_can_fetch_a_plain_file(shell: Shell) -> None:
    Path("file").write_text("for everyone")
    done = subprocess.run(
        ["curl", "-sL", shell.send("file")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "for everyone"
