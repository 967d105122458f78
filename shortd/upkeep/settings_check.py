"""What is wrong with settings though each is one: what the start would stop at, or visitors meet.

For `shortd config check` and the operator's pages. It must change nothing, and not mind a server
that runs.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from shortd.hosts.ways import option_problems
from shortd.limits.budgets import FILE_MEGABYTE_WEIGHT, REDIRECT_WEIGHT
from shortd.plugin_runtime.discovery import Found, check_all, read_settings
from shortd.settings import ServerSettings, Settings
from shortd.settings.config import ConfigError
from shortd.settings.listening import addresses, hosts_of, is_stale, sockets_of
from shortd.store.data_directory import DATABASE, DataDirectoryInUse, StoreError, what_is_wrong
from shortd.store.looking import check_schema
from shortd.store.mounts import check_place
from shortd.visitors.countries import open_countries

LARGEST_CALL_WEIGHT = 101_000
"""1000 URLs in one call (`urls`), or 1000 entries (`get_entries`)."""
LARGEST_CLIENT_WEIGHT = 5_000
"""A mail to an address (`forgot_password`), of the calls that need no account."""
PRIVILEGED_PORTS = 1024


def problems(settings: Settings, plugins: Sequence[Found] | None = None) -> Iterator[str]:
    """One line for each; it begins with the setting's name.

    `plugins` are those of a server that asks this of itself: no plugin is imported then.
    """
    yield from _listening(settings.server)
    yield from _data_directory(settings.data_dir)
    yield from _place(settings)
    yield from _limits(settings)
    yield from option_problems(settings.host.options, (settings.public_url, *settings.hosts))
    check_plugins = check_all if plugins is None else partial(read_settings, found=plugins)
    for check in (check_plugins, _countries):
        try:
            check(settings)
        except ConfigError as error:
            yield from error.problems


def _listening(server: ServerSettings) -> Iterator[str]:
    for host in hosts_of(server.host):
        yield from _host(host, server.port)
    for path in sockets_of(server.host):
        yield from _socket(path)


def _host(host: str, port: int) -> Iterator[str]:
    try:
        family, address = addresses(host, port)[0]
    except (OSError, UnicodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "is no name"
        yield f"server.host: {host} does not resolve: {reason}"
        return
    # A port that is in use is so by our own server, most likely: another one tells of the address.
    tried = port if port < PRIVILEGED_PORTS else 0
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((address[0], tried, *address[2:]))
    except PermissionError:
        yield f"server.port: below {PRIVILEGED_PORTS}, which this user may not listen on"
    except OSError as fault:
        if fault.errno != errno.EADDRINUSE:
            yield f"server.host: {host} cannot be listened on: {fault.strerror}"


def _socket(path: Path) -> Iterator[str]:
    try:
        is_stale(path)
    except OSError as fault:
        # Our own server, most likely.
        if fault.errno != errno.EADDRINUSE:
            yield f"server.host: {path}: {fault.strerror}"
        return
    folder = path.parent
    if not folder.is_dir():
        yield f"server.host: {folder} is no folder, and the socket belongs there"
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield f"server.host: this user may not make a socket in {folder}"


def _data_directory(directory: Path) -> Iterator[str]:
    try:
        if (directory / DATABASE).exists():
            check_schema(directory)
    except PermissionError as fault:
        yield f"data_dir: {fault.filename}: {fault.strerror}"
    except DataDirectoryInUse:
        # By the server, whose settings these are.
        pass
    except StoreError as fault:
        yield f"data_dir: {fault}"
    family = (directory.absolute(), *directory.absolute().parents)
    above = next(folder for folder in family if os.path.lexists(folder))
    if not above.is_dir():
        yield f"data_dir: {above} {what_is_wrong(above)}"
    elif not os.access(above, os.W_OK | os.X_OK):
        yield f"data_dir: this user may not write in {above}"


def _place(settings: Settings) -> Iterator[str]:
    try:
        check_place(settings.data_dir, require_mount=settings.storage.require_mount)
    except StoreError as fault:
        yield f"storage.require_mount: {fault}"


def _limits(settings: Settings) -> Iterator[str]:
    kinds = settings.limits
    for name in kinds.__struct_fields__:
        limits = getattr(kinds, name)
        largest = LARGEST_CLIENT_WEIGHT if name == "client" else LARGEST_CALL_WEIGHT
        if limits.api_capacity < largest:
            yield (
                f"limits.{name}.api_capacity: calls that weigh more are refused for good, and the"
                f" largest weigh {largest}"
            )
        visit = REDIRECT_WEIGHT
        if name != "client":
            visit += FILE_MEGABYTE_WEIGHT * (limits.max_file_bytes // 1_000_000)
        if limits.link_capacity < visit:
            yield (
                f"limits.{name}.link_capacity: visits that weigh more are refused for good, and"
                f" one to the largest file (max_file_bytes) weighs {visit}"
            )


def _countries(settings: Settings) -> None:
    open_countries(settings.clicks.geoip_db)
