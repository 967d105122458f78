"""Where the settings file is: named, or in one of a few places.

It must never be taken from where somebody else may have put it.
"""

from __future__ import annotations

import os
from pathlib import Path

from shortd.settings.config_reader import ConfigError

PLACES = (Path("config.toml"), Path("/etc/shortd/config.toml"))
"""Where `shortd init` puts it, and where the service has it; the first that is there counts."""


def find(named: Path | None) -> Path | None:
    """The file to read: the one that is named, else the first that is there; None if there is none.

    Raises ConfigError for one in the working folder that belongs to neither this user nor root: it
    may name plugins, which are code, and be anybody's in a folder such as /tmp.
    """
    if named is not None:
        return named
    for place in PLACES:
        try:
            owner = place.stat().st_uid
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:
            # The service's, most likely. Others' data and defaults are not what is meant then.
            raise ConfigError(
                [f"{place}: cannot be read: Permission denied; name another file with --config"]
            ) from None
        if not place.is_absolute() and owner not in (os.geteuid(), 0):
            raise ConfigError(
                [f"{place}: is neither yours nor root's; if it is meant, name it with --config"]
            )
        return place
    return None
