"""Makes docs/plugin-reference.md of the code: every name that authors import, every field and every
hook, with what the code's own docstrings say of them.

    python -m tests.testing.reference

`test_reference.py` asks that nothing would change, and that nothing goes without a word.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple, get_type_hints

from shortd import plugin
from shortd.errors import ShortdError
from shortd.models import common, links
from shortd.plugin import hookspecs
from shortd.plugin.hookspecs import ASYNC, HOOKS, Hookspecs
from tests.testing import kinds_of_hooks

PAGE = Path(__file__).parents[2] / "docs/plugin-reference.md"
GROUPS: dict[str, tuple[str, ...]] = {
    "The plugin": ("Plugin", "hookimpl", "Server"),
    "What hooks are given": (
        *("Link", "Terms", "Forwarding", "Utm", "NEVER", "Visit", "Agent", "File"),
        *("Account", "SignIn", "Event", "Counts"),
    ),
    "What hooks answer": (
        *("Destination", "Interstitial", "Sources", "Refuse", "Hold", "Panel", "Words"),
        *("SignInOffer", "ImportedLink", "BadData"),
    ),
    "Making links": ("Links", "LinkTerms", "Refused"),
    "Tables": ("Store", "Table", "StoreFull", "BadRow"),
    "Requests": ("Http", "HttpAnswer", "HttpFault"),
    "Patterns of destinations": ("DestinationPatterns",),
    "Pages": ("Access", "Caller", "Template", "Person"),
    "Without a server": ("NoServer",),
}
"""All names, in the order of the page."""
APART = {
    "Server": ("belongings", "frame"),
    "Refused": ("because", "kind", "sentence", "said"),
    "BadData": ("sentence",),
}
"""What the server alone has to do with."""
RAISED = ("BadData", "Refused")
"""Exceptions that authors raise; others are raised for them."""
ALIASES = {
    "Waits": "None",
    "Owner": "Account | str",
    "Named": "Link | str",
    "Refuse | Hold | Awaitable[Refuse | Hold | None] | None": "Refuse | Hold | None",
}
"""Types by another name, as who reads would have them."""
CONSTANTS: dict[str, ModuleType] = {"hookimpl": hookspecs, "NEVER": common, "Utm": links}
"""Names that are no classes, and where they are said."""
HEAD = """\
# Reference of the plugin kit

Everything that plugins import from `shortd.plugin`, and every hook. [The guide](plugins.md) says
what it is for, [the page of hooks](plugin-hooks.md) has an example of each, and [the
recipes](plugin-recipes.md) put them together.

This page is made of the code by `python -m tests.testing.reference`, and a test compares them. All
times are Unix time in µs, unless they are said to be something else. What hooks are given and what
they answer is frozen; new fields come at the ends, with defaults.
"""


class Member(NamedTuple):
    """A field, property or method of a class."""

    name: str
    declared: str
    """As the code has it, on one line: `is_get: bool = True`."""
    meaning: str
    is_method: bool = False


def page() -> str:
    """The whole page."""
    parts = [HEAD, "## Hooks\n", kinds_of_hooks.text()]
    parts += [_hook(name) for name in HOOKS]
    for group, names in GROUPS.items():
        parts.append(f"## {group}\n")
        parts += [_section(name) for name in names]
    return "\n".join(parts)


def members(cls: type) -> list[Member]:
    """What a class says that authors have to do with, in the order of the code."""
    theirs = [ShortdError] if cls is plugin.Refused else []
    return [
        member
        for one in (cls, *theirs)
        for member in _members(one)
        if not member.name.startswith("_") and member.name not in APART.get(cls.__name__, ())
    ]


def _hook(name: str) -> str:
    node = next(
        node for node in _body(Hookspecs) if isinstance(node, ast.FunctionDef) and node.name == name
    )
    kind = "`def` or `async def`" if name in ASYNC else "`def`"
    about = f"{kinds_of_hooks.kind_of(name)}; {kind}; [example](plugin-hooks.md#{name})."
    return f"### `{name}`\n\n```text\n{_signature(node)}\n```\n\n{about}\n\n{_prose(node)}\n"


def _section(name: str) -> str:
    if name in CONSTANTS:
        return f"### `{name}`\n\n{_constant(name)}\n"
    cls = getattr(plugin, name)
    found = members(cls)
    parts = [f"### `{name}`", _prose(_class(cls)) + _bases(cls)]
    fields = [member for member in found if not member.is_method]
    if fields:
        rows = [
            f"| `{_cell(one.declared)}`{_links(one.declared, name)} | {_cell(one.meaning)} |"
            for one in fields
        ]
        parts.append("\n".join(["| | |", "|---|---|", *rows]))
    methods = [
        f"- `{one.declared}`\n\n{textwrap.indent(one.meaning, '  ')}"
        for one in found
        if one.is_method
    ]
    parts += methods
    return "\n\n".join(parts) + "\n"


def _bases(cls: type) -> str:
    """What else it is, where that is on this page, or what `except` catches."""
    base = cls.__mro__[1].__name__
    if base in plugin.__all__:
        return f" It has all of [{base}](#{base.lower()}), too."
    if not issubclass(cls, Exception):
        return ""
    return f" {'An' if base[0] in 'AEIOU' else 'A'} `{base}`."


def _members(cls: type) -> Iterator[Member]:
    body = _body(cls)
    for node, following in zip(body, [*body[1:], None], strict=True):
        match node:
            case ast.AnnAssign(target=ast.Name(id=name)):
                declared = re.sub(r"ClassVar\[(.*)\](?= =|$)", r"\1", ast.unparse(node))
                yield Member(name, declared.replace("'", '"'), _said(following))
            case ast.Assign(targets=[ast.Name(id=name)]) if not name.startswith("_"):
                yield Member(name, _assigned(cls, node, name), _said(following))
            case ast.FunctionDef(name="__init__"):
                yield from _of_init(cls, node)
            case ast.FunctionDef() | ast.AsyncFunctionDef() if _is_property(node):
                declared = f"{node.name}: {ast.unparse(node.returns) if node.returns else 'Any'}"
                yield Member(node.name, declared, " ".join(_prose(node).split()))
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield Member(node.name, _signature(node), _prose(node), is_method=True)


def _of_init(cls: type, node: ast.FunctionDef) -> Iterator[Member]:
    """How an exception is made, and attributes."""
    if cls.__name__ in RAISED:
        made = _signature(node).removesuffix(" -> None").replace("__init__", cls.__name__)
        yield Member(cls.__name__, made, _prose(node), is_method=True)
    named = [*node.args.posonlyargs, *node.args.args]
    given = {one.arg: one.annotation for one in named}
    for assignment, following in zip(node.body, [*node.body[1:], None], strict=True):
        match assignment:
            case ast.AnnAssign(target=ast.Attribute(attr=name), annotation=kind):
                yield Member(name, f"{name}: {ast.unparse(kind)}", _said(following))
            case ast.Assign(targets=[ast.Attribute(attr=name)]) if said := given.get(name):
                yield Member(name, f"{name}: {ast.unparse(said)}", _said(following))


def _assigned(cls: type, node: ast.Assign, name: str) -> str:
    value = cls.__dict__[name]
    if hasattr(type(value), "__get__") and not isinstance(value, (str, int)):
        kind = get_type_hints(type(value).__get__)["return"]
        return f"{name}: {kind.__name__}"
    return f"{name} = {ast.unparse(node.value)}".replace("'", '"')


def _constant(name: str) -> str:
    body = ast.parse(inspect.getsource(CONSTANTS[name])).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            value = "" if name == "hookimpl" else f"`{ast.unparse(node.value)}`: "
            return value + _said(following)
    raise LookupError(name)


def _class(cls: type) -> ast.ClassDef:
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(node, ast.ClassDef), "that is what it is"
    return node


def _body(cls: type) -> Sequence[ast.stmt]:
    return _class(cls).body


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """On one line, as a caller writes it."""
    given = ast.unparse(node.args).removeprefix("self").removeprefix(", ")
    given = given.replace("=", " = ").replace("'", '"')
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    begin = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    signature = f"{begin}{node.name}({given}){returns}"
    for alias, kind in ALIASES.items():
        signature = re.sub(rf"(?<= ){re.escape(alias)}(?=$|[ ,)])", kind, signature)
    return signature


def _is_property(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any(ast.unparse(one) in ("property", "cached_property") for one in node.decorator_list)


def _prose(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    return ast.get_docstring(node) or ""


def _said(node: ast.stmt | None) -> str:
    """What stands below a declaration, if it is a text."""
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
    return ""


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _links(declared: str, own: str) -> str:
    """Where the types stand that a declaration names."""
    names = dict.fromkeys(re.findall(r"\b[A-Z]\w+", declared.partition(":")[2]))
    there = [name for name in names if name in plugin.__all__ and name != own]
    return "".join(f" [→](#{name.lower()})" for name in there)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
