"""`shortd user …`: accounts."""

from __future__ import annotations

import click

from shortd.commands.control import (
    USER_HELP,
    act,
    json_option,
    listing,
    look,
    look_at_one,
)
from shortd.commands.leaving import OF_A_USER
from shortd.commands.options import Place, placed, show
from shortd.commands.tables import (
    Column,
    Record,
    day,
    field,
    print_list,
    print_object,
    printable,
    size_text,
    time,
)

PASSWORD_VARIABLE = "SHORTD_USER_PASSWORD"
TYPES = click.Choice(["registered", "verified", "custom"])


@click.group()
def user() -> None:
    """Look after accounts."""


def _type(record: Record) -> str:
    marks = [name for name in ("operator", "locked") if record[name]]
    return ", ".join([record["type"], *marks])


def _second_factor(record: Record) -> str:
    passkeys = record["passkeys"]
    parts = ["app"] if record["app"] else []
    parts += [f"{passkeys} passkeys" if passkeys > 1 else "passkey"] if passkeys else []
    return ", ".join(parts) or "-"


ACCOUNTS = (
    Column("USERID", field("userid"), 5),
    Column("USERNAME", field("username")),
    Column("E-MAIL", field("email"), folds=True),
    Column("TYPE", _type),
    Column("SINCE", day("created_utime"), 4),
    Column("LINKS", field("links")),
    Column("FILES", lambda record: size_text(record["stored_bytes"]), 1),
    Column("SIGNED IN", day("last_login_utime"), 2),
    Column("SECOND FACTOR", _second_factor, 3),
)
SESSIONS = (
    Column("ID", field("id")),
    Column("SINCE", time("created_utime")),
    Column("USED", day("used_utime"), 1),
    Column("ENDS", day("ends_utime")),
    Column("FROM", field("address")),
    Column("BY", lambda one: one["issuer"] or (f"key {one['key']}" if one["key"] else "-"), 2),
    Column("WITH", field("user_agent"), 3, folds=True),
)
KEYS = (
    Column("ID", field("id")),
    Column("NAME", field("name"), folds=True),
    Column("MAY", lambda key: " and ".join(key["scopes"])),
    Column("SINCE", day("created_utime"), 1),
    Column("USED", day("used_utime")),
    Column("ENDS", day("ends_utime")),
)


@user.command("list")
@placed
@json_option
def user_list(place: Place, as_json: bool) -> None:
    """List all accounts with what they have, the oldest first."""
    from shortd.commands.sorting import in_order

    oldest = in_order(look(place, "user list"), lambda account: account["created_utime"])
    print_list(oldest, ACCOUNTS, "no accounts", as_json=as_json)


@user.command("show", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@json_option
def user_show(place: Place, name: str, as_json: bool) -> None:
    """Show an account."""
    found = look_at_one(place, "user show", user=name)
    if as_json:
        print_object(found)
        return
    known = "verified" if found["email_verified"] else "not verified"
    facts = {
        "userid": found["userid"],
        "username": found["username"] or "-",
        "e-mail": f"{found['email']}, {known}" if found["email"] else "-",
        "type": _type(found),
        "since": time("created_utime")(found),
        "ends": time("ends_utime")(found) if found["ends_utime"] else "never",
        "signed in": time("last_login_utime")(found),
        "2nd factor": _second_factor(found),
        "links": str(found["links"]),
        "files": size_text(found["stored_bytes"]),
        "teams": str(found["teams"]),
        "sessions": str(found["sessions"]),
        "API keys": str(found["keys"]),
    }
    show({fact: printable(value) for fact, value in facts.items()})


@user.command("sessions", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@json_option
def user_sessions(place: Place, name: str, as_json: bool) -> None:
    """List where an account is signed in."""
    listing(place, "user sessions", SESSIONS, "no sessions", as_json=as_json, user=name)


@user.command("keys", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@json_option
def user_keys(place: Place, name: str, as_json: bool) -> None:
    """List an account's API keys."""
    listing(place, "user keys", KEYS, "no API keys", as_json=as_json, user=name)


@user.command("revoke", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@click.option("--session", "sessions", multiple=True, metavar="ID", help="As user sessions has it.")
@click.option("--key", "keys", multiple=True, metavar="ID", help="As user keys has it.")
@click.option(
    "--all", "everything", is_flag=True, help="All sessions, API keys, passkeys and mailed codes."
)
def user_revoke(
    place: Place, name: str, sessions: tuple[str, ...], keys: tuple[str, ...], everything: bool
) -> None:
    """End sessions and keys of an account, at once.

    Its password stays: see shortd user set --password. To keep somebody out, lock the account.
    """
    if everything == bool(sessions or keys):
        raise click.UsageError("Say which, by --session or --key, or --all.")
    act(
        place,
        "user revoke",
        user=name,
        sessions=list(sessions),
        keys=list(keys),
        everything=everything,
    )


@user.command("add")
@placed
@click.argument("email")
@click.option("--username", default="", help="A name to log in with; needed for v1.")
@click.option(
    "--type", "kind", type=TYPES, default="registered", show_default=True, help="Which limits hold."
)
def user_add(place: Place, email: str, username: str, kind: str) -> None:
    """Add an account, whether or not strangers may sign up.

    Asks for the password, or takes it from SHORTD_USER_PASSWORD; not where passwords open nothing
    ([auth] password = false).
    """
    place.check()
    passwords = _new_password() if place.settings.auth.password else []
    account = {"email": email, "username": username, "type": kind, "passwords": passwords}
    act(place, "user add", **account)


@user.command("set", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@click.option("--email", help="Another address; it counts as not verified.")
@click.option("--username", help='Another name; "" for none.')
@click.option("--type", "kind", type=TYPES, help="Which limits hold.")
@click.option("--verified/--not-verified", default=None, help="Whether the address is known.")
@click.option(
    "--operator/--no-operator", default=None, help="Whether the operator's pages are its."
)
@click.option("--password", is_flag=True, help="Asks for a new one; logins and API keys end.")
@click.option(
    "--no-second-factor",
    is_flag=True,
    help="Removes its authenticator app, recovery codes and passkeys, which were lost.",
)
def user_set(
    place: Place,
    name: str,
    email: str | None,
    username: str | None,
    kind: str | None,
    verified: bool | None,
    operator: bool | None,
    password: bool,
    no_second_factor: bool,
) -> None:
    """Change an account.

    An account whose address is known is verified, one whose address is not is registered; custom
    ones may be either.
    """
    is_asked = password or no_second_factor
    if not is_asked and {email, username, kind, verified, operator} == {None}:
        raise click.UsageError("Say what to change, by an option.")
    place.check()
    changes = {
        "email": email,
        "username": username,
        "type": kind,
        "verified": verified,
        "operator": operator,
        "passwords": _new_password() if password else None,
        "second_factor": False if no_second_factor else None,
    }
    act(place, "user set", user=name, changes=changes)


@user.command("lock", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
def user_lock(place: Place, name: str) -> None:
    """Lock an account, until it is unlocked.

    Its links answer 404, its tokens and keys 403; nothing is lost.
    """
    act(place, "user lock", user=name)


@user.command("unlock", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
def user_unlock(place: Place, name: str) -> None:
    """Unlock an account: everything is as it was."""
    act(place, "user unlock", user=name)


@user.command("api-key", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@click.option("--name", "label", default="command line", show_default=True, help="What it is for.")
@click.option("--read-only", is_flag=True, help="It changes nothing.")
@click.option("--days", type=click.FloatRange(min=0, min_open=True), help="How long it lives.")
def user_api_key(
    place: Place,
    name: str,
    label: str,
    read_only: bool,
    days: float | None,
) -> None:
    """Make an API key for v1 and sqwish, and print it once."""
    scopes = ["read"] if read_only else ["read", "write"]
    key = {"user": name, "name": label, "scopes": scopes, "days": days}
    act(place, "user api-key", **key)


@user.command("link", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
@click.option("--proxy", metavar="NAME", help="Whom the proxy names in its header.")
@click.option(
    "--oidc",
    nargs=2,
    metavar="ISSUER SUBJECT",
    help="An issuer of the settings, and who it says somebody is (sub).",
)
def user_link(place: Place, name: str, proxy: str | None, oidc: tuple[str, str] | None) -> None:
    """Link an account to an issuer or the proxy.

    Whom they know by that name opens it from then on.
    """
    if (proxy is None) is (oidc is None):
        raise click.UsageError("Say who it is, by --proxy or by --oidc.")
    act(place, "user link", user=name, proxy=proxy or "", oidc=oidc)


@user.command("login-link", epilog=USER_HELP)
@placed
@click.argument("name", metavar="USER")
def user_login_link(place: Place, name: str) -> None:
    """Print an address that signs somebody in once.

    It is good for 15 minutes, and works whatever [auth] says.
    """
    act(place, "user login-link", user=name)


def _new_password() -> list[str]:
    """The derivations of a password, from the environment or the terminal."""
    from shortd.client.failures import ClientFailure
    from shortd.client.passwords import ask
    from shortd.client.texts import variable
    from shortd.security.passwords import PASSWORD_CHARACTERS, composed, derivations

    password = variable(PASSWORD_VARIABLE)
    if not password:
        password = ask("Password of the account: ", f"set {PASSWORD_VARIABLE}")
        if composed(ask("Once more: ", "")) != composed(password):
            raise ClientFailure("These are two different passwords.")
    if len(composed(password)) < PASSWORD_CHARACTERS:
        raise ClientFailure(f"A password has at least {PASSWORD_CHARACTERS} characters.")
    return derivations(password)


for command in OF_A_USER:
    user.add_command(command)
