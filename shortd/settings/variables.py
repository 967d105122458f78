"""Environment variables as settings: which of them are any, and what the others may mean."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator

PREFIX = "SHORTD_"
_FILE = "_FILE"
"""So do images have it for what is not to stand in the environment."""
_HOST = "host__"
_OPTIONS = frozenset(
    {
        *("SHORTD_CONFIG", "SHORTD_DATA"),
        # The client's, which may be there for the whole of a user's session.
        *("SHORTD_SERVER_URL", "SHORTD_USERID", "SHORTD_TOKEN", "SHORTD_FILE_PASSWORD"),
        *("SHORTD_USER_PASSWORD", "SHORTD_LINK_PASSWORD", "SHORTD_IMPORT_API_KEY"),
    }
)
"""The environment's forms of options; reading them is left to the commands that have these."""
# Kubernetes tells every container of every service in these words, after the service's name
# (kubernetes.io/docs/concepts/services-networking/service, "Environment variables"). A service may
# be called shortd, or shortd-files.
_OF_SERVICES = re.compile(
    r"([A-Z0-9]+_)*(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)"
)
_OF_A_PORT = re.compile(r"([A-Z0-9]+_)*PORT=(tcp|udp|sctp)://.*")
_CLOSE = 0.8


def is_setting(name: str, value: str) -> bool:
    """Whether a variable is to be read as a setting, known or not."""
    if not name.startswith(PREFIX) or name in _OPTIONS:
        return False
    rest = name.removeprefix(PREFIX)
    if "__" in rest:
        return True
    # SHORTD_SERVER_PORT=9000 is somebody's mistake, SHORTD_SERVER_PORT=tcp://10.0.0.1:80 nobody's.
    return not (_OF_SERVICES.fullmatch(rest) or _OF_A_PORT.fullmatch(f"{rest}={value}"))


def named_by_file(name: str) -> str | None:
    """The variable of the setting whose value is in a file that this one names; None if it is a
    setting itself. Those of plugins may have any name.
    """
    setting = name.removesuffix(_FILE)
    of_plugin = name.startswith(f"{PREFIX}PLUGINS__")
    return None if setting in (name, PREFIX[:-1]) or of_plugin else setting


def path_of(name: str) -> list[str]:
    """Section, subsection, key: where in the settings a variable belongs.

    That of a host has what is left of its name in between, which may have "__" in it.
    """
    rest = name.removeprefix(PREFIX).lower()
    if rest.startswith(_HOST):
        host, _, key = rest.removeprefix(_HOST).rpartition("__")
        return ["host", host, key] if host else ["host", key]
    return rest.split("__")


def name_of(setting: str) -> str:
    """The variable of a setting, which is given by its dotted name."""
    return PREFIX + setting.upper().replace(".", "__")


def meant(name: str, settings: Collection[str]) -> str | None:
    """The variable that was meant by one of an unknown name, if there is a likely one.

    `settings` are the dotted names of all that there are.
    """
    names = [name_of(setting) for setting in settings]
    return next(_likely(name, names), None)


def _likely(name: str, names: Collection[str]) -> Iterator[str]:
    yield from (one for one in names if _squeezed(one) == _squeezed(name))
    inside = [one for one in names if _squeezed(one).endswith(name.removeprefix("SHORTD"))]
    if len(inside) == 1:
        yield from inside
    close = difflib.get_close_matches(
        _squeezed(name).removeprefix(PREFIX),
        [_squeezed(one).removeprefix(PREFIX) for one in names],
        n=1,
        cutoff=_CLOSE,
    )
    yield from (one for one in names if close and _squeezed(one) == PREFIX + close[0])


def _squeezed(name: str) -> str:
    return re.sub("_+", "_", name.upper())
