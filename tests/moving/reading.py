"""Reads a source to its end, for tests."""

from __future__ import annotations

from pathlib import Path

import httpx
import msgspec

from shortd.moving.options import Options
from shortd.moving.records import (
    ClickSum,
    HostSetting,
    Problem,
    Remark,
    SourceClick,
    SourceLink,
)
from shortd.moving.sources import open_source

SAMPLES = Path(__file__).parent / "samples"


class Reading(msgspec.Struct):
    """All that a source yields."""

    form: str = ""
    links: list[SourceLink] = []
    problems: list[Problem] = []
    remarks: list[Remark] = []
    settings: list[HostSetting] = []
    clicks: list[SourceClick] = []
    sums: list[ClickSum] = []

    def link(self, code: str, host: str | None = None) -> SourceLink:
        """The link of a code."""
        (found,) = (link for link in self.links if (link.code, link.host) == (code, host))
        return found

    def remark(self, name: str) -> Remark | None:
        """The remark of a name."""
        return next((remark for remark in self.remarks if remark.name == name), None)


def read(
    format_name: str,
    where: Path | str,
    options: Options | None = None,
    *,
    client: httpx.Client | None = None,
) -> Reading:
    """All of a source."""
    found = Reading()
    with open_source(format_name, str(where), options or Options(), client=client) as source:
        found.form = source.form
        for record in source.links():
            if isinstance(record, SourceLink):
                found.links.append(record)
            elif isinstance(record, Problem):
                found.problems.append(record)
            elif isinstance(record, Remark):
                found.remarks.append(record)
            else:
                found.settings.append(record)
        for click in source.clicks():
            if isinstance(click, SourceClick):
                found.clicks.append(click)
            else:
                found.sums.append(click)
        assert source.progress in (None, 1.0) or not (found.links or found.problems)
    return found
