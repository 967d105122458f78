"""`shortd init`: a settings file and a data directory to begin with."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path

import click

from shortd.client.texts import checked
from shortd.commands.options import fail, quieten, settings_options, show
from shortd.settings.config import load, text_of

EXAMPLE = "config.example.toml"


@click.command()
@settings_options
def init(config_file: Path | None, data_dir: Path | None) -> None:
    """Write a commented settings file and make the data directory.

    The file is ./config.toml unless --config names another; one that is there is never touched.
    With --data it names that directory, else ./shortd-data.
    """
    file = config_file or Path("config.toml")
    text = _example()
    if data_dir is not None:
        # The file is UTF-8, which not every path is.
        checked(str(data_dir), "--data")
        text = text.replace(
            '#data_dir = "./shortd-data"',
            f"data_dir = {json.dumps(text_of(data_dir), ensure_ascii=False)}",
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A mail account's password may be written into it.
        file.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        fail([f"{file}: exists already; nothing was written"])
    try:
        file.write_text(text, encoding="utf-8")
        settings = load(file, data_dir=data_dir, environ={})
        _make(settings.data_dir, settings.storage.map_bytes, file)
    except BaseException:
        # To be tried again, once what was wrong is mended.
        file.unlink(missing_ok=True)
        raise
    show({"settings": file, "data": settings.data_dir, "next": f"shortd serve --config {file}"})


def _make(directory: Path, map_bytes: int, file: Path) -> None:
    """An empty data directory; whose folder it is, his are database and settings file."""
    from shortd.store import Store
    from shortd.store.data_directory import act_as_owner

    quieten()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = directory.stat()
    if os.geteuid() == 0:
        os.chown(file, owner.st_uid, owner.st_gid)
    act_as_owner(directory)
    Store(directory, map_bytes=map_bytes).close()


def _example() -> str:
    packaged = resources.files("shortd") / EXAMPLE
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    # A checkout has it beside the package.
    return Path(__file__).parents[2].joinpath(EXAMPLE).read_text(encoding="utf-8")
