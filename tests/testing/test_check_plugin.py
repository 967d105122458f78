"""check_plugin finds what is wrong with a plugin, and says where."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import click
import pytest
from msgspec import Struct, defstruct, structs

from shortd.plugin import (
    Account,
    BadData,
    Counts,
    Destination,
    Event,
    File,
    ImportedLink,
    Interstitial,
    Link,
    Panel,
    Plugin,
    SignIn,
    Visit,
    hookimpl,
)
from shortd.testing import AGENTS, check_plugin
from shortd_ab import AB
from shortd_mobile import Mobile

ELSEWHERE = "https://elsewhere.example/"


class Where(Struct, frozen=True, forbid_unknown_fields=True):
    """A link's data in these tests."""

    url: str = ELSEWHERE


class Sound(Plugin[None, Where]):
    """Leads elsewhere."""

    name = "sound"
    Data = Where

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Where) -> Destination | str | None:
        return data.url


Everywhere = Plugin[None, None]


def complaint(kind: type[Plugin[Any, Any]], **options: Any) -> str:
    with pytest.raises(AssertionError) as caught:
        check_plugin(kind, **options)
    return str(caught.value)


def test_sound_plugins_pass() -> None:
    check_plugin(Sound, deterministic=True)
    split = {"variants": [{"url": ELSEWHERE, "weight": 50}]}
    check_plugin(AB, data=[split], deterministic=True)
    check_plugin(Mobile, data=[{"ios": ELSEWHERE}, {"mobile": ELSEWHERE}], deterministic=True)


def test_a_name_that_cannot_be_is_told() -> None:
    class Named(Sound):
        """Has no name to go by."""

        name = "No name"

    assert complaint(Named).startswith("No name: a name has up to 32 of")


def test_a_missing_docstring_is_told() -> None:
    class Silent(Sound):
        name = "silent"

    assert complaint(Silent).startswith("silent: needs a docstring")


@pytest.mark.parametrize(("frozen", "word"), [(True, "forbid_unknown_fields"), (False, "frozen")])
def test_careless_structs_are_told(frozen: bool, word: str) -> None:
    class Careless(Sound):
        """Has a Struct without what it should have."""

        name = "careless"
        Data = defstruct("Loose", [], frozen=frozen)  # type: ignore[assignment]

    assert re.match(f"careless: Data .*{word}", complaint(Careless))


def test_a_struct_without_a_schema_is_told() -> None:
    class Odd(Struct, frozen=True, forbid_unknown_fields=True):
        how: Callable[[], None]

    class Schemaless(Sound):
        """Has a field of no JSON type."""

        name = "schemaless"
        Data = Odd  # type: ignore[assignment]

    assert "schemaless: Data cannot be used" in complaint(Schemaless)


def test_a_parameter_that_no_hook_is_given_is_told() -> None:
    class Greedy(Sound):
        """Wants more than there is."""

        name = "greedy"

        @hookimpl
        def destination(self, link: Link, request: object) -> None:  # type: ignore[override]
            return None

    assert complaint(Greedy) == "greedy: destination takes request, which this hook is not given"


def test_settings_that_do_not_start_are_told() -> None:
    class Key(Struct, frozen=True, forbid_unknown_fields=True):
        key: str

    class Locked(Plugin[Key, Where]):
        """Needs a setting."""

        name = "locked"
        Settings = Key
        Data = Where

    assert complaint(Locked) == "locked: does not start: plugins.locked.key: is required"
    check_plugin(Locked, config='[plugins.locked]\nkey = "k"')


def test_a_start_that_raises_is_told() -> None:
    class Stuck(Sound):
        """Never starts."""

        name = "stuck"

        def start(self) -> None:
            raise LookupError("no database")

    assert complaint(Stuck) == "stuck: does not start: LookupError: no database"


def test_data_that_is_refused_is_told() -> None:
    class Picky(Sound):
        """Refuses everything."""

        name = "picky"

        def check(self, data: Where, link: Link) -> None:
            raise BadData("Not like this.", "url")

    assert "the data {} is refused: data.url: Not like this.; give" in complaint(Picky)
    told = complaint(Picky, data=[{"url": "x"}])
    assert told == 'picky: the data {"url": "x"} is refused: data.url: Not like this.'


def test_data_that_changes_when_it_is_saved_is_told() -> None:
    numbers = count()

    class Fresh(Struct, frozen=True, forbid_unknown_fields=True):
        number: int = 0

        def __post_init__(self) -> None:
            # Against all advice, and against frozen.
            structs.force_setattr(self, "number", next(numbers))

    class Restless(Plugin[None, Fresh]):
        """Keeps something else each time."""

        name = "restless"
        Data = Fresh

    assert "it must not change when it is saved again" in complaint(Restless)


class Raising(Everywhere):
    """Knows no visitor without a name."""

    name = "raising"
    everywhere = True

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: None) -> None:
        visit.user_agent.split()[0]


def test_a_hook_that_raises_is_named_with_the_visit() -> None:
    with pytest.raises(AssertionError) as caught:
        check_plugin(Raising)
    told = str(caught.value)
    assert told.startswith("raising: destination fails for Visit(utime=1700000000000000")
    assert "user_agent=''" in told
    assert told.endswith("without data: IndexError: list index out of range")
    assert isinstance(caught.value.__cause__, IndexError)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (5, "answered int, not Destination or str"),
        ("ftp://elsewhere.example/", "http:// or https://"),
        (Destination(ELSEWHERE, "Two words"), "a choice is up to 32"),
    ],
)
def test_an_answer_that_cannot_be_used_is_told(answer: Any, why: str) -> None:
    class Nonsense(Sound):
        """Answers nonsense to phones."""

        name = "nonsense"

        @hookimpl
        def destination(self, link: Link, visit: Visit, data: Where) -> Any:
            return answer if visit.platform == "ios" else None

    told = complaint(Nonsense)
    assert told.startswith("nonsense: destination fails for Visit(")
    assert "iPhone" in told
    assert why in told


def test_a_page_that_cannot_be_sent_is_told() -> None:
    class Page(Plugin[None, Where]):
        """Shows a page with a policy that means nothing."""

        name = "page"
        Data = Where

        @hookimpl
        def interstitial(self, link: Link, visit: Visit, data: Where) -> Interstitial:  # type: ignore[override]
            return Interstitial("<p>Hello", referrer_policy="perhaps")

    assert "page: interstitial fails for Visit(" in complaint(Page)


def test_a_slow_hook_is_told() -> None:
    class Slow(Sound):
        """Waits for prefetches."""

        name = "slow"

        @hookimpl
        def destination(self, link: Link, visit: Visit, data: Where) -> None:
            time.sleep(0.006 if visit.is_prefetch else 0)

    told = complaint(Slow)
    assert told.startswith("slow: destination is too slow for Visit(")
    assert "is_prefetch=True" in told


def test_chance_is_told_where_none_is_wanted() -> None:
    numbers = count()

    class Chance(Sound):
        """Leads to another place each time."""

        name = "chance"

        @hookimpl
        def destination(self, link: Link, visit: Visit, data: Where) -> str:
            return f"{ELSEWHERE}{next(numbers)}"

    check_plugin(Chance)
    assert "chance: is not deterministic for Visit(" in complaint(Chance, deterministic=True)


def test_visits_of_the_authors_own_are_made() -> None:
    class Calendar(Sound):
        """Does not know the far future."""

        name = "calendar"

        @hookimpl
        def destination(self, link: Link, visit: Visit, data: Where) -> None:
            assert visit.utime < 4_100_000_000_000_000, "the end of time"

    check_plugin(Calendar)
    assert "the end of time" in complaint(Calendar, visits=[Visit(utime=4_200_000_000_000_000)])


def test_observers_hear_of_a_whole_life() -> None:
    heard = []

    class Ear(Everywhere):
        """Hears what happens to a link."""

        name = "ear"

        @hookimpl
        def link_created(self, link: Link, data: None, event: Event) -> None:
            heard.append("created")

        @hookimpl
        def click_recorded(
            self, link: Link, visit: Visit, choice: str, data: None, event: Event
        ) -> None:
            heard.append("click")

        @hookimpl
        def link_changed(self, link: Link, before: Link, data: None, event: Event) -> None:
            heard.append("changed")

        @hookimpl
        def link_deleted(self, link: Link, data: None, event: Event) -> None:
            heard.append("deleted")
            raise OSError("nobody listens")

    assert "ear: link_deleted fails for a link without data" in complaint(Ear)
    assert heard == ["created", "click", "changed", "deleted"]


class Extending(Everywhere):
    """Adds to the server; the subclasses do it wrongly."""

    name = "extending"

    @hookimpl
    def commands(self) -> Sequence[click.Command]:
        return [click.Command("one")]

    @hookimpl
    def importers(self) -> Mapping[str, Callable[[Path], Iterator[ImportedLink]]]:
        return {"lines": lambda path: iter(())}

    @hookimpl
    def panel(self, link: Link, data: None, counts: Counts) -> Panel | None:
        return Panel("Numbers", (("one", 1),))


def test_extensions_of_the_right_types_pass() -> None:
    check_plugin(Extending)


@pytest.mark.parametrize(
    ("hook", "answer"),
    [
        ("commands", ["serve"]),
        ("importers", {"lines": "reader"}),
        ("panel", Panel(title=5)),  # type: ignore[arg-type]
        ("routes", ["no handler"]),
    ],
)
def test_extensions_of_wrong_types_are_told(hook: str, answer: Any) -> None:
    def method(self: Any) -> Any:
        return answer

    wrong = type("Wrong", (Extending,), {hook: hookimpl(method), "__doc__": "Wrong."})
    assert f"extending: {hook} " in complaint(wrong)


def test_the_population_has_visitors_of_all_kinds() -> None:
    met: list[Visit] = []

    class Census(Everywhere):
        """Counts visitors."""

        name = "census"
        everywhere = True

        @hookimpl
        def destination(self, link: Link, visit: Visit, data: None) -> None:
            met.append(visit)

    check_plugin(Census)
    platforms = {visit.platform for visit in met}
    assert platforms == {"ios", "android", "windows", "macos", "linux", "other"}
    assert {visit.user_agent for visit in met} >= set(AGENTS.values())
    for flag in ("is_get", "is_prefetch", "is_qr", "do_not_track", "is_bot", "is_link_preview"):
        assert {getattr(visit, flag) for visit in met} == {True, False}, flag


class Observing(Plugin[None, None]):
    """Hears of everything."""

    name = "observing"


def test_observers_that_bear_everything_pass() -> None:
    class Fine(Observing):
        """Writes down what it hears."""

        @hookimpl
        async def click_recorded(
            self, link: Link, visit: Visit, choice: str, data: None, event: Event
        ) -> None:
            await asyncio.sleep(0)

        @hookimpl
        def account_signed_in(self, account: Account, sign_in: SignIn, event: Event) -> None:
            assert sign_in.how

        @hookimpl
        async def daily(self, utime: int) -> None:
            await asyncio.sleep(0)

    check_plugin(Fine)


def test_an_observer_that_fails_for_one_visitor_is_found() -> None:
    class Picky(Observing):
        """Wants languages."""

        @hookimpl
        def click_recorded(
            self, link: Link, visit: Visit, choice: str, data: None, event: Event
        ) -> None:
            assert visit.accept_language.isascii()

    assert "observing: click_recorded fails for Visit(" in complaint(Picky)


def test_an_observer_that_cannot_hear_a_thing_twice_is_found() -> None:
    class Once(Observing):
        """Believes that it hears of each thing once."""

        @hookimpl
        async def file_stored(self, file: File, data: None, event: Event) -> None:
            if event.attempt > 1:
                raise KeyError(event.id)

    said = complaint(Once)
    assert "observing: file_stored fails for File(" in said and "a second time: KeyError" in said


def test_an_observer_that_does_not_end_is_found() -> None:
    class Stubborn(Observing):
        """Goes on."""

        @hookimpl
        async def click_recorded(
            self, link: Link, visit: Visit, choice: str, data: None, event: Event
        ) -> None:
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                await asyncio.sleep(3)

    assert "observing: click_recorded goes on when it is cancelled" in complaint(Stubborn)


def test_an_observer_that_holds_up_its_loop_is_found() -> None:
    class Blocking(Observing):
        """Waits without awaiting."""

        @hookimpl
        async def account_created(self, account: Account, event: Event) -> None:
            time.sleep(0.3)

    assert "holds up its event loop for 0.3 s" in complaint(Blocking)


def test_a_daily_job_that_fails_is_found() -> None:
    class Weary(Observing):
        """Does nothing."""

        @hookimpl
        def daily(self, utime: int) -> None:
            raise OSError("tomorrow")

    assert "observing: daily fails for a day: OSError: tomorrow" in complaint(Weary)
