"""People with accounts, and those who once had them."""

from __future__ import annotations

from tests.teams.conftest import ann, newcomer

__all__ = ["ann", "newcomer"]
