"""Servers with one file behind /code, plain or encrypted, as an `Impostor` behaves."""

from __future__ import annotations

import json
from collections.abc import Sequence

from shortd.client.crypto import ww7_secret
from tests.client.impostor import Asked, Behaviour, Impostor, Say, envelope, refusal

ETAG = '"the-file"'
PASSWORD = "p"


def plain(body: bytes, **headers: str) -> Behaviour:
    """A plain file, told of by these headers."""
    given = {"ETag": ETAG, **{name.replace("_", "-"): value for name, value in headers.items()}}

    def behave(asked: Asked) -> Say:
        if asked.method == "POST":
            return refusal(404, "not_a_file")
        if asked.path == "/code":
            return Say(302, {"Location": "/-/files/key?signature=x"})
        return Say(200, given, body)

    return behave


class Locked:
    """A file under `PASSWORD`."""

    def __init__(self, *, is_bound: bool = True) -> None:
        secret = ww7_secret(PASSWORD)
        self.signature = secret.new_signature(is_bound=is_bound)
        challenge = secret.open_signature(self.signature)
        assert challenge is not None
        self._challenge = challenge.hex()
        self.key = secret.file_key(challenge)

    def frames(self, *plain: bytes) -> list[bytes]:
        """The frames of a whole file."""
        last = len(plain) - 1
        return [
            self.key.seal_frame(piece, number, is_last=number == last)
            for number, piece in enumerate(plain)
        ]

    def behaviour(
        self, body: bytes | Sequence[bytes], size: int, *, name: str = "file", url: str = ""
    ) -> Behaviour:
        """A server that has it, and names `url` as its address instead of the right one."""
        stored = body if isinstance(body, bytes) else b"".join(body)

        def behave(asked: Asked) -> Say:
            if asked.path == "/code":
                location = f"/-/unlock?shorturl=x%2Fcode&signature={self.signature}"
                return Say(302, {"Location": location})
            if asked.path == "/v2/get_signature":
                return envelope(signature=self.signature)
            if asked.method == "POST":
                assert json.loads(asked.body) == {
                    "shorturl": "x/code",
                    "challenge": self._challenge,
                }
                own = f"http://{asked.headers['host']}/-/files/key"
                return envelope(filename=name, filesize=size, url=url or own)
            return Say(200, {"ETag": ETAG}, stored)

        return behave


def visits(server: Impostor) -> list[Asked]:
    """What would have been clicks."""
    return [asked for asked in server.asked if (asked.method, asked.path) == ("GET", "/code")]
