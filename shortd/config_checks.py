"""What a type cannot say about a setting: addresses, networks, mail.

Each check returns the value in the form to keep, or raises ValueError with a message that does
not repeat the value.
"""

from __future__ import annotations

import ipaddress
from email import policy
from urllib.parse import parse_qsl, urlsplit

import ada_url
from email_validator import EmailNotValidError, validate_email

from shortd.config_reader import Check


def base_url(text: str) -> str:
    """The origin of a short host as it is kept and shown, like `https://s.example:8443`.

    Names become lower-case ASCII, a scheme's usual port goes. Raises ValueError for anything
    but scheme, host and port of http or https.
    """
    problem = ValueError(
        "expected an http or https address without path, query or user, such as https://s.example"
    )
    # The URL standard quietly repairs white space, backslashes and missing slashes.
    if not text.isprintable() or any(character in text for character in " ?#@\\"):
        raise problem
    try:
        url = ada_url.URL(text)
    except ValueError as error:
        raise problem from error
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in ("http", "https") or rest.startswith("/") or url.pathname != "/":
        raise problem
    return str(url.origin)


def network(text: str) -> str:
    """A network, or a single address as the network of itself, in its usual spelling."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(
            "expected an address or a network such as 10.0.0.0/8, with no bit set beyond its length"
        ) from error


def smtp_url(text: str) -> str:
    """`smtp://` or `smtps://`, then `user:password@`, if wanted, `host:port`, `?starttls=1`."""
    problem = ValueError(
        "expected smtp://user:password@host:port or smtps://…, with ?starttls=1 or nothing after it"
    )
    if not text:
        return text
    try:
        url = urlsplit(text)
        port = url.port
        options = parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query))
    except ValueError as error:
        raise problem from error
    if (
        url.scheme not in ("smtp", "smtps")
        or not url.hostname
        or port == 0
        or url.path not in ("", "/")
        or url.fragment
        or options not in ([], [("starttls", "0")], [("starttls", "1")])
        or (url.scheme == "smtps" and options == [("starttls", "1")])
        or not text.isprintable()
        or " " in text
    ):
        raise problem
    return text


def sender(text: str) -> str:
    """One e-mail address, with or without a name before it; empty for the server's choice.

    Local names such as shortd@nas.local are fine here, unlike for accounts.
    """
    if not text:
        return text
    problem = ValueError("expected one e-mail address, or a name and <address>")
    try:
        header = policy.default.header_factory("From", text)
    except IndexError as error:
        # How the parser of Python 3.11 meets "name@".
        raise problem from error
    if header.defects or len(header.addresses) != 1 or not header.addresses[0].domain:
        raise problem
    (address,) = header.addresses
    if not address.domain.isascii():
        try:
            validate_email(
                address.addr_spec, check_deliverability=False, globally_deliverable=False
            )
        except EmailNotValidError as error:
            raise problem from error
    return text


CHECKS: dict[str, Check] = {
    "public_url": base_url,
    "hosts": base_url,
    "server.trusted_proxies": network,
    "server.metrics_from": network,
    "mail.smtp_url": smtp_url,
    "mail.from": sender,
}
"""By the dotted name of the setting; of a list, each item is checked."""
