"""Where a link leads is a URI (RFC 9110 10.2.2), wherever its address comes from."""

from __future__ import annotations

from urllib.parse import urlencode

from msgspec import structs

from shortd.store.schema import LINKS
from shortd.store.txn import WriteTxn
from tests.links.keeper import Keeper

ODD = "https://odd.example/a|b?c={d}^e#f|g"
URI = "https://odd.example/a%7Cb?c=%7Bd%7D%5Ee#f|g"


def test_of_a_link_itself(keeper: Keeper) -> None:
    path = keeper.link(ODD)
    for _ in range(3):
        assert keeper.goes(path) == URI
        assert keeper.goes(path, method="HEAD") == URI
    assert keeper.call("get_entry", path)["entry"]["url"] == ODD
    assert keeper.call("explain", path)["location"] == URI
    assert f'href="{URI}"' in keeper.visit(path + "+").text


def test_of_one_that_was_stored_when_it_was_not_escaped(keeper: Keeper) -> None:
    path = keeper.link(ODD)

    def unescape(txn: WriteTxn) -> None:
        LINKS.put(txn, (0, path[1:]), structs.replace(keeper.row(path), ascii_url=""))

    keeper.app.run(keeper.app.services.store.write(unescape))
    assert keeper.row(path).location == ODD
    for _ in range(3):
        assert keeper.goes(path) == URI
    keeper.change(path, utm_source="mail")
    assert keeper.goes(path) == URI.replace("#", "&utm_source=mail#")


def test_with_campaign_parameters(keeper: Keeper) -> None:
    path = keeper.link(ODD, utm_source="a|b", utm_term="{c}")
    merged = "&utm_source=a%7Cb&utm_term=%7Bc%7D#"
    assert keeper.goes(path) == URI.replace("#", merged)


def test_of_an_ended_link(keeper: Keeper) -> None:
    over = keeper.link(expiration_utime=1, date_fallback=ODD)
    assert keeper.goes(over) == URI
    enough = keeper.link(expiration_count=1, count_fallback=ODD)
    keeper.goes(enough)
    assert keeper.goes(enough) == URI
    assert keeper.call("explain", enough)["location"] == URI


def test_of_what_plugins_answer(keeper: Keeper) -> None:
    path = keeper.link()
    keeper.call("set_plugin", path, plugin="mobile", data={"ios": ODD})
    split = {"variants": [{"url": ODD.replace("odd", "other"), "weight": 100}]}
    keeper.call("set_plugin", path, plugin="ab", data=split)
    assert keeper.goes(path, "iPhone") == URI
    assert keeper.goes(path) == URI.replace("odd", "other")
    explained = keeper.call("explain", path, visitor={"user_agent": "iPhone"})
    assert explained["location"] == URI


def test_behind_a_password(keeper: Keeper) -> None:
    path = keeper.link(ODD, password="secret")
    form = urlencode({"code": path[1:], "password": "secret"})
    opened = keeper.app.request("POST", "/-/open", content=form)
    assert keeper.app.get(opened.headers["location"]).headers["location"] == URI


def test_what_nobody_sees_around_an_address_is_cut_off(keeper: Keeper) -> None:
    """Whatever takes the address."""
    unseen = "\u200b \ufeff\u00ad"
    around = f"{unseen}https://odd.example/a{unseen}"
    clean = "https://odd.example/a"
    path = keeper.link(around)
    assert keeper.call("get_entry", path)["entry"]["url"] == clean
    [entry] = keeper.app.call("urls", userid=keeper.userid, urls=[around])["entries"]
    assert entry["url"] == clean
    keeper.change(path, destination=f"{unseen}https://new.example/{unseen}")
    assert keeper.goes(path) == "https://new.example/"
    assert keeper.goes(keeper.link(expiration_utime=1, date_fallback=around)) == clean
    keeper.call("set_plugin", path, plugin="mobile", data={"ios": around})
    assert keeper.goes(path, "iPhone") == clean
