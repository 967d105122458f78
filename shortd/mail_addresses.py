"""E-mail addresses: what is one, and how it is kept (RFC 5321, 5322, 6531).

Accounts, settings and mail all ask here, so that none of them takes what another refuses. Names of
a home network, such as ann@nas.local, are as good as any; whether a domain takes mail is never
asked. What reads and makes headers is imported with the first address that needs it.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.headerregistry import Address

    from email_validator import ValidatedEmail


def normalized(text: str) -> str:
    """The address without white space around it, its domain in lower case. ValueError."""
    return _valid(text.strip()).normalized


def mailbox_of(text: str) -> Address:
    """The mailbox of an address, its domain in ASCII. ValueError if it is none."""
    from email.headerregistry import Address

    valid = _valid(text)
    return Address(username=valid.local_part, domain=valid.ascii_domain)


def sender_of(text: str) -> Address:
    """An address with or without a name before it, its domain in ASCII. ValueError.

    The operator knows what his mail server takes: an ASCII domain may be any, and an address in
    brackets, too.
    """
    from email import policy
    from email.errors import NonASCIILocalPartDefect
    from email.headerregistry import Address

    problem = ValueError("expected one e-mail address, or a name and <address>")
    try:
        header = policy.default.header_factory("From", text)
    except (AttributeError, IndexError):
        # How the parser of Python 3.11 meets "name@" and some routes.
        raise problem from None
    flaws = [one for one in header.defects if not isinstance(one, NonASCIILocalPartDefect)]
    if flaws or len(header.addresses) != 1 or not text.isprintable():
        raise problem
    (address,) = header.addresses
    domain = address.domain
    if not domain or not address.username:
        raise problem
    if not domain.isascii():
        try:
            domain = _valid(f"shortd@{domain}").ascii_domain
        except ValueError:
            raise problem from None
    username = unicodedata.normalize("NFC", address.username)
    return Address(address.display_name, username, domain)


def _valid(text: str) -> ValidatedEmail:
    # Looked for when an address is: it takes longer to import than most commands take.
    import email_validator

    # The library's documented switch.
    email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()
    try:
        return email_validator.validate_email(
            text, check_deliverability=False, globally_deliverable=False
        )
    except email_validator.EmailNotValidError as refusal:
        raise ValueError(str(refusal)) from None
