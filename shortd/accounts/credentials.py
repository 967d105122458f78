"""Ending what opens an account: all of it at once, whoever takes the account back.

An account may have been a stranger's before it was its owner's, who signed up with an address that
was not his. So a new password leaves nothing behind that was made under the old one: a kind of
credential that is forgotten here would let the stranger in for good. Which kinds there are stands
in `store.schema.CREDENTIALS`, beside the tables.
"""

from __future__ import annotations

from shortd.ids import token_digest
from shortd.models.mail import MailPurpose
from shortd.store.schema import API_KEYS, CODES, CREDENTIALS, IDENTITIES, PASSKEYS, TOKENS
from shortd.store.txn import Txn, WriteTxn


def end_credentials(
    txn: WriteTxn,
    userid: str,
    *,
    keep_token: str | None = None,
    keep_keys: bool = False,
    keep_identities: bool = False,
) -> None:
    """Ends logins of all APIs, API keys, passkeys, codes mailed for a new password, and what is
    known of addresses.

    `keep_token` is the one login that goes on, of who asks. API keys and passkeys may be kept for
    somebody who knew the old password; logins that were opened with them end all the same. So may
    who the account is at issuers and to the proxy: for somebody it may be the only way back in.
    """
    kept = None if keep_token is None else (userid, token_digest(keep_token))
    for table in CREDENTIALS:
        if table in (API_KEYS, PASSKEYS) and keep_keys:
            continue
        if table is IDENTITIES and keep_identities:
            continue
        for key, row in list(table.scan(txn, (userid,))):
            if table is TOKENS and key == kept:
                continue
            if table is CODES and (row.used or key[1] == MailPurpose.VERIFY):
                # It opens nothing. One that was used is told apart from wrong ones.
                continue
            table.delete(txn, key)


def living_keys(txn: Txn, userid: str, now: int) -> int:
    """How many API keys of an account are good."""
    return sum(row.expiration_utime > now for _, row in API_KEYS.scan(txn, (userid,)))
