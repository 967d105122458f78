"""Templates made into pages, in the reader's language: whole ones, or one part of them.

Everything is escaped, and a name that the context lacks is an error rather than a blank. A page
must never carry inline style or script: the headers of pages forbid them, and with them everything
that somebody's link text might smuggle in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

from jinja2 import BaseLoader, Environment, StrictUndefined, Template, TemplateNotFound
from jinja2.runtime import Context

from shortd import __version__
from shortd.hosts import NO_PATHS, BasePaths, path_of
from shortd.languages import Language, Languages, open_languages
from shortd.settings import Settings
from shortd.visits.request_heads import RequestHead
from shortd.web.assets import Assets, static_sources
from shortd.web.base_path import placed, placed_pieces
from shortd.web.filters import filters_of, symbol
from shortd.web.readers import Reader, Readers
from shortd.web.sentences import sentences_of

_TEMPLATES = Path(__file__).parent / "templates"
_PLAIN = (FunctionType, MethodType)
_QUICKLY = "\nfrom shortd.web.escaping import escape\n"
"""At the end of a template's code: what it escapes with, in the place of Jinja's."""


class Pages:
    """All pages of a server."""

    def __init__(
        self, public_url: str, languages: Languages | None = None, paths: BasePaths = NO_PATHS
    ) -> None:
        languages = languages or open_languages()
        self.readers = Readers(languages, paths)
        self.assets, self._environments = _machinery(languages)
        self._default = Reader(languages.default, base_path=path_of(public_url))
        self.site = public_url.partition("://")[2]
        """The server's name for itself."""
        self._site = {
            "languages": languages,
            "public_url": public_url,
            "site": self.site,
            "version": ".".join(__version__.split(".")[:2]),
        }

    def render(self, template: str, reader: Reader | None = None, **context: object) -> str:
        """A whole HTML document. `template` is a path such as "home/page.html".

        TemplateNotFound for an unknown one, UndefinedError when the context lacks a name.
        """
        reader = reader or self._default
        return self.rendered(self._template(template, reader), reader, **context)

    def pieces(
        self, template: str, reader: Reader | None = None, **context: object
    ) -> Iterator[str]:
        """What `render` makes, bit by bit."""
        reader = reader or self._default
        pieces = self._template(template, reader).generate(self._context(reader, context))
        return placed_pieces(pieces, reader.base_path)

    def rendered(self, template: Template, reader: Reader | None = None, **context: object) -> str:
        """The same for a template at hand."""
        reader = reader or self._default
        return placed(template.render(self._context(reader, context)), reader.base_path)

    def part(
        self, template: str, name: str, reader: Reader | None = None, **context: object
    ) -> str | None:
        """The part of a page; None if its template has no such part."""
        reader = reader or self._default
        found = self._template(template, reader)
        block = found.blocks.get(f"part_{name.replace('-', '_')}")
        if block is None:
            return None
        made = "".join(block(found.new_context(self._context(reader, context))))
        return placed(made, reader.base_path)

    def environment(self, code: str) -> Environment:
        """What templates are made with, for a language by its code."""
        return self._environments[code]

    def reader(self, head: RequestHead) -> Reader | None:
        """Who reads a page that this request asks for; None for a program."""
        return self.readers.of(head) if head.wants_html else None

    def _template(self, name: str, reader: Reader) -> Template:
        return self._environments[reader.language.code].get_template(name)

    def _context(self, reader: Reader, context: Mapping[str, object]) -> dict[str, object]:
        return {
            "viewer": None,
            "message": None,
            "home": "/",
            "entries": (),
            **self._site,
            "reader": reader,
            **context,
        }


def open_pages(settings: Settings, paths: BasePaths) -> Pages:
    """The pages of a server with these settings. CatalogueError, AssetError."""
    web = settings.web
    return Pages(settings.public_url, open_languages(web.language, web.languages), paths)


class _Context(Context):
    """Calls what needs nothing of it at once: a page of rows calls a thousand times, and to find
    that out takes as long as what is called."""

    def call(self, called: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if type(called) in _PLAIN and not hasattr(called, "jinja_pass_arg"):
            kwargs.pop("_block_vars", None)
            kwargs.pop("_loop_vars", None)
            return called(*args, **kwargs)
        return super().call(called, *args, **kwargs)


class _Compiled(BaseLoader):
    """Templates as code, compiled once a process and the same for all languages: that takes longer
    than opening everything else."""

    def __init__(self) -> None:
        self._codes: dict[str, CodeType] = {}

    def load(
        self,
        environment: Environment,
        name: str,
        globals: MutableMapping[str, Any] | None = None,
    ) -> Template:
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = self._compile(environment, name)
        given = environment.make_globals(globals)
        return environment.template_class.from_code(environment, code, given)

    def list_templates(self) -> list[str]:
        return sorted(
            file.relative_to(_TEMPLATES).as_posix() for file in _TEMPLATES.rglob("*.html")
        )

    def _compile(self, environment: Environment, name: str) -> CodeType:
        file = _TEMPLATES / name
        if name not in self.list_templates():
            raise TemplateNotFound(name)
        source = environment.compile(file.read_text("utf-8"), name, str(file), raw=True)
        return compile(source + _QUICKLY, str(file), "exec")


_COMPILED = _Compiled()


@cache
def _machinery(languages: Languages) -> tuple[Assets, Mapping[str, Environment]]:
    """The assets with the words of all languages, and an environment for each of these."""
    words = {
        f"words.{language.code}.js": language.scripts.encode()
        for language in languages
        if language.scripts
    }
    assets = Assets({**static_sources(), **words})
    return assets, {language.code: _environment(language, assets) for language in languages}


def _environment(language: Language, assets: Assets) -> Environment:
    environment = Environment(
        loader=_COMPILED,
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        # What is known when a template is compiled would be known in one language.
        optimized=False,
    )
    environment.context_class = _Context
    environment.globals.update(sentences_of(language))

    def asset(name: str) -> str:
        return assets.named(name).path

    environment.globals.update(
        language=language, asset=asset, assets=assets, icon=symbol(asset("icons.svg"))
    )
    environment.filters.update(filters_of(language))
    environment.globals["parts"] = environment.get_template("parts/parts.html").module
    return environment
