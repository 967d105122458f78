"""`shortd status`: how the server is and what it holds, at a glance."""

from __future__ import annotations

import click

from shortd.clock import HOUR, utc_text
from shortd.commands.control import json_option, look_at_one
from shortd.commands.options import Place, placed, show
from shortd.commands.tables import Record, print_object, printable, size_text
from shortd.commands.working import working


@click.command()
@placed
@json_option
def status(place: Place, as_json: bool) -> None:
    """Show how the server is, and what it holds.

    Of a server that is stopped it tells what is stored.
    """
    with working("adding up"):
        found = look_at_one(place, "status")
    if as_json:
        print_object(found)
        return
    show({name: printable(str(fact)) for name, fact in _facts(found).items()})


def _facts(found: Record) -> dict[str, str]:
    sizes, mail, backup = found["sizes"], found["mail"], found["backup"]
    facts = {
        "server": f"{_state(found)}, shortd {found['version']}, {found['public_url']}",
        **{f"  {part}": fault for part, fault in found["faults"].items()},
        "database": f"{size_text(sizes['database'])} of {size_text(sizes['database_most'])}",
        "files": f"{found['files']}, {size_text(sizes['files'])}",
        "journal": _journal(found),
        "disk": f"{size_text(sizes['disk_free'])} free of {size_text(sizes['disk'])}",
        "accounts": _accounts(found["accounts"]),
        "links": f"{found['links']}; destinations blocked: {found['blocked']}",
        "teams": f"{found['teams']}, domains of theirs: {found['domains']}",
        "clicks": f"{found['clicks']} on them; a day (UTC):",
        **{f"  {day}": str(count) for day, count in found["clicks_by_day"].items()},
        "mail": _mail(mail),
        "backup": _backup(backup, found["now_utime"]),
        "plugins": _plugins(found["plugins"]),
    }
    return facts


def _state(found: Record) -> str:
    return f"running, {found['state']}" if found["running"] else "stopped"


def _journal(found: Record) -> str:
    size = size_text(found["sizes"]["journal"])
    backlog = found["clicks_backlog"]
    return size if backlog is None else f"{size}, clicks that wait to be counted: {backlog}"


def _accounts(accounts: dict[str, int]) -> str:
    kinds = {name: count for name, count in accounts.items() if name not in ("operators", "locked")}
    parts = [f"{count} {name}" for name, count in kinds.items() if count]
    marks = [f"{name} {accounts[name]}" for name in ("operators", "locked") if accounts.get(name)]
    said = ", ".join(parts) or "none"
    return f"{said}; {', '.join(marks)}" if marks else said


def _mail(mail: Record) -> str:
    if not mail["sends"]:
        return (
            f"no mail server is set: {mail['waiting']} waiting"
            if mail["waiting"]
            else ("no mail server is set")
        )
    said = f"{mail['waiting']} waiting"
    if mail["oldest_utime"]:
        said += f", the oldest since {utc_text(mail['oldest_utime'])}"
    return f"{said}; given up in the last week: {mail['given_up']}"


def _backup(backup: Record | None, now: int) -> str:
    if backup is None:
        return "none yet; see shortd backup --help"
    hours = (now - backup["utime"]) // HOUR
    ago = f"{hours} hours ago" if hours < 48 else f"{hours // 24} days ago"
    return f"{utc_text(backup['utime'])}, {ago}, {size_text(backup['size'])}"


def _plugins(plugins: list[Record]) -> str:
    named: dict[str, list[str]] = {}
    for one in plugins:
        reason = f" ({one['reason']})" if one["reason"] else ""
        named.setdefault(f"{one['state']}{reason}", []).append(one["name"])
    return "; ".join(f"{', '.join(names)} {said}" for said, names in named.items()) or "none"
