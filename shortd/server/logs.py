"""How the server's log looks: lines to read on a terminal, JSON lines anywhere else, unless the
settings say otherwise. Where the journal of systemd reads it, each line begins with its priority.

All of it goes to one stream: our own events through structlog, and what libraries log through
`logging`. A secret must never get there; `drop_secrets` removes the fields that could carry
one, and tracebacks never show the values of variables.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from io import UnsupportedOperation
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

from shortd.settings.settings import LogSettings

_SECRET = re.compile(r"password|passwd|token|secret|api_?key|auth|cookie|signature|challenge")
# A temporary account's userid is its credential; an `smtp_url` carries a password.
_SECRET_NAMES = frozenset({"code", "key", "userid", "owner", "smtp_url", "query", "body"})

_PRIORITIES = ((logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
"""Of syslog(3), from which level on; what is below them all is for debugging, 7."""

OURS = "shortd"
"""The logger of all that is ours."""


def configure(stream: TextIO | None = None, settings: LogSettings | None = None) -> None:
    """Sends everything from the level of the settings up to `stream` (standard error), from now on.

    For uvicorn to be part of it, start it with `log_config=None`.
    """
    stream = sys.stderr if stream is None else stream
    settings = settings or LogSettings()
    is_terminal, is_journal = stream.isatty(), leads_to_journal(stream, os.environ)
    as_text = settings.format == "text" or (settings.format == "auto" and is_terminal)
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        drop_secrets,
    ]
    if not (as_text and is_journal):
        # The journal shows a time of its own.
        shared.insert(-1, structlog.processors.TimeStamper(fmt="iso", utc=True))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    colors = is_terminal and not os.environ.get("NO_COLOR")
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *(_for_people(colors=colors) if as_text else _for_machines()),
        ],
    )
    handler.setFormatter(_Prioritized(formatter) if is_journal else formatter)
    # A log that cannot be written, on a full disk, say, is no reason for a traceback a line.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    # What libraries tell when they are to tell all may have secrets in it.
    logging.basicConfig(level=max(level, logging.INFO), handlers=[handler], force=True)
    logging.getLogger(OURS).setLevel(level)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # Its lines hold whole addresses, and with them signatures and mailed codes.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)


class _Prioritized(logging.Formatter):
    """Puts its priority before each line (sd-daemon(3)); the journal takes it off again."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        priority = next((one for level, one in _PRIORITIES if record.levelno >= level), 7)
        lines = self._inner.format(record).splitlines()
        return "\n".join(f"<{priority}>{line}" for line in lines)


def leads_to_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the journal reads a stream: JOURNAL_STREAM names it then (systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError, UnsupportedOperation):
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def drop_secrets(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Removes fields whose names say that they may hold a secret, at any depth."""
    return {name: _clean(value) for name, value in event.items() if not _is_secret(name)}


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _clean(below) for name, below in value.items() if not _is_secret(name)}
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return value


def _is_secret(name: object) -> bool:
    text = str(name).lower().replace("-", "_")
    return text in _SECRET_NAMES or _SECRET.search(text) is not None


def _for_people(*, colors: bool) -> list[Processor]:
    # The renderer's own choice of traceback would show local variables.
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        )
    ]


def _for_machines() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=repr),
    ]
