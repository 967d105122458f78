"""The samples of peers' data, each put on hosts of its own of one server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from tests.moving.reading import SAMPLES

PUBLIC_URL = "https://s.example.test"


class Sample(msgspec.Struct, frozen=True):
    """A source, what has to come of it, and where it is put."""

    number: int
    path: Path
    expected: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def format(self) -> str:
        return str(self.expected["format"]).split("-")[0]

    @property
    def is_api(self) -> bool:
        return bool(self.expected["format"] == "shlink-rest")

    @property
    def domains(self) -> dict[str, str]:
        """Hosts here by those of the source; "" is its default one."""
        rows = [*self.expected["links"], *self.expected["skipped"]]
        names = sorted({row.get("host") or "" for row in rows} | {""})
        return {name: f"h{at}.n{self.number}.example" for at, name in enumerate(names)}

    def arguments(self, address: str) -> list[str]:
        """What `shortd import` is told of it."""
        mapped = [f"--map-domain={theirs}={ours}" for theirs, ours in self.domains.items()]
        return [self.format, address if self.is_api else str(self.path), *mapped]


def all_samples() -> list[Sample]:
    found = []
    for number, path in enumerate(sorted(SAMPLES.rglob("*.expected.json"))):
        expected = json.loads(path.read_text(encoding="utf-8"))
        found.append(Sample(number, path.with_name(expected["sample"]), expected))
    return found


ALL = all_samples()
HOSTS = [f"https://{name}" for sample in ALL for name in sample.domains.values()]


@contextmanager
def answering() -> Iterator[tuple[str, str]]:
    """The address of a server that answers as Shlink does, and its key."""
    [sample] = [sample for sample in ALL if sample.is_api]
    folder = SAMPLES / "shlink"
    command = [sys.executable, str(folder / "mock_shlink.py"), str(sample.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().strip(), sample.expected["options"]["api_key"]
        finally:
            server.terminate()
