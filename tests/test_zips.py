"""Zips: names that lead nowhere else, and a size that is known before a byte is written."""

from __future__ import annotations

import io
import shutil
import subprocess
import unicodedata
import zipfile
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shortd.zips import ZipMember, ZipWriter, zip_paths, zip_size

SECOND = 1_000_000
_PIECES = st.one_of(
    st.sampled_from(
        [
            *("..", ".", "", "...", ".. ", ".. .", "C:", "c:evil", "con", "CON.txt", "nul .x"),
            *("lpt¹.txt", "a", "A", "a.", "a ", "\x00", "\u202e", "\ud800", "é", "e\u0301", "ﬁ"),
            *("fi", "ß", "SS", "x" * 300, "ä" * 200 + ".tar.gz", "~", "a:b", "-rf", "a (2)"),
            *("ΐ", "ΐ", "İ", "i̇", "µ", "μ", "file", "_", "❤️" * 60),
        ]
    ),
    st.text(max_size=5),
)
PATHS = st.lists(
    st.lists(_PIECES, max_size=6).flatmap(
        lambda pieces: st.sampled_from("/\\").map(lambda separator: separator.join(pieces))
    ),
    max_size=12,
)


def one(path: str) -> str:
    [safe] = zip_paths([path])
    return safe


@given(PATHS)
def test_no_name_leads_elsewhere(paths: list[str]) -> None:
    safe = zip_paths(paths)
    assert len(safe) == len(paths)
    for path in safe:
        names = path.split("/")
        assert len(path.encode()) <= 1300
        assert all(0 < len(name.encode()) <= 255 for name in names)
        assert not {".", ".."} & set(names)
        assert not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in path)
        assert not set('\\:<>"|?*') & set(path)
        windows = PureWindowsPath(path)
        assert not PurePosixPath(path).is_absolute() and not windows.is_absolute()
        assert not windows.drive and not windows.is_reserved()
        # Windows forgets these.
        assert all(name == name.rstrip(". ") for name in names)


@given(PATHS)
def test_no_two_are_the_same_anywhere(paths: list[str]) -> None:
    safe = zip_paths(paths)
    for form in ("NFC", "NFD", "NFKC"):
        keys = [unicodedata.normalize(form, path).casefold() for path in safe]
        assert len(set(keys)) == len(keys)
        folders = {
            "/".join(key.split("/")[:end]) for key in keys for end in range(1, key.count("/") + 1)
        }
        assert not folders & set(keys)


@given(PATHS)
def test_safe_names_stay(paths: list[str]) -> None:
    safe = zip_paths(paths)
    assert zip_paths(safe) == safe


@pytest.mark.parametrize(
    ("path", "safe"),
    [
        ("a/b.txt", "a/b.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("../../up", "up"),
        ("a/../../b", "a/b"),
        ("..\\..\\up", "up"),
        ("C:\\Windows\\x", "C_/Windows/x"),
        ("\\\\server\\share\\x", "server/share/x"),
        ("nul", "_nul"),
        ("Com1.txt", "_Com1.txt"),
        ("console.txt", "console.txt"),
        ("a\x00b\nc", "a_b_c"),
        (".bashrc", ".bashrc"),
        ("name. ", "name"),
        ("", "file"),
        ("..", "file"),
        ("e\u0301", "é"),
        ("日本/語.png", "日本/語.png"),
    ],
)
def test_a_name(path: str, safe: str) -> None:
    assert one(path) == safe


def test_clashes_get_numbers() -> None:
    assert zip_paths(["a.txt", "A.txt", "a.txt", "a (2).txt"]) == [
        *("a.txt", "A (2).txt", "a (3).txt", "a (2) (2).txt")
    ]
    assert zip_paths(["x", "x/y", "X/Y"]) == ["x (2)", "x/y", "X/Y (2)"]
    assert zip_paths(["é", "e\u0301"]) == ["é", "é (2)"]


def test_many_clashes_are_quick() -> None:
    assert len(set(zip_paths(["same.txt"] * 20_000))) == 20_000


def test_long_names_keep_their_suffix() -> None:
    safe = one("ä" * 500 + ".tar")
    assert safe.endswith(".tar") and len(safe.encode()) <= 240


def archive(members: list[ZipMember], contents: list[bytes]) -> bytes:
    data = b""
    with ZipWriter() as writer:
        for member, content in zip(members, contents, strict=True):
            writer.begin(member)
            writer.write(content[:3])
            data += writer.take()
            writer.write(content[3:])
            writer.end()
        writer.finish()
        return data + writer.take()


TIMES = st.integers(min_value=-(2**40) * SECOND, max_value=2**40 * SECOND)


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=50), TIMES), max_size=8))
def test_it_is_what_zipfile_reads(files: list[tuple[str, bytes, int]]) -> None:
    paths = zip_paths(path for path, _, _ in files)
    members = [
        ZipMember(path, len(content), utime)
        for path, (_, content, utime) in zip(paths, files, strict=True)
    ]
    contents = [content for _, content, _ in files]
    data = archive(members, contents)
    assert len(data) == zip_size(members)
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert opened.testzip() is None
        assert opened.namelist() == paths
        assert [opened.read(path) for path in paths] == contents


@pytest.mark.parametrize(
    "sizes",
    [
        [2**31 - 1, 1],
        [int(2**31 / 1.05) + 1, 2**31, 5],
        [0] * 70_000,
    ],
    ids=["below", "beyond", "many"],
)
def test_the_size_of_what_is_large(sizes: list[int]) -> None:
    """As a zip has it that is written for real, but for its bytes, which nobody keeps."""
    members = [ZipMember(f"{number}.bin", size, 0) for number, size in enumerate(sizes)]
    piece = bytes(1 << 24)
    length = 0
    with ZipWriter() as writer:
        for member in members:
            writer.begin(member)
            for start in range(0, member.size, len(piece)):
                writer.write(piece[: member.size - start])
                length += len(writer.take())
            writer.end()
        writer.finish()
        assert length + len(writer.take()) == zip_size(members)


@pytest.mark.skipif(shutil.which("unzip") is None, reason="there is no unzip")
def test_unzip_takes_it(tmp_path: Path) -> None:
    utime = 1_700_000_000 * SECOND
    members = [ZipMember("a/ü.txt", 5, utime), ZipMember("empty", 0, utime)]
    (tmp_path / "z.zip").write_bytes(archive(members, [b"hello", b""]))
    subprocess.run(["unzip", "-tq", "z.zip"], cwd=tmp_path, check=True, timeout=60)
    subprocess.run(["unzip", "-q", "z.zip"], cwd=tmp_path, check=True, timeout=60)
    [file] = (tmp_path / "a").iterdir()
    assert file.read_bytes() == b"hello"
    assert file.stat().st_mtime == utime // SECOND


def test_it_can_be_given_up() -> None:
    with ZipWriter() as writer:
        writer.begin(ZipMember("a", 5, 0))
        writer.write(b"a")
