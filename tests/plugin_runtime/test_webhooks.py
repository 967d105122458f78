"""shortd_webhooks: who is told what, signed how, how often, and what it costs who has none."""

from __future__ import annotations

import asyncio
import html
import re
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from msgspec import structs

from shortd.store.schema import PLUGIN_BACKLOGS, PLUGIN_EVENTS, PLUGIN_ROWS
from shortd.testing import Browser, ConfigError, RunningApp, StartApp, check_plugin
from shortd.testing.network import Answer, Request
from shortd_webhooks import Webhooks
from shortd_webhooks import deliveries as deliveries_module
from shortd_webhooks.data import KINDS
from tests.plugin_runtime.signatures import is_signed

URL = "https://receiver.example/hooks"
SECRET = "whsec_" + "c2VjcmV0" * 5
PAGE = "/-/x/webhooks"
CONFIG = f"""
[plugins.webhooks.receivers.office]
url = "{URL}"
secret = "{SECRET}"
"""


def deliver(app: RunningApp) -> None:
    """Waits until all has been delivered that is due."""
    app.observe()
    sender = app.plugin(Webhooks).sender
    sender.wake()

    async def wait() -> None:
        end = time.monotonic() + 60
        while not sender.is_idle:
            assert time.monotonic() < end, "it is never done"
            await asyncio.sleep(0.005)

    app.run(wait())


def add(browser: Browser, *kinds: str, path: str = PAGE, **form: str) -> tuple[str, str]:
    """Makes a receiver on the page: its id, and its secret."""
    answer = browser.post(path, {"url": URL, "kinds": kinds, **form})
    assert answer.status_code == 200, answer.text
    found = re.search(r'id="made" value="([^"]+)"', answer.text)
    id = re.search(r"receivers/(wh_[0-9a-f]+)/", answer.text)
    assert found and id
    return id[1], html.unescape(found[1])


def told(app: RunningApp) -> list[dict[str, Any]]:
    return [request.json() for request in app.network.requests]


def types(app: RunningApp) -> list[str]:
    return [one["type"].removeprefix("shortd.") for one in told(app)]


def own_link(app: RunningApp, browser: Browser, url: str = "https://main.example/") -> str:
    """A link of an account's."""
    plugin = app.plugin(Webhooks)
    return app.run(plugin.links.make(url, account=browser.userid)).short_url


def test_it_stands_what_any_plugin_must(monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody has such a receiver before there are accounts: data are tried on pages below.
    monkeypatch.setattr(Webhooks, "check", lambda self, data, link: None)
    config = f'{CONFIG}\n[plugins.webhooks]\nallow = ["192.168.0.0/16"]'
    check_plugin(Webhooks, data=[{"receivers": ["wh_1"]}], config=config)


def test_without_receivers_nothing_is_written(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    link = app.new_link()
    app.visit(link)
    app.call("set_tag", userid=app.userid, shorturl=link, tag=1)
    app.new_file()
    app.sign_in()
    app.observe()
    with app.services.store.read() as txn:
        assert [*PLUGIN_EVENTS.scan(txn)] == []
        assert [*PLUGIN_BACKLOGS.scan(txn)] == []
        assert [*PLUGIN_ROWS.scan(txn)] == []


def test_an_event_that_nobody_asked_for_is_not_written(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks, tolerant=True)
    app.network.answer(URL)
    ann = app.browser("ann")
    add(ann, "link.deleted")
    link = own_link(app, ann)
    app.visit(link)
    app.new_link()
    app.observe()
    with app.services.store.read() as txn:
        assert [*PLUGIN_BACKLOGS.scan(txn)] == []


def test_the_operator_is_told_of_all_there_is(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks, config=CONFIG)
    app.network.answer(URL)
    link = app.new_link("https://main.example/a", code="spring")
    app.visit(link)
    app.observe()
    app.call("set_tag", userid=app.userid, shorturl=link, tag=1)
    app.call("delete", userid=app.userid, shorturl=link)
    app.new_file(filename="plan.txt")
    app.sign_in("passkey")
    deliver(app)
    assert sorted(set(types(app))) == sorted(KINDS)
    by_type = {one["type"]: one for one in told(app)}
    click = by_type["shortd.click.recorded"]
    assert click["source"] == "http://127.0.0.1:8080"
    assert click["subject"] == link == click["data"]["link"]["short_url"]
    assert click["data"]["click"]["address"] == "198.51.100.7"
    assert by_type["shortd.file.stored"]["data"]["file"]["filename"] == "plan.txt"
    assert by_type["shortd.account.signed_in"]["data"]["sign_in"]["how"] == "passkey"
    # The userid of a temporary account signs in.
    assert not any(app.userid.encode() in one.content for one in app.network.requests)
    about = [one["type"] for one in told(app) if one["subject"] == link]
    assert about == [
        f"shortd.{kind}"
        for kind in ("link.created", "click.recorded", "link.changed", "link.deleted")
    ]


def test_what_is_sent_is_a_cloud_event_and_signed(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL)
    ann = app.browser("ann")
    _, secret = add(ann, "link.created")
    link = own_link(app, ann)
    deliver(app)
    [request] = app.network.requests
    event = from_http_event(HTTPMessage(dict(request.headers), request.content))
    assert event.get_type() == "shortd.link.created"
    assert event.get_source() == "http://127.0.0.1:8080"
    assert event.get_subject() == link
    assert event.get_id() == request.headers["webhook-id"]
    assert request.headers["content-type"] == "application/cloudevents+json"
    assert is_signed(request.headers, request.content, secret)
    assert not is_signed(request.headers, request.content, "whsec_" + "A" * 40)


def test_a_secret_that_was_changed_counts_for_another_day(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL)
    ann = app.browser("ann")
    id, old = add(ann, "link.created")
    page = ann.post(f"{PAGE}/receivers/{id}/secret")
    [new] = [html.unescape(one) for one in re.findall(r'id="made" value="([^"]+)"', page.text)]
    assert new != old
    own_link(app, ann)
    deliver(app)
    app.clock.advance(24 * 3600)
    own_link(app, ann)
    deliver(app)
    both, one = app.network.requests
    assert (
        is_signed(both.headers, both.content, old),
        is_signed(both.headers, both.content, new),
    ) == (True, True)
    assert (is_signed(one.headers, one.content, old), is_signed(one.headers, one.content, new)) == (
        False,
        True,
    )
    page = ann.get(f"{PAGE}/receivers/{id}")
    assert new not in page.text and old not in page.text


def test_no_secret_is_in_the_database(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    ann = app.browser("ann")
    _, secret = add(ann, "link.created")
    with app.services.store.read() as txn:
        rows = [row.value for _, row in PLUGIN_ROWS.scan(txn)]
    assert rows
    assert not any(secret.removeprefix("whsec_").encode() in row for row in rows)


def test_everybody_hears_of_his_own(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL)
    ann, bob = app.browser("ann"), app.browser("bob")
    add(ann, "link.created")
    own_link(app, bob)
    link = own_link(app, ann)
    app.new_link()
    deliver(app)
    assert [one["subject"] for one in told(app)] == [link]


def test_a_receiver_may_hear_of_links_that_name_it(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL)
    ann, bob = app.browser("ann"), app.browser("bob")
    id, _ = add(ann, "link.changed", is_chosen="1")
    chosen, other = own_link(app, ann), own_link(app, ann)
    links = app.plugin(Webhooks).links
    app.run(links.set_data(chosen, {"receivers": [id]}))
    deliver(app)
    app.network.requests.clear()
    for link in (chosen, other):
        app.run(links.change(link, title="New"))
    deliver(app)
    assert [one["subject"] for one in told(app)] == [chosen]
    foreign = own_link(app, bob)
    with pytest.raises(Exception, match="You have no receiver with this id"):
        app.run(links.set_data(foreign, {"receivers": [id]}))


def test_a_receiver_that_is_down_gets_everything_once_in_order(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    heard: list[dict[str, Any]] = []
    down = [True]

    def serve(request: Request) -> Answer:
        if down[0]:
            return Answer(503, b"closed for lunch")
        heard.append(request.json())
        return Answer(204)

    app.network.serve(URL, serve)
    ann = app.browser("ann")
    id, _ = add(ann, "link.created", "link.changed")
    links = [own_link(app, ann) for _ in range(3)]
    deliver(app)
    for minute in range(60):
        if minute < 3:
            for link in links:
                app.run(app.plugin(Webhooks).links.change(link, title=f"{minute}"))
        app.clock.advance(60)
        deliver(app)
    attempts = len(app.network.requests)
    assert attempts <= 12, "5 s, 10 s, 20 s, … are some 10 in an hour"
    page = ann.get(f"{PAGE}/receivers/{id}").text
    assert "503" in page and "closed for lunch" in page and "failing" in page
    app = shortd_app(Webhooks, clock=app.clock)
    app.network.serve(URL, serve)
    down[0] = False
    for _ in range(60):
        app.clock.advance(60)
        deliver(app)
    assert len({one["id"] for one in heard}) == len(heard) == 12
    for link in links:
        of_link = [one for one in heard if one["subject"] == link]
        assert [one["type"] for one in of_link] == [
            "shortd.link.created",
            *["shortd.link.changed"] * 3,
        ]
        assert [one["data"]["link"]["title"] for one in of_link[1:]] == ["0", "1", "2"]


def test_one_that_is_down_or_slow_holds_up_no_other(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    ann, bob = app.browser("ann"), app.browser("bob")
    for number in range(10):
        url = f"https://down{number}.example/"
        app.network.fail(url)
        add(ann, "link.created", url=url)
    app.network.answer(URL)
    add(bob, "link.created")
    for _ in range(5):
        own_link(app, ann)
        own_link(app, bob)
    deliver(app)
    heard = [one for one in app.network.requests if one.url == URL]
    assert len(heard) == 5


def test_an_event_that_is_never_taken_does_not_hold_up_other_links(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    heard: list[str] = []
    ann = app.browser("ann")
    add(ann, "link.created")
    poison = own_link(app, ann)

    def serve(request: Request) -> Answer:
        subject = request.json()["subject"]
        if subject == poison:
            return Answer(400)
        heard.append(subject)
        return Answer(200)

    app.network.serve(URL, serve)
    others = [own_link(app, ann) for _ in range(4)]
    deliver(app)
    for _ in range(30):
        app.clock.advance(10)
        deliver(app)
    assert sorted(heard) == sorted(others)


def test_one_that_fails_for_three_days_is_switched_off_and_can_be_switched_on(
    shortd_app: StartApp,
) -> None:
    app = shortd_app(Webhooks)
    app.network.fail(URL)
    ann = app.browser("ann")
    id, _ = add(ann, "link.created")
    own_link(app, ann)
    for _ in range(80):
        deliver(app)
        app.clock.advance(3600)
    page = ann.get(f"{PAGE}/receivers/{id}").text
    assert "taken nothing for three days" in page and "given up" in page
    before = len(app.network.requests)
    own_link(app, ann)
    app.clock.advance(3600)
    deliver(app)
    assert len(app.network.requests) == before
    app.network.answer(URL)
    ann.post(f"{PAGE}/receivers/{id}/switch", {"on": "1"})
    link = own_link(app, ann)
    deliver(app)
    assert told(app)[-1]["subject"] == link
    assert len(app.network.requests) == before + 1


def test_one_that_says_that_it_is_gone_is_switched_off(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL, 410)
    ann = app.browser("ann")
    id, _ = add(ann, "link.created")
    own_link(app, ann)
    deliver(app)
    assert "answered 410" in ann.get(f"{PAGE}/receivers/{id}").text


def test_what_counts_is_the_status_whatever_comes_of_the_body(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL, 200, content=bytes(2 << 20))
    ann = app.browser("ann")
    id, _ = add(ann, "link.created")
    own_link(app, ann)
    deliver(app)
    app.clock.advance(3600)
    deliver(app)
    assert len(app.network.requests) == 1
    page = ann.get(f"{PAGE}/receivers/{id}").text
    assert "delivered" in page and "more than" in page


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [
        ("120", 120),
        ("Wed, 18 Nov 2026 12:02:00 GMT", 120),
        ("Wed, 18 Nov 2026 11:00:00 GMT", 5),
        ("Fri, 18 Nov 2050 12:00:00 GMT", 3600),
        ("soon", 5),
    ],
)
def test_it_is_not_asked_again_before_it_says(
    shortd_app: StartApp, asked: str, seconds: int
) -> None:
    app = shortd_app(Webhooks)
    app.clock.set(datetime(2026, 11, 18, 12, 0, tzinfo=UTC))
    app.network.answer(URL, 429, headers={"retry-after": asked})
    ann = app.browser("ann")
    add(ann, "link.created")
    own_link(app, ann)
    deliver(app)
    before = len(app.network.requests)
    app.clock.advance(seconds - 1)
    deliver(app)
    assert len(app.network.requests) == before
    app.clock.advance(1)
    deliver(app)
    assert len(app.network.requests) == before + 1


def test_what_was_delivered_can_be_sent_again_and_a_test_shows_what_comes_of_it(
    shortd_app: StartApp,
) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL, 200, content="thanks <b>a lot</b>")
    ann, bob = app.browser("ann"), app.browser("bob")
    id, _ = add(ann, "link.created")
    answer = ann.post(f"{PAGE}/receivers/{id}/test")
    page = ann.get(answer.headers["location"]).text
    assert "shortd.test" in page and "thanks &lt;b&gt;a lot&lt;/b&gt;" in page
    own_link(app, ann)
    deliver(app)
    event = told(app)[-1]["id"]
    answer = ann.post(f"{PAGE}/receivers/{id}/again/{event}")
    assert "sent again" in ann.get(answer.headers["location"]).text
    assert [one["id"] for one in told(app)[1:]] == [event, event]
    assert bob.post(f"{PAGE}/receivers/{id}/again/{event}").status_code == 404
    assert bob.get(f"{PAGE}/receivers/{id}").status_code == 404
    assert ann.post(f"{PAGE}/receivers/{id}/again/nothing").status_code == 404
    ann.post(f"{PAGE}/receivers/{id}/remove")
    assert "None yet." in ann.get(PAGE).text
    with app.services.store.read() as txn:
        assert [*PLUGIN_ROWS.scan(txn)] == []


def test_only_the_operators_own_may_be_in_his_network(shortd_app: StartApp) -> None:
    app = shortd_app(
        Webhooks, config='[plugins.webhooks]\nallow = ["192.168.0.0/16"]', tolerant=True
    )
    app.network.answer("http://192.168.1.5/")
    ann, olga = app.browser("ann"), app.browser("olga", operator=True)
    id, _ = add(ann, "link.created", url="http://192.168.1.5/")
    own_link(app, ann)
    deliver(app)
    assert app.network.requests == []
    assert "not a public address" in ann.get(f"{PAGE}/receivers/{id}").text
    assert ann.get(f"{PAGE}/all").status_code == 404
    add(olga, "link.created", path=f"{PAGE}/all", url="http://192.168.1.5/")
    own_link(app, ann)
    deliver(app)
    assert len(app.network.requests) == 1


def test_there_are_bounds(shortd_app: StartApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries_module, "MOST_WAITING", 3)
    monkeypatch.setattr(deliveries_module, "KEPT", 2)
    app = shortd_app(Webhooks)
    app.network.fail(URL)
    ann = app.browser("ann")
    id, _ = add(ann, "link.created")
    for _ in range(5):
        own_link(app, ann)
    app.observe()
    page = ann.get(f"{PAGE}/receivers/{id}").text
    assert "<dt>Had no room</dt><dd>2</dd>" in page
    app.network.answer(URL)
    app.clock.advance(5)
    deliver(app)
    app.clock.advance(5)
    deliver(app)
    with app.services.store.read() as txn:
        assert len([*PLUGIN_ROWS.scan(txn)]) == 1 + 2
    for _ in range(9):
        add(ann, "link.created")
    full = ann.post(PAGE, {"url": URL, "kinds": ["link.created"]})
    assert full.status_code == 422 and "room for 10 receivers" in full.text


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"url": "ftp://x.example/", "kinds": "link.created"}, "http"),
        ({"url": "", "kinds": "link.created"}, 'role="alert"'),
        ({"url": URL}, "Choose what it is told of."),
        ({"url": URL, "kinds": "account.created"}, "Choose what it is told of."),
        ({"url": URL, "kinds": "link.created", "name": "x" * 61}, "At most 60 characters."),
        ({"url": "https://x.example/" + "x" * 2048, "kinds": "link.created"}, "At most 2048"),
        ({"url": "http://127.0.0.1:8080/", "kinds": "link.created"}, 'role="alert"'),
    ],
)
def test_what_cannot_be_is_said(shortd_app: StartApp, form: dict[str, str], said: str) -> None:
    app = shortd_app(Webhooks)
    ann = app.browser("ann")
    answer = ann.post(PAGE, form)
    assert answer.status_code == 422
    assert said in answer.text
    assert "None yet." in answer.text


@pytest.mark.parametrize(
    "config",
    [
        'allow = ["home"]',
        'receivers.x = { url = "https://x.example/", secret = "whsec_short" }',
        'receivers.x = { url = "ftp://x.example/", secret = "SECRET" }',
        'receivers.X = { url = "https://x.example/", secret = "SECRET" }',
        'receivers.x = { url = "https://x.example/", secret = "SECRET", events = ["test"] }',
    ],
)
def test_wrong_settings_stop_the_start_without_a_secret(shortd_app: StartApp, config: str) -> None:
    with pytest.raises(ConfigError) as refused:
        shortd_app(Webhooks, config="[plugins.webhooks]\n" + config.replace("SECRET", SECRET))
    assert "plugins.webhooks" in str(refused.value)
    assert "whsec_short" not in str(refused.value) and SECRET not in str(refused.value)


@pytest.mark.parametrize("language", ["de", "fr"])
def test_pages_are_translated(shortd_app: StartApp, language: str) -> None:
    app = shortd_app(Webhooks)
    ann = app.browser("ann")
    page = ann.get(PAGE, language=language).text
    assert "A new receiver" not in page and f'lang="{language}"' in page
    # A receiver's name is nobody's to translate.
    id, _ = add(ann, "link.changed", is_chosen="1", name="off")
    link = own_link(app, ann)
    app.run(app.plugin(Webhooks).links.set_data(link, {"receivers": [id]}))
    row = app.run(app.plugin(Webhooks).links.find(link))
    assert row is not None
    page = ann.get(f"/-/links/{row.id}", language=language).text
    on = {"de": "an", "fr": "actif"}[language]
    said = re.search(r'<th scope="row">off</th><td class="num">(\w+)</td>', page)
    assert said is not None and said[1] == on, page[page.find("<main") :]


def test_what_belongs_to_nobody_goes(shortd_app: StartApp) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL)
    ann = app.browser("ann")
    add(ann, "link.created")
    own_link(app, ann)
    deliver(app)
    app.run(app.services.upkeep.administration.end(ann.userid, app.clock.now()))
    app.sweep()
    app.clock.advance(24 * 3600)
    app.daily()
    with app.services.store.read() as txn:
        assert [*PLUGIN_ROWS.scan(txn)] == []


def test_where_the_quota_is_used_up_events_are_counted_and_others_go_on(
    shortd_app: StartApp,
) -> None:
    app = shortd_app(Webhooks, config=f'{CONFIG}\n[plugins]\nquota = "2 KiB"')
    app.network.fail(URL)
    for _ in range(4):
        app.new_link()
    deliver(app)
    olga = app.browser("olga", operator=True)
    page = olga.get(f"{PAGE}/all/receivers/set_office").text
    assert SECRET not in page
    waiting = int(re.findall(r"<dt>Waiting</dt><dd>(\d+)</dd>", page)[0])
    assert 0 < waiting < 4
    app.network.answer(URL)
    app.clock.advance(5)
    deliver(app)
    app.clock.advance(5)
    deliver(app)
    app.new_link()
    deliver(app)
    assert len({one["id"] for one in told(app)}) >= waiting + 1


def test_one_that_comes_from_another_server_is_off_until_it_has_a_new_secret(
    shortd_app: StartApp,
) -> None:
    app = shortd_app(Webhooks)
    app.network.answer(URL)
    ann = app.browser("ann")
    id, _ = add(ann, "link.created")
    receivers = app.plugin(Webhooks).receivers
    app.run(receivers.change(id, lambda one: structs.replace(one, mark="of another")))
    app = shortd_app(Webhooks, clock=app.clock)
    app.network.answer(URL)
    ann = app.browser("ann")
    assert "from another server" in ann.get(f"{PAGE}/receivers/{id}").text
    answer = ann.post(f"{PAGE}/receivers/{id}/switch", {"on": "1"})
    assert "It needs a new secret first." in ann.get(answer.headers["location"]).text
    own_link(app, ann)
    deliver(app)
    assert app.network.requests == []
    page = ann.post(f"{PAGE}/receivers/{id}/secret").text
    assert "from another server" not in page
    own_link(app, ann)
    deliver(app)
    [request] = app.network.requests
    assert len(request.headers["webhook-signature"].split()) == 1
