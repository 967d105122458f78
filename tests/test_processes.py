"""The processes that tests start are as somebody at a terminal would have them."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from tests import processes

SHOWN = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"


@pytest.mark.parametrize("before", [signal.SIG_IGN, signal.default_int_handler])
def test_ctrl_c_reaches_them_wherever_the_tests_run(before: signal.Handlers) -> None:
    """In the background of a shell it is ignored, and who starts something hands that on."""
    known = signal.signal(signal.SIGINT, before)
    try:
        process = processes.start([sys.executable, "-c", SHOWN], stdout=-1, text=True)
        assert process.communicate(timeout=60)[0] == "True\n"
    finally:
        signal.signal(signal.SIGINT, known)


def test_what_a_test_leaves_is_ended() -> None:
    endless = [sys.executable, "-c", "import time; time.sleep(600)"]
    process = processes.start(endless, stdout=-1)
    lasting = processes.start(endless, is_lasting=True)
    processes.end_all()
    assert process.returncode == -signal.SIGKILL
    assert process.stdout is not None
    assert process.stdout.closed
    assert lasting.poll() is None
    processes.end(lasting)
    with pytest.raises(ProcessLookupError):
        os.kill(lasting.pid, 0)
