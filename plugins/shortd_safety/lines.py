"""What a line of a list says, in whichever of the known formats.

An entry is a text: `example.org` means that host and, unless its list says otherwise, all below
it; `=example.org` that host alone; `example.org/path?query` one address; `/expression/` whatever it
fits. With `@` in front it is an exception.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from shortd_safety.hosts import host_of, place_of, read_host

_NOWHERE = frozenset({"0.0.0.0", "127.0.0.1", "::", "::1", "0", "127.0.1.1"})
"""Where hosts files lead what they block."""
_OF_MACHINES = _NOWHERE | {"localhost.localdomain"}
"""What hosts files name without blocking it, as they do names without a dot."""
_COMMENT = re.compile(r"(?:^|\s)#.*")
_RULE = re.compile(r"(?P<exception>@@)?\|\|(?P<host>[^/^$|*\s]+)\^?(?:\$(?P<options>[\w,~-]+))?")
_WHOLE = frozenset({"all", "document", "doc", "important", "popup"})
"""Options of a rule with which it still means pages; with others it means parts of pages."""
_OF_BLOCKERS = re.compile(r"[|^$*]|#[@?$%]*#|^@@|^\[.*\]$|^[-/&.?_:]")
"""What ad blockers understand, and what is about parts of pages."""
_ORDINARY = re.compile(
    r"(?:(?:0\.0\.0\.0|127\.0\.0\.1)[ \t]+|\|\|)?"
    r"(?P<host>(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z]{2,63})\^?",
    re.ASCII,
)
"""What nearly all lines are: a host that is spelled as browsers do, so that few need more."""
_ADDRESS = re.compile(r"[0-9a-fA-F:.%]+(?:%\w+)?\Z")


def entries_of(line: str) -> Sequence[str]:
    """The entries of a line; none for comments, and for rules that are about no whole host.
    ValueError for what no format has.
    """
    line = line.strip()
    ordinary = _ORDINARY.fullmatch(line)
    if ordinary is not None and ordinary["host"] not in _OF_MACHINES:
        return (ordinary["host"],)
    if not line or line.startswith(("!", "#", ";")):
        return ()
    if line.startswith("/") and line.endswith("/") and len(line) > 2:
        return (line,)
    rule = _RULE.fullmatch(line)
    if rule is not None:
        options = rule["options"]
        if options and not _WHOLE.issuperset(options.split(",")):
            return ()
        return (f"{'@' if rule['exception'] else ''}{read_host(rule['host'])}",)
    line = _COMMENT.sub("", line).strip()
    first, *names = line.split()
    if names:
        if not _ADDRESS.match(first) and _OF_BLOCKERS.search(line):
            return ()
        return _of_hosts_file(first, names)
    if line.lower().startswith(("http://", "https://")):
        host = host_of(line)
        place = place_of(line)
        return (f"={host}" if place == f"{host}/" else place,)
    if line.startswith("="):
        return (f"={read_host(line[1:])}",)
    if line.startswith(("*.", ".")):
        return (read_host(line.lstrip("*").lstrip(".")),)
    try:
        return (read_host(line),)
    except ValueError:
        if _OF_BLOCKERS.search(line):
            return ()
        raise


def _of_hosts_file(address: str, names: Sequence[str]) -> Sequence[str]:
    if not _ADDRESS.match(address):
        raise ValueError("these are several words")
    if address not in _NOWHERE:
        return ()
    hosts = (read_host(name) for name in names)
    return [host for host in hosts if re.search("[.:]", host) and host not in _OF_MACHINES]
