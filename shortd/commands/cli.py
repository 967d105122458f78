"""The command line: the group of all commands, and how any of them ends in failure.

One place turns a refusal into a line on standard error and an exit status: 2 for settings and
usage, 130 for Ctrl-C, 1 for anything else. Logic that is worth a test of its own belongs elsewhere.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from shortd import __version__
from shortd.client.failures import ClientFailure, Interrupted
from shortd.client.texts import print_anything
from shortd.commands.index import Index
from shortd.commands.options import fail
from shortd.settings.config import ConfigError

INTERRUPTED = 130
"""As shells have it for what Ctrl-C has ended."""


class Commands(click.Group):
    """The group of all commands; whatever any of them raises is rendered here."""

    def main(self, *args: Any, **options: Any) -> Any:
        open_standard_streams()
        print_anything()
        return super().main(*args, **options)

    def invoke(self, ctx: click.Context) -> Any:
        # Not needed by --help and --version, which never get here.
        import_structlog()
        from shortd.errors import ShortdError
        from shortd.store.data_directory import StoreError, reason_of

        try:
            return super().invoke(ctx)
        except ConfigError as error:
            fail(error.problems, status=2)
        except Interrupted as error:
            fail([str(error)], status=INTERRUPTED)
        except ClientFailure as error:
            fail([str(error)], status=error.exit_status)
        except (ShortdError, StoreError) as error:
            fail([str(error)])
        except KeyboardInterrupt:
            fail(["interrupted"], status=INTERRUPTED)
        except click.Abort as abort:
            # So does click tell of an interrupted question, and of one that was answered with no.
            if isinstance(abort.__context__, KeyboardInterrupt):
                fail(["interrupted"], status=INTERRUPTED)
            if isinstance(abort.__context__, EOFError) and not sys.stdin.isatty():
                # The question stands there without the end of its line.
                click.echo()
                fail(["Nobody is there to answer. Say --yes if that is meant."], status=2)
            raise
        except BrokenPipeError:
            raise
        except OSError as error:
            fail([reason_of(error)])


def import_structlog() -> None:
    """Takes it without rich, which it imports wherever that is installed, to colour tracebacks that
    we show plain: with all that rich takes along, 3 MB of a server.
    """
    if "structlog" not in sys.modules and "rich" not in sys.modules:
        # Whose import fails then, as where it is not installed.
        sys.modules["rich"] = None  # type: ignore[assignment]
        try:
            import structlog  # noqa: F401
        finally:
            del sys.modules["rich"]


def open_standard_streams() -> None:
    """Puts nothing in the place of standard streams that are closed.

    Else the next file that is opened gets the number of standard error, and what is meant for that
    is written into it: into the database, perhaps.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(number, mode))


STATUSES = (
    "Exit status: 0 done, 1 failed, 2 wrong use or settings, 3 done in part, 130 interrupted."
)


@click.group(
    cls=Commands,
    commands=Index(),
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=STATUSES,
)
@click.version_option(__version__, message="shortd %(version)s")
def main() -> None:
    """A self-hosted URL shortener and file-sharing server."""
