"""Documents as sqwish answers them: everything is text, in the order of its document."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias, Union
from urllib.parse import quote

from shortd import errors

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

Document: TypeAlias = Mapping[str, Union[str, "Document", Sequence["Document"]]]
"""Names and what they hold; a sequence holds what comes several times under its name."""

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# What no XML document can hold (XML 1.0 2.2), and white space that its readers would change.
_NO_XML = re.compile("[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Format(StrEnum):
    """What an answer is written in."""

    JSON = "json"
    XML = "xml"

    @property
    def content_type(self) -> str:
        return "application/json" if self is Format.JSON else "application/xml; charset=utf-8"


def flag(value: bool) -> str:
    """A truth value as the document spells it."""
    return "true" if value else "false"


def refusal(error: errors.ShortdError) -> Document:
    """The document of a call that failed."""
    is_about_one = error.kind in (errors.INVALID_FIELD, errors.MISSING_FIELD) and error.field
    message = f"{error.field}: {error.message}" if is_about_one else error.message
    return {"error": flag(True), "message": message}


def render(document: Document, written: Format) -> bytes:
    """The document's bytes. Characters that XML cannot hold are percent-encoded there, which
    leaves URLs what they are.
    """
    if written is Format.JSON:
        # Slashes as the document has them; with ASCII alone, no reader can guess the charset wrong.
        return json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode("ascii")
    from xml.etree.ElementTree import Element, tostring

    root = Element("sqwish")
    _fill(root, document)
    return (_DECLARATION + tostring(root, "unicode", short_empty_elements=False)).encode()


def _fill(element: Element, document: Document) -> None:
    from xml.etree.ElementTree import SubElement

    for name, value in document.items():
        if isinstance(value, str):
            SubElement(element, name).text = _NO_XML.sub(lambda found: quote(found[0]), value)
        else:
            for inner in [value] if isinstance(value, Mapping) else value:
                _fill(SubElement(element, name), inner)
