"""Owners of boxes, and those who send to them."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shortd.client.box_keys import Label, seal_to
from shortd.testing import RunningApp
from tests.web.surfer import Surfer

OWN = "http://127.0.0.1:8080"


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Its public key, as browsers spell it."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def coded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def derived(own: ec.EllipticCurvePrivateKey, other: bytes, salt: bytes, info: bytes) -> bytes:
    """What docs/sharing.md says of a box's keys."""
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), other)
    return HKDF(SHA256(), 32, salt, info).derive(own.exchange(ec.ECDH(), theirs))


def opened_label(owner: ec.EllipticCurvePrivateKey, item: dict[str, Any]) -> dict[str, Any]:
    """What names an encrypted file, as its owner reads it."""
    sender = decoded(item["sender_key"])
    key = derived(owner, sender, sender + point(owner), b"shortd box label")
    raw = decoded(item["label"])
    said: dict[str, Any] = json.loads(AESGCM(key).decrypt(raw[:12], raw[12:], None))
    return said


def drop_sealed(short_url: str, label: Label, *, spoil: Callable[[bytes], bytes] = bytes) -> None:
    """Somebody sends eight bytes into an encrypted box of a running server, by a program of his own
    that may `spoil` them."""
    with httpx.Client(verify=False) as wire:
        told = wire.get(short_url, headers={"accept": "application/json"}).json()["box"]
        action = str(httpx.URL(short_url).join(told["action"]))
        seal = seal_to(told["public_key"])
        begun = wire.post(f"{action}/begin", data={"size": "8"}).json()
        frame = spoil(seal.file_key.seal_frame(b"8 bytes.", 0, is_last=True))
        query = {"filekey": begun["filekey"], "number": 0}
        assert wire.post(f"{action}/part", params=query, content=frame).status_code == 200
        form = {**begun, "sender_key": seal.sender_key, "label": seal.label(label)}
        assert wire.post(f"{action}/finish", data=form).status_code == 200


def create(owner: Surfer, **inputs: Any) -> dict[str, Any]:
    """The entry of a new box."""
    return dict(owner.call("create_box", **{"name": "Invoices", **inputs})["entry"])


def listed(owner: Surfer, entry: dict[str, Any], **inputs: Any) -> list[dict[str, Any]]:
    return list(owner.call("list_box", shorturl=entry["shorturl"], **inputs)["files"])


def state(owner: Surfer, entry: dict[str, Any]) -> dict[str, Any]:
    return dict(owner.call("list_box", shorturl=entry["shorturl"])["box"])


class Sender:
    """Somebody without an account who has a box's link."""

    def __init__(self, app: RunningApp, entry: dict[str, Any], address: str = "198.51.100.7"):
        self.app = app
        self.path = "/-/box/" + entry["shorturl"].rpartition("/")[2]
        self.query: dict[str, str] = {}
        self.address = address

    def form(
        self,
        *files: tuple[str, bytes],
        note: str = "",
        in_browser: bool = True,
        site: str = "same-origin",
    ) -> httpx.Response:
        """The page's form."""
        parts: list[Any] = [("file", (name, data, "text/plain")) for name, data in files]
        if note:
            parts.append(("note", (None, note)))
        made = httpx.Request("POST", "http://x/", files=parts or {"file": ("", b"")})
        sent = {"content-type": made.headers["content-type"]}
        if "content-length" in made.headers:
            sent["content-length"] = made.headers["content-length"]
        if in_browser:
            sent |= {"accept": "text/html", "origin": OWN, "sec-fetch-site": site}
        return self._post("", {}, made.read(), sent)

    def begin(self, size: int, name: str = "a.txt", kind: str = "") -> httpx.Response:
        return self.script("begin", size=str(size), name=name, type=kind)

    def part(self, filekey: str, number: int, body: bytes) -> httpx.Response:
        sent = {"content-type": "application/octet-stream"}
        return self._post("/part", {"filekey": filekey, "number": str(number)}, body, sent)

    def script(self, act: str, **fields: str) -> httpx.Response:
        """What the page's script asks for."""
        sent = {"content-type": "application/x-www-form-urlencoded"}
        return self._post(f"/{act}", {}, urlencode(fields).encode(), sent)

    def whole(self, name: str, data: bytes, **fields: str) -> httpx.Response:
        """A small file in one part."""
        filekey = self.begin(len(data), name).json()["filekey"]
        assert self.part(filekey, 0, data).status_code == 200
        return self.script("finish", filekey=filekey, **fields)

    def _post(
        self, act: str, query: dict[str, str], body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        asked = urlencode({**self.query, **query})
        path = self.path + act + (f"?{asked}" if asked else "")
        return self.app.request("POST", path, content=body, headers=headers, address=self.address)


def refusal(answer: httpx.Response) -> str:
    """The code of the error that a program is told."""
    return str(answer.json()["error"]["code"])
