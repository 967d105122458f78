"""People in teams, on whom the operator acts; a server that has something of everything."""

from __future__ import annotations

import pytest

from tests.teams.conftest import ann, ben, newcomer
from tests.upkeep import full

__all__ = ["ann", "ben", "newcomer"]


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> full.Exported:
    """Nobody may change it."""
    place = tmp_path_factory.mktemp("full")
    known = full.unpacked(place / "data")
    with full.opened(place / "data", known) as app:
        full.fill(app)
        assert full.empty_tables(app) == {"imported"}
    one = full.Exported(known, place / "data", place / "export")
    (place / "links.csv").write_text("code,url\nFromCsv1,https://csv.example/\n")
    one.did("import", "csv", place / "links.csv", "--account", "zoe", "--apply")
    assert "link" in one.did("export", one.folder)
    return one
