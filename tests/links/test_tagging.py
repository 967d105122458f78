"""An account's tags: counted, coloured, named, made one."""

from __future__ import annotations

import pytest

from shortd import errors
from shortd.links.tagging import ShownTag
from shortd.models.accounts import TagLook
from shortd.models.links import Terms
from tests.links.keeper import Keeper


def tags(keeper: Keeper) -> list[ShownTag]:
    tagging = keeper.app.services.links.tagging
    shown, _ = keeper.app.run(tagging.of_account(keeper.account, keeper.app.clock.now()))
    return shown


def counted(keeper: Keeper) -> dict[str, int]:
    keeper.app.clock.advance(60)
    return {tag.name: tag.links for tag in tags(keeper)}


def test_they_are_counted_with_those_of_hidden_links(keeper: Keeper) -> None:
    keeper.create(terms=Terms(tags=("print", "shop")))
    keeper.create(terms=Terms(tags=("print",), hidden=True, tag=0b100))
    Keeper(keeper.app).create(terms=Terms(tags=("print",)))
    assert counted(keeper) == {"print": 2, "shop": 1, "Tag 3": 1}


def test_a_bit_has_its_name_from_here_and_is_no_text(keeper: Keeper) -> None:
    tagging = keeper.app.services.links.tagging
    keeper.create(terms=Terms(tags=("print",), tag=1))
    keeper.app.run(tagging.set_look(keeper.account, bit=0, look=TagLook(3, "print")))
    text, bit = tags(keeper)
    assert (text.name, text.bit, text.links) == ("print", None, 1)
    assert (bit.name, bit.bit, bit.color, bit.links) == ("print", 0, 3, 1)


def test_a_colour_stays_whatever_the_links_do(keeper: Keeper) -> None:
    tagging = keeper.app.services.links.tagging
    keeper.app.run(tagging.set_look(keeper.account, text="later", look=TagLook(2)))
    assert tags(keeper) == [ShownTag("later", None, 2, 0)]


def test_renamed_into_one_that_is_there_they_are_one(keeper: Keeper) -> None:
    tagging, now = keeper.app.services.links.tagging, keeper.app.clock.now()
    both = keeper.create(terms=Terms(tags=("flyer", "print")))
    keeper.create(terms=Terms(tags=("flyer",), hidden=True))
    keeper.create(terms=Terms(tags=("print",)))
    keeper.app.run(tagging.set_look(keeper.account, text="flyer", look=TagLook(4)))
    outcome = keeper.app.run(tagging.rename(keeper.account, "flyer", "print", now))
    assert len(outcome.done) == 2
    assert counted(keeper) == {"print": 3}
    assert tags(keeper)[0].color == 4
    assert keeper.row(f"/{both.code}").terms.tags == ("print",)
    keeper.app.run(keeper.app.services.links.undoing.undo(keeper.account, outcome.act, now))
    assert counted(keeper) == {"flyer": 2, "print": 2}


def test_removed_it_is_on_no_link(keeper: Keeper) -> None:
    tagging, now = keeper.app.services.links.tagging, keeper.app.clock.now()
    keeper.create(terms=Terms(tags=("flyer", "print")))
    keeper.app.run(tagging.remove(keeper.account, "flyer", now))
    assert counted(keeper) == {"print": 1}


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\u202eb"])
def test_names_that_no_tag_can_have(keeper: Keeper, name: str) -> None:
    tagging, now = keeper.app.services.links.tagging, keeper.app.clock.now()
    keeper.create(terms=Terms(tags=("old",)))
    with pytest.raises(errors.ShortdError):
        keeper.app.run(tagging.rename(keeper.account, "old", name, now))
    with pytest.raises(errors.ShortdError):
        keeper.app.run(tagging.set_look(keeper.account, text=name, look=TagLook(1)))
    assert counted(keeper) == {"old": 1}
