"""Random keys that a data directory keeps for itself, each under a name."""

from __future__ import annotations

import secrets

from shortd.security.signing import KEY_BYTES
from shortd.store import Store
from shortd.store.schema import SECRETS


async def secret(store: Store, name: str) -> bytes:
    """The key of that name, 32 bytes; made when it is asked for first."""
    known = store.get(SECRETS, (name,))
    if known is not None:
        return known

    key = secrets.token_bytes(KEY_BYTES)
    # Only a start asks, so that nobody else makes one. A full disk must not keep it from serving.
    await store.write_or_owe(lambda txn: SECRETS.put(txn, (name,), key))
    return key
