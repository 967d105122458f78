"""The vocabulary of input fields: one name for each kind of value, with its bounds.

Parsed once at the edge; behind it, types are true. Descriptions end up in the API reference.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

# Patterns end up in the OpenAPI document, so they are such as ECMA 262 has, too. In Python `$`
# also matches before a final newline, hence the look-ahead.
HEX_ID = r"^[0-9a-f]{24}$(?!\n)"
"""Of what has an id of 96 random bits, or of Shorten World v1."""

UserId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{32}$(?!\n)", description="An account's id.")]
TokenText = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9]{32}$(?!\n)", description="A token from login or signup.")
]
PasswordHex = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Fa-f]{64}$(?!\n)",
        description="The password as the client derived it: 64 hex digits.",
    ),
]
MailedCodeHex = Annotated[
    str,
    Meta(pattern=r"^[0-9A-Fa-f]{32}$(?!\n)", description="The code from the mail: 32 hex digits."),
]
FactorCode = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=32,
        description="The six digits of an authenticator app, or a recovery code.",
    ),
]
PasskeyAnswer = Annotated[
    str, Meta(min_length=2, max_length=8192, description="What a browser says of a passkey.")
]
Name = Annotated[
    str, Meta(min_length=1, max_length=254, description="A username or an e-mail address.")
]
Email = Annotated[str, Meta(min_length=1, max_length=320, description="An e-mail address.")]
Username = Annotated[str, Meta(max_length=128, description="At most 64 printable characters.")]
UrlText = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=16_384,
        description="An http or https URL, 8192 bytes.",
        examples=["https://example.com/"],
    ),
]
ShortUrl = Annotated[
    str,
    Meta(min_length=1, max_length=2048, description="A short URL, with or without its scheme."),
]
HostName = Annotated[
    str, Meta(min_length=1, max_length=512, description="One of this server's short hosts.")
]
CodeV2 = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=1200,
        description=(
            "6 to 16 of A-Z, a-z, 0-9; case matters. Where the host allows wide codes, up to 400"
            " bytes of UTF-8 without control characters."
        ),
    ),
]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Tag = Annotated[
    int,
    Meta(
        ge=-(2**63),
        le=2**63 - 1,
        description="64 bits, each a mark of the owner's own.",
        examples=[32776],
    ),
]
Utime = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, description="Unix time in microseconds.")]
ClickLimit = Annotated[
    int,
    Meta(
        ge=0,
        le=2**63 - 1,
        description="Redirects allowed in all; 0 is no limit.",
        examples=[100],
    ),
]
EntryCount = Annotated[int, Meta(ge=1, le=1000, description="How many entries, at most.")]
StartIndex = Annotated[
    int, Meta(ge=0, le=2**63 - 1, description="Where to begin; 0 is the newest entry.")
]
