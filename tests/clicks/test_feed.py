"""Streams that hear which links' counts have changed."""

from __future__ import annotations

from contextlib import closing

import pytest

from shortd import errors
from shortd.clicks.feed import LINKS_A_STREAM, STREAMS, STREAMS_AN_ACCOUNT, CountFeed
from shortd.testing import RunningApp

SOON = 5.0


def test_a_stream_hears_of_its_links_alone(app: RunningApp) -> None:
    mine, other = app.new_link(), app.new_link()
    services = app.services
    ids = {
        url: app.call("get_entry", userid=app.userid, shorturl=url)["entry"]["id"]
        for url in (mine, other)
    }
    feed = services.clicks.clicks.feed
    with closing(feed.open(app.userid, [ids[mine]])) as stream:
        app.visit(other)
        app.drain()
        assert app.run(stream.changed(0)) == set()
        app.visit(mine)
        app.visit(mine)
        app.drain()
        assert app.run(stream.changed(SOON)) == {ids[mine]}
        assert app.run(stream.changed(0)) == set()
    assert feed.streams == 0
    app.visit(mine)
    app.drain()


def test_they_are_bounded() -> None:
    feed = CountFeed()
    streams = [feed.open("one", range(100)) for _ in range(STREAMS_AN_ACCOUNT)]
    assert {len(stream.links) for stream in streams} == {LINKS_A_STREAM}
    with pytest.raises(errors.ShortdError) as caught:
        feed.open("one", [1])
    assert caught.value.kind is errors.RATE_LIMITED
    feed.close(streams[0])
    feed.close(streams[0])
    feed.open("one", [1])
    while feed.streams < STREAMS:
        feed.open(f"account {feed.streams}", [1])
    with pytest.raises(errors.ShortdError) as caught:
        feed.open("another", [1])
    assert caught.value.kind is errors.BUSY


def test_totals_of_days_are_those_of_the_statistics(app: RunningApp) -> None:
    day = 86_400
    short_url = app.new_link()
    link_id = app.call("get_entry", userid=app.userid, shorturl=short_url)["entry"]["id"]
    first = app.clock.now() // (day * 1_000_000)
    for clicks in (3, 0, 14, 1):
        for number in range(clicks):
            app.visit(short_url, user_agent=f"agent {number}")
        app.drain()
        app.clock.advance(day)
    statistics = app.services.clicks.statistics
    totals = app.run(statistics.totals([link_id, 1], first, first + 3))
    assert totals == {link_id: {first: 3, first + 2: 14, first + 3: 1}, 1: {}}
    later = app.run(statistics.totals([link_id], first + 1, first + 2))
    assert later == {link_id: {first + 2: 14}}
