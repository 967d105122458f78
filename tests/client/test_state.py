"""What is remembered survives a killed process, and is held by one at a time."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import msgspec
import pytest

from shortd.client.failures import ClientFailure
from shortd.client.state import STALE_SECONDS, Account, Ledger, State, digest


class Step(msgspec.Struct):
    number: int


STEPS = msgspec.json.Decoder(Step)


def refuse_note(text: str) -> None:
    raise AssertionError(text)


def test_rows_are_there_again(tmp_path: Path) -> None:
    state = State(refuse_note, tmp_path)
    with state.ledger("send", 1) as ledger:
        ledger.append(Step(1))
        ledger.append(Step(2))
    with state.ledger("send", 1) as ledger:
        assert ledger.rows(STEPS) == [Step(1), Step(2)]
    with state.ledger("send", 2) as ledger:
        assert ledger.rows(STEPS) == []


def test_a_torn_row_is_ignored_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(b'{"number":1}\n{"num')
    with Ledger(path) as ledger:
        assert ledger.rows(STEPS) == [Step(1)]
        ledger.append(Step(2))
    assert path.read_bytes() == b'{"number":1}\n{"number":2}\n'


@pytest.mark.parametrize("text", [b"nonsense\n", b'{"number":"one"}\n', b"\xff\n"])
def test_rows_of_another_kind_are_forgotten(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "ledger"
    path.write_bytes(text)
    with Ledger(path) as ledger:
        assert ledger.rows(STEPS) == []
        ledger.append(Step(1))
    assert path.read_bytes() == b'{"number":1}\n'


def test_a_ledger_is_held_by_one(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger"), pytest.raises(ClientFailure, match="Another shortd"):
        Ledger(tmp_path / "ledger")
    Ledger(tmp_path / "ledger").__exit__(None, None, None)


def test_nothing_is_left_of_what_is_over_or_never_began(tmp_path: Path) -> None:
    with Ledger(tmp_path / "over") as ledger:
        ledger.append(Step(1))
        ledger.forget()
    with Ledger(tmp_path / "never"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_ledger_without_a_path_is_kept_nowhere() -> None:
    with Ledger() as ledger:
        ledger.append(Step(1))
        assert (ledger.rows(STEPS), ledger.is_kept) == ([Step(1)], False)
        ledger.forget()
        assert ledger.rows(STEPS) == []


def test_what_nobody_went_on_with_is_forgotten(tmp_path: Path) -> None:
    state = State(refuse_note, tmp_path)
    for name in ("old", "new"):
        with state.ledger(name) as ledger:
            ledger.append(Step(1))
    old, new = sorted((tmp_path / "transfers").iterdir(), key=lambda path: path.stat().st_mtime)
    long_ago = old.stat().st_mtime - STALE_SECONDS - 60
    os.utime(old, (long_ago, long_ago))
    with state.ledger("another"):
        assert new.exists()
        assert not old.exists()


def test_accounts_are_remembered_for_each_server(tmp_path: Path) -> None:
    state = State(refuse_note, tmp_path)
    with state.account("https://one.example") as account:
        account.userid = "one"
    with state.account("https://two.example") as account:
        assert account.userid == ""
    with state.account("https://one.example") as account:
        assert account == Account("https://one.example", "one")


def test_an_account_that_was_cut_off_is_none(tmp_path: Path) -> None:
    state = State(refuse_note, tmp_path)
    with state.account("https://one.example") as account:
        account.userid = "one"
    (path,) = (tmp_path / "accounts").iterdir()
    path.write_bytes(path.read_bytes()[:-5])
    with state.account("https://one.example") as account:
        assert account.userid == ""
        account.userid = "two"
    assert msgspec.json.decode(path.read_bytes())["userid"] == "two"


def test_nothing_is_anyone_elses_to_read(tmp_path: Path) -> None:
    state = State(refuse_note, tmp_path / "state")
    with state.account("https://one.example") as account, state.ledger("send") as ledger:
        account.userid = "one"
        ledger.append(Step(1))
        for path in tmp_path.rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0 or path == tmp_path / "state"


def test_the_folder_is_where_xdg_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    with State(refuse_note).account("https://one.example"):
        assert (tmp_path / "shortd/accounts").is_dir()


def test_where_nothing_can_be_kept_it_is_said_once(tmp_path: Path) -> None:
    notes: list[str] = []
    (tmp_path / "file").touch()
    state = State(notes.append, tmp_path / "file")
    for _ in range(2):
        with state.account("https://one.example") as account, state.ledger("send") as ledger:
            assert account == Account("https://one.example")
            account.userid = "one"
            ledger.append(Step(1))
            assert (ledger.rows(STEPS), ledger.is_kept) == ([Step(1)], False)
    reason = f"{tmp_path / 'file' / 'accounts'}: Not a directory"
    assert notes == [f"Nothing of this can be remembered for later: {reason}."]


def test_nothing_is_written_through_a_symbolic_link(tmp_path: Path) -> None:
    notes: list[str] = []
    target = tmp_path / "target"
    target.write_text("theirs")
    for folder in ("accounts", "transfers"):
        (tmp_path / folder).mkdir()
    (tmp_path / "accounts" / digest("https://one.example")).symlink_to(target)
    (tmp_path / "transfers" / digest("send")).symlink_to(target)
    state = State(notes.append, tmp_path)
    with state.account("https://one.example") as account, state.ledger("send") as ledger:
        account.userid = "one"
        ledger.append(Step(1))
    assert target.read_text() == "theirs"
    assert len(notes) == 1


def test_rows_that_do_not_fit_leave_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ledger"
    write = os.write

    def full(descriptor: int, data: bytes) -> int:
        return write(descriptor, data[:3])

    def fuller(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with Ledger(path) as ledger:
        ledger.append(Step(1))
        for fault in (full, fuller):
            monkeypatch.setattr(os, "write", fault)
            ledger.append(Step(2))
        monkeypatch.undo()
        assert path.read_bytes() == b'{"number":1}\n'
        ledger.append(Step(3))
    assert path.read_bytes() == b'{"number":1}\n{"number":3}\n'
