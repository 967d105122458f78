"""docs/safety.md: its settings are those that there are, its examples work, its lines mean that."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest
from cryptography.exceptions import InvalidSignature

from shortd.testing import StartApp
from shortd_safety import Safety
from shortd_safety.lines import entries_of
from shortd_safety.settings import ListSettings, Settings, read_key

PAGE = (Path(__file__).parents[2] / "docs/safety.md").read_text(encoding="utf-8")
SETTINGS = (
    PAGE.partition("## All settings")[2].partition("\n## ")[0].split("[[plugins.safety.lists]]")
)
EXAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.S)


@pytest.mark.parametrize(("kind", "told"), [*zip((Settings, ListSettings), SETTINGS, strict=True)])
def test_all_settings_are_told_of(kind: type[msgspec.Struct], told: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \|", told, re.M)
    fields = msgspec.structs.fields(kind)
    defaults = {one.name: msgspec.to_builtins(one.default) for one in fields}
    assert [name for name, _ in rows] == [one.name for one in fields]
    for name, default in rows:
        said = tomllib.loads(f"x = {default}")["x"]
        assert said == (list(defaults[name]) if said == [] else defaults[name])


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(shortd_app: StartApp, example: str) -> None:
    app = shortd_app(Safety, config=example)
    page = app.browser("olga", operator=True).get("/-/x/safety/").text
    for source in app.plugin(Safety).settings.all_lists:
        assert source.title in page


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 4


def test_lines_mean_something() -> None:
    table = PAGE.partition("## What lists may say")[2].partition("\n## ")[0]
    lines = [
        line for row in re.findall(r"^\| (`.*?`) \| ", table, re.M) for line in row.split(", ")
    ]
    for line in lines:
        said = line.strip("`").replace("\\|", "|")
        assert bool(entries_of(said)) == ("…" not in said), said
    assert len(lines) == 15


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the signature")
def test_how_a_list_is_signed(tmp_path: Path) -> None:
    [commands] = re.findall(r"```sh\n(.*?)```", PAGE, re.S)
    (tmp_path / "hosts.txt").write_text("bad.example\n")
    done = subprocess.run(
        ["bash", "-ec", commands],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    key = read_key(done.stdout)
    signature = (tmp_path / "hosts.txt.sig").read_bytes()
    key.verify(signature, b"bad.example\n")
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"bad.example")
