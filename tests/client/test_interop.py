"""Files of the document's own clients open here, and ours there.

`encrypt_data` and `decrypt_data` do what the functions of these names do in the ww7 v2 document's
Python example, with the library that it uses.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from Crypto.Cipher import AES

from shortd.client.crypto import PBKDF2_ITERATIONS, PBKDF2_SALT
from tests.client.shell import Shell
from tests.server_process import ServerProcess

PASSWORD = "TestPassword"


def double_sha256(password: str) -> bytes:
    return hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()


def pbkdf2(password: str) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", password.encode(), PBKDF2_SALT, PBKDF2_ITERATIONS)


def encrypt_data(data: bytes, key: bytes) -> bytes:
    iv = secrets.token_bytes(12)
    encrypted, tag = AES.new(key, AES.MODE_GCM, nonce=iv, mac_len=16).encrypt_and_digest(data)
    return bytes(iv + encrypted + tag)


def decrypt_data(data: bytes, key: bytes) -> bytes:
    cipher = AES.new(key, AES.MODE_GCM, nonce=data[:12], mac_len=16)
    return bytes(cipher.decrypt_and_verify(data[12:-16], data[-16:]))


def upload(server: ServerProcess, content: bytes, key: bytes) -> str:
    """The short URL of a file in one frame, as the document's example sends it."""
    challenge = secrets.token_bytes(16)
    body = encrypt_data(content, key)
    query = {
        "userid": server.call("temporary_account")["userid"],
        "filename": "sample-image.png",
        "filesize": len(content),
        "filetype": "image/png",
        "tag": 1000,
        "challenge": challenge.hex(),
        "signature": encrypt_data(challenge, key).hex(),
        "encryption": 1,
    }
    framed = int.to_bytes(len(body), 4, "little") + body
    form = [
        ("query", (None, json.dumps(query).encode(), "application/json")),
        ("sample-image.png", ("sample-image.png", framed, "image/png")),
    ]
    answer = httpx.post(f"{server.url}/v2/file", files=form).json()
    return str(answer["output"]["entry"]["shorturl"])


def download(server: ServerProcess, short_url: str, key: bytes) -> bytes:
    """The frames of a file as they are stored, got as the document's example gets them."""
    signature = server.call("get_signature", shorturl=short_url)["signature"]
    challenge = decrypt_data(bytes.fromhex(signature), key).hex()
    info = server.call("get_protected_file_info", shorturl=short_url, challenge=challenge)
    assert info["encryption"] == 1
    return httpx.get(info["url"]).content


def sent(shell: Shell, file: str, way: str) -> tuple[str, str]:
    """The short URL and the password of a file that others can open."""
    if way == "--ww7":
        return shell.send(file, way, password=PASSWORD), PASSWORD
    short_url, _, key = shell.send(file, way).partition("#")
    return short_url, key


@pytest.mark.parametrize("derive", [double_sha256, pbkdf2])
@pytest.mark.parametrize("size", [0, 53_990, 3 << 20])
def test_a_file_of_the_documents_client_is_fetched(
    shell: Shell,
    server: ServerProcess,
    noise: bytes,
    size: int,
    derive: Callable[[str], bytes],
) -> None:
    short_url = upload(server, noise[:size], derive(PASSWORD))
    path = shell.fetch(short_url, password=PASSWORD)
    assert (path.name, path.read_bytes()) == ("sample-image.png", noise[:size])


@pytest.mark.parametrize("way", ["--ww7", "--key-link"])
@pytest.mark.parametrize("size", [0, 53_990])
def test_the_documents_client_fetches_a_file_of_ours(
    shell: Shell, server: ServerProcess, noise: bytes, size: int, way: str
) -> None:
    Path("file").write_bytes(noise[:size])
    short_url, password = sent(shell, "file", way)
    key = double_sha256(password)
    raw = download(server, short_url, key)
    assert int.from_bytes(raw[:4], "little") == len(raw) - 4
    assert decrypt_data(raw[4:], key) == noise[:size]


@pytest.mark.parametrize("way", ["--ww7", "--key-link"])
def test_any_client_that_reads_frames_fetches_a_large_file_of_ours(
    shell: Shell, server: ServerProcess, noise: bytes, way: str
) -> None:
    content = noise[: (9 << 20) + 5]
    Path("file").write_bytes(content)
    short_url, password = sent(shell, "file", way)
    key = double_sha256(password)
    raw = download(server, short_url, key)
    pieces = []
    while raw:
        end = 4 + int.from_bytes(raw[:4], "little")
        pieces.append(decrypt_data(raw[4:end], key))
        raw = raw[end:]
    assert b"".join(pieces) == content
    assert [len(piece) for piece in pieces] == [1 << 20] * 9 + [5]


def test_a_typed_passwords_file_is_ours_alone(shell: Shell, server: ServerProcess) -> None:
    """docs/deviations.md says so: its key is one for each file."""
    Path("file").write_text("x")
    short_url = shell.send("file", password=PASSWORD)
    with pytest.raises(ValueError, match="MAC check failed"):
        download(server, short_url, double_sha256(PASSWORD))
    raw = download(server, short_url, pbkdf2(PASSWORD))
    with pytest.raises(ValueError, match="MAC check failed"):
        decrypt_data(raw[4:], pbkdf2(PASSWORD))
