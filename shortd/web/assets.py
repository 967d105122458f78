"""Assets: what lies in `static/`, read once, under addresses that change with the content.

Browsers keep an asset for ever, so a page and its scripts are always of one version. A script is
hashed with the addresses of those that it imports, so one that changes changes all above it.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import msgspec
import rcssmin
import rjsmin

FOLDER = "/-/static/"
"""Below this path are our own assets and nothing that anybody else has sent."""
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ico": "image/x-icon",
    ".png": "image/png",
    ".txt": "text/plain; charset=utf-8",
}
PACKED = frozenset({".js", ".css", ".svg", ".txt"})
"""What shrinks."""

WORDS = "words.js"
"""The script that the others ask for their words."""

_STATIC = Path(__file__).parent / "static"
_IMPORT = re.compile(rb'\b(?:from |import |import\()"\./([\w.-]+)"')
_IMPORT_AT_ONCE = re.compile(rb'\b(?:from |import )"\./([\w.-]+)"')


class AssetError(ValueError):
    """Scripts that import each other in a ring, or what is not there."""


class Asset(msgspec.Struct, frozen=True):
    """A file as it is served."""

    name: str
    path: str
    body: bytes
    packed: bytes | None
    """By gzip; None where that makes nothing smaller."""
    content_type: str
    etag: str
    imports: tuple[str, ...] = ()
    """Names of all scripts that it needs at once, those that need nothing first."""


class Assets:
    """All assets by name, and by the last part of their path."""

    def __init__(self, sources: Mapping[str, bytes]) -> None:
        imports = {name: _imports(name, body) for name, body in sources.items()}
        for name, needed in imports.items():
            if missing := set(needed) - sources.keys():
                raise AssetError(f"{name} imports {min(missing)}, which is not there")
        try:
            order = list(TopologicalSorter(imports).static_order())
        except CycleError as fault:
            raise AssetError(f"scripts import each other: {' > '.join(fault.args[1])}") from None
        self._by_name: dict[str, Asset] = {}
        for name in order:
            self._by_name[name] = self._made(name, sources[name], imports[name])
        self._by_file = {asset.path.removeprefix(FOLDER): asset for asset in self}

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._by_name.values())

    def named(self, name: str) -> Asset:
        """KeyError if there is none."""
        return self._by_name[name]

    def served(self, file: str) -> Asset | None:
        """The asset at `FOLDER` + `file`; None unless it is one of these, in this version."""
        return self._by_file.get(file)

    def scripts(self, language: str, names: Sequence[str]) -> list[str]:
        """Paths of the scripts of a page, in the order to load them: the words of its language come
        before those that say any."""
        loaded = [self._by_name[name] for name in names]
        words = self._by_name.get(f"words.{language}.js")
        if words and any({asset.name, *asset.imports} & {WORDS} for asset in loaded):
            loaded.insert(0, words)
        return [asset.path for asset in loaded]

    def _made(self, name: str, body: bytes, needed: Sequence[str]) -> Asset:
        stem, dot, suffix = name.rpartition(".")
        at_once = {other.decode() for other in _IMPORT_AT_ONCE.findall(body)} & {*needed}
        if suffix == "js":
            body = rjsmin.jsmin(body)
        elif suffix == "css":
            body = rcssmin.cssmin(body)
        for other in needed:
            # In the same folder, wherever that is for who asks.
            file = self._by_name[other].path.removeprefix(FOLDER)
            body = body.replace(f'"./{other}"'.encode(), f'"./{file}"'.encode())
        version = hashlib.sha256(body).hexdigest()[:16]
        packed = gzip.compress(body, 9, mtime=0) if dot + suffix in PACKED else body
        below = {name for other in at_once for name in self._by_name[other].imports}
        return Asset(
            name=name,
            path=f"{FOLDER}{stem}.{version}{dot}{suffix}",
            body=body,
            packed=packed if len(packed) < len(body) else None,
            content_type=TYPES[dot + suffix],
            etag=f'"{version}"',
            imports=tuple(name for name in self._by_name if name in below | at_once),
        )


def _imports(name: str, body: bytes) -> list[str]:
    found = _IMPORT.findall(body) if name.endswith(".js") else ()
    return sorted({other.decode() for other in found})


@cache
def static_sources() -> Mapping[str, bytes]:
    """What lies in `static/`."""
    return {file.name: file.read_bytes() for file in sorted(_STATIC.iterdir())}
