"""The document's own examples of encrypted files, run as written, its crypto included.

`AES` stands in for Crypto.Cipher, httpx for requests, and the temporary folder for the one the
example runs in; the bracket and indentation that the scraped document lost are put back.
"""

from __future__ import annotations

import hashlib
import json
import mimetypes
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.api.v2.people import double_sha256
from tests.server_process import ServerProcess

FILENAME = "sample-image.png"
USERNAME = "Test User"
PASSWORD = "Trial151!"
FILE_PASSWORD = "TestPassword"

Json = dict[str, Any]


class AES:
    """The part of Crypto.Cipher.AES that the examples use."""

    MODE_GCM = "GCM"

    @classmethod
    def new(cls, key: bytes, mode: str, *, nonce: bytes, mac_len: int) -> AES:
        assert (mode, mac_len) == (cls.MODE_GCM, 16)
        return cls(key, nonce)

    def __init__(self, key: bytes, nonce: bytes) -> None:
        self._cipher = AESGCM(key)
        self._nonce = nonce

    def encrypt_and_digest(self, data: bytes) -> tuple[bytes, bytes]:
        sealed = self._cipher.encrypt(self._nonce, data, None)
        return sealed[:-16], sealed[-16:]

    def decrypt_and_verify(self, data: bytes, tag: bytes) -> bytes:
        return self._cipher.decrypt(self._nonce, data + tag, None)


# Encrypt data
def encrypt_data(data: bytes, password: str) -> bytes:
    # 256-bit key is double-sha256 of file password
    key = hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()

    # Encrypt data
    iv = secrets.token_bytes(12)
    cipher = AES.new(key, AES.MODE_GCM, nonce=iv, mac_len=16)
    data_encrypted, tag = cipher.encrypt_and_digest(data)

    return iv + data_encrypted + tag


# Decrypt data
def decrypt_data(data: bytes, password: str) -> bytes:
    # 256-bit key is double-sha256 of file password
    key = hashlib.sha256(hashlib.sha256(password.encode()).digest()).digest()

    iv = data[:12]
    tag = data[-16:]
    cipher = AES.new(key, AES.MODE_GCM, nonce=iv, mac_len=16)
    return cipher.decrypt_and_verify(data[12:-16], tag)


# Encrypt data, generate challenge-signature pair
def encrypt_file(rawdata: bytes, password: str) -> tuple[bytes, str, str]:
    challenge = secrets.token_bytes(16)
    signature = encrypt_data(challenge, password)
    rawdata = encrypt_data(rawdata, password)
    return int.to_bytes(len(rawdata), 4, "little") + rawdata, challenge.hex(), signature.hex()


@pytest.fixture
def api(server: ServerProcess) -> Iterator[str]:
    """Base of the calls, on a server that has the document's user."""
    server.call(
        "signup",
        email="test.user@nowhere.com",
        username=USERNAME,
        password=double_sha256(PASSWORD),
    )
    yield f"{server.url}/v2"


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The document's file, of the size it has there, in the current folder."""
    data = os.urandom(53990)
    (tmp_path / FILENAME).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return data


def log_in(api: str) -> Json:
    query = {
        "username_email": USERNAME,
        "password": hashlib.sha256(hashlib.sha256(PASSWORD.encode()).digest()).hexdigest(),
    }
    response: Json = httpx.post(f"{api}/login", content=json.dumps(query)).json()
    return response


def put_file(api: str, login: Json, *, encrypt: bool, **more: Any) -> tuple[Json, Json]:
    """The example of `file`: its query and the response."""
    filename = FILENAME
    filesize = os.stat(filename).st_size  # noqa: PTH116 - as written
    filetype, _ = mimetypes.guess_type(filename)
    rawdata = Path(filename).read_bytes()
    query = {
        "userid": login["output"]["userid"],
        "token": login["output"]["token"],
        "filename": filename,
        "filesize": filesize,
        "filetype": filetype,
        **more,
    }
    if encrypt:
        rawdata, challenge, signature = encrypt_file(rawdata, FILE_PASSWORD)
        query["challenge"] = challenge
        query["signature"] = signature
        query["encryption"] = 1
    files: Any = {
        "query": (None, json.dumps(query), "application/json"),
        filename: (filename, rawdata, filetype),
    }
    return query, httpx.post(f"{api}/file", files=files).json()


@pytest.mark.parametrize("encrypt", [True, False])
def test_file(api: str, image: bytes, encrypt: bool) -> None:
    query, response = put_file(api, log_in(api), encrypt=encrypt)
    assert (response["status"], response["type"]) == ("success", "file")
    # 1000 per call and 100 per MB, of which 53990 bytes are none.
    assert response["weight"] == 1000
    entry = response["output"]["entry"]
    assert entry.pop("utime") == response["utime"]
    assert len(entry.pop("filekey")) == 32
    assert entry.pop("shorturl").startswith(api.removesuffix("v2"))
    assert entry.pop("id") > 0
    assert entry == {
        "count": 0,
        "count_qr": 0,
        "enabled": True,
        "encryption": int(encrypt),
        "expiration_count": 0,
        "expiration_utime": 576460752303423487,
        "filesize": 53990,
        "filetype": "image/png",
        "order": 0,
        "signature": query.get("signature", ""),
        "tag": 0,
        "url": "sample-image.png",
        "userid": query["userid"],
    }


def test_get_signature_and_get_protected_file_info(api: str, image: bytes) -> None:
    query, response_file = put_file(api, log_in(api), encrypt=True, tag=1000)
    assert response_file["output"]["entry"]["tag"] == 1000

    # Get signature for the file accessed by the short link, and resolve the challenge word
    query = {"shorturl": response_file["output"]["entry"]["shorturl"]}
    response_get_signature = httpx.post(f"{api}/get_signature", content=json.dumps(query)).json()

    # Find the challenge using the file-password and encoded signature
    signature = bytes.fromhex(response_get_signature["output"]["signature"])
    with pytest.raises(InvalidTag):
        decrypt_data(signature, "another password")
    challenge = decrypt_data(signature, FILE_PASSWORD).hex()

    # Get the protected file information for download
    query = {
        "shorturl": response_file["output"]["entry"]["shorturl"],
        "challenge": challenge,
    }
    response = httpx.post(f"{api}/get_protected_file_info", content=json.dumps(query)).json()
    assert (response["type"], response["status"]) == ("get_protected_file_info", "success")
    assert response["weight"] == 0
    info = response["output"]

    # Download & Decrypt & Write the file
    rawdata = httpx.get(info["url"]).content
    assert int.from_bytes(rawdata[:4], "little") == len(rawdata) - 4
    rawdata = decrypt_data(rawdata[4:], FILE_PASSWORD)
    Path("downloaded-" + info["filename"]).write_bytes(rawdata)

    assert Path("downloaded-sample-image.png").read_bytes() == image
    assert info.pop("url").startswith(api.removesuffix("v2"))
    assert info == {
        "encryption": 1,
        "filename": "sample-image.png",
        "filesize": 53990,
        "filetype": "image/png",
        "url_expire_utime": response["utime"] + 60 * 1_000_000,
    }
