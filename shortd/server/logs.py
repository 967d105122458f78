"""How the server's log looks: lines to read on a terminal, JSON lines anywhere else.

All of it goes to one stream: our own events through structlog, and what libraries log through
`logging`. A secret must never get there; `drop_secrets` removes the fields that could carry
one, and tracebacks never show the values of variables.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

_SECRET = re.compile(r"password|passwd|token|secret|api_?key|auth|cookie|signature|challenge")
# A temporary account's userid is its credential; an `smtp_url` carries a password.
_SECRET_NAMES = frozenset({"code", "key", "userid", "owner", "smtp_url", "query", "body"})


def configure(stream: TextIO | None = None) -> None:
    """Sends everything from INFO up to `stream` (standard error), from now on.

    For uvicorn to be part of it, start it with `log_config=None`.
    """
    stream = sys.stderr if stream is None else stream
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        drop_secrets,
    ]
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
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *(_for_terminals() if stream.isatty() else _for_machines()),
            ],
        )
    )
    # A log that cannot be written, on a full disk, say, is no reason for a traceback a line.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # Its lines hold whole addresses, and with them signatures and mailed codes.
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)


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


def _for_terminals() -> list[Processor]:
    # The renderer's own choice of traceback would show local variables.
    return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]


def _for_machines() -> list[Processor]:
    return [
        structlog.processors.format_exc_info,
        structlog.processors.JSONRenderer(default=repr),
    ]
