"""From the fields of the form to a link for a file, which is made when the file is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from shortd import errors
from shortd.hosts.destinations import Destination
from shortd.languages import Language
from shortd.links import NewLink, TagFilter
from shortd.links.endings import free_like, is_free
from shortd.links.terms import TermChanges
from shortd.models.accounts import Account
from shortd.models.files import Bundle, Encryption, File
from shortd.models.links import Link
from shortd.services import Services
from shortd.sharing.bundles import NewEntry, bundled
from shortd.sharing.descriptions import FORBIDDEN, NAME_CHARACTERS, Description, described
from shortd.sharing.files import Secrecy
from shortd.web.forms import Form
from shortd.web.home.making import ENDS, hosts_of, read_ending
from shortd.web.share.contents import NewFile

LOOKED_AT = 2000
"""Newest links of an account among which the largest files are looked for."""
LARGEST = 5
LOOKED_BACK = 20
"""Newest links among which one is looked for whose making got no answer."""

ZIP_TYPE = "application/zip"
"""Of several files: what all of them are fetched as."""
LONGEST_FIRST = 200
"""Characters of the first file's name in that of several."""

F = TypeVar("F", bound=NewFile)
FIELDS = {"code": "ending", "expiration_count": "downloads", "expiration_utime": "ends"}
"""What the form calls what services know by other names."""


async def read(
    services: Services,
    account: Account | None,
    form: Form[F],
    words: Callable[[str], str],
    now: int,
) -> tuple[Form[F], NewLink | None]:
    """The form with what is wrong, or the link that is to be made. BUSY."""
    given = form.value
    if given is None:
        return form, None
    try:
        hosts = hosts_of(services, account, given.team)
    except errors.ShortdError as refusal:
        return form.wrong("team", refusal.said(words), refusal), None
    host = hosts[0]
    if given.host is not None:
        found = next((one for one in hosts if one.name == given.host), None)
        if found is None:
            return form.wrong("host", words("Choose one of these.")), None
        host = found
    ending = (given.ending or "").strip()
    if ending:
        ending, said = read_ending(services, host, ending, words)
        if said:
            return form.wrong("ending", said), None
    if ending and not is_free(services.store, services.hosts, host.number, ending):
        return taken(services, form, host.number, ending, words, now), None
    changes: dict[str, Any] = {}
    if given.ends:
        if given.ends not in ENDS:
            return form.wrong("ends", words("Choose one of these.")), None
        changes["expiration_utime"] = now + ENDS[given.ends]
    if given.downloads is not None:
        changes["expiration_count"] = given.downloads
    terms, _ = await services.links.terms.of_new(TermChanges(**changes))
    new = NewLink(Destination("", ""), host, ending or None, terms, team=given.team, replaces=False)
    return form, new


def taken(
    services: Services,
    form: Form[F],
    host: int,
    ending: str,
    words: Callable[[str], str],
    now: int,
) -> Form[F]:
    """The form whose ending is another link's."""
    free = free_like(services.store, services.hosts, host, ending, now)
    if not free:
        return form.wrong("ending", words("“%(ending)s” is taken.") % {"ending": ending})
    said = words("“%(ending)s” is taken. Free are %(free)s.")
    return form.wrong("ending", said % {"ending": ending, "free": ", ".join(free)})


def of_upload(filename: str, size: int, filetype: str) -> Description:
    """What a browser says of a file, with a name that may be kept."""
    name = FORBIDDEN.sub("_", filename).strip(" ")[-NAME_CHARACTERS:]
    name = "file" if name in ("", ".", "..") else name
    try:
        return described(name, size, filetype)
    except errors.ShortdError:
        return Description(name, size, "")


def together(
    files: Sequence[tuple[str, Description]], words: Language
) -> tuple[Description, Bundle]:
    """Several files with their paths, as one link has them. INVALID_FIELD."""
    made = bundled(
        [NewEntry(path=path, size=file.filesize, filetype=file.filetype) for path, file in files]
    )
    more = len(files) - 1
    named = words.ngettext("%(name)s and %(num)s more", "%(name)s and %(num)s more", more)
    name = named % {"name": files[0][1].filename[:LONGEST_FIRST], "num": more}
    return of_upload(name, sum(entry.size for entry in made.entries), ZIP_TYPE), made


def entries_of(text: str) -> Bundle | None:
    """What a script tells of several files in one upload; None if it is one. BAD_FORM,
    INVALID_FIELD.
    """
    if not text:
        return None
    try:
        return bundled(msgspec.json.decode(text, type=list[NewEntry]))
    except msgspec.DecodeError:
        raise errors.BAD_FORM("The body is not the form of this page.") from None


def secrecy(challenge: str, signature: str) -> Secrecy:
    """How a file is encrypted; not at all without these. MISSING_FIELD for one of both."""
    if not challenge and not signature:
        return Secrecy()
    if not challenge or not signature:
        raise errors.MISSING_FIELD(field="signature" if challenge else "challenge")
    return Secrecy(Encryption.AES_GCM, challenge, signature)


async def of_file(services: Services, account: Account, filekey: str) -> Link | None:
    """The link that was made of an upload just now."""
    newest = await services.links.links.page(account, TagFilter(), start=0, count=LOOKED_BACK)
    return next((link for link in newest if link.filekey == filekey), None)


async def largest(services: Services, account: Account) -> list[tuple[Link, File]]:
    """The links whose files take the most, among the newest."""
    newest = await services.links.links.page(account, TagFilter(), start=0, count=LOOKED_AT)
    found: list[tuple[Link, File]] = []
    with services.store.read() as txn:
        for link in newest:
            file = services.sharing.files.of_link(txn, link)
            if file is not None:
                found.append((link, file))
    return sorted(found, key=lambda pair: pair[1].stored_size, reverse=True)[:LARGEST]
