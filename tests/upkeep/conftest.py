"""People in teams, on whom the operator acts."""

from __future__ import annotations

from tests.teams.conftest import ann, ben, newcomer

__all__ = ["ann", "ben", "newcomer"]
