"""Whether an address seems to carry a file's signature or key: then nobody is told of its visits.

Providers are told neither the destination nor anything of the visitor's address behind the code,
so that nothing of this leaks even where a key is not recognized.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import ada_url

_NAME = re.compile(
    r"(?:signature|sig|key|pass|password|passwd|passphrase|passcode|pwd|secret|token|auth)"
    r"[^a-z]*=.",
    re.IGNORECASE,
)
"""A parameter whose name ends like this and which has a value: also Dropbox' rlkey, say."""
_RUN = re.compile(r"[A-Za-z0-9_+/=-]{16,}")
"""What a key of 96 bits or more looks like in hex or base64."""
_WORD = re.compile(r"[0-9]{0,15}|[A-Z]?[a-z]{0,24}|[A-Z]{1,12}")


def carries_key(url: str) -> bool:
    """Whether an http(s) URL seems to be that of a file or of a page that opens one."""
    parsed = ada_url.URL(url)
    # A server of this kind has all that is signed there.
    if unquote(parsed.pathname).startswith("/-/"):
        return True
    fragment = unquote(parsed.hash)
    return bool(_NAME.search(unquote(parsed.search)) or _NAME.search(fragment)) or any(
        not all(map(_WORD.fullmatch, re.split("[_+/=-]", run))) for run in _RUN.findall(fragment)
    )
