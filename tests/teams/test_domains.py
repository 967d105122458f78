"""Domains of teams: claimed, shown, answering, ended; and the hosts that follow them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from shortd import errors
from shortd.ids import own_team_id
from shortd.models.hosts import HostChanges, HostOptions
from shortd.models.teams import DomainStatus, Role
from shortd.store.schema import DOMAINS
from shortd.teams.domains import DOMAINS_PER_TEAM, Domains, Subscription, domain_name
from shortd.testing import RunningApp, open_app
from tests.conftest import GENEROUS
from tests.teams.people import Colleague, Newcomer, refused, sound

NAME = "go.shop.example"
HOST = f"{NAME}:8080"
BASE = f"http://{HOST}"
"""At the port of the default host."""


@pytest.fixture
def domains(app: RunningApp) -> Domains:
    return app.services.teams.domains


def claim(somebody: Colleague, team: str, name: str = NAME) -> Subscription:
    domains = somebody.app.services.teams.domains
    return somebody.do(domains.subscribe(somebody.account, team, name, somebody.now))


def verify(somebody: Colleague, shown: Subscription) -> Subscription:
    domains = somebody.app.services.teams.domains
    return somebody.do(domains.verify(somebody.account, shown.id, somebody.now))


def prove(somebody: Colleague, team: str, name: str = NAME) -> Subscription:
    """Claims a domain and puts the record where it belongs."""
    shown = claim(somebody, team, name)
    somebody.app.records[shown.record] = ["v=spf1 -all", shown.text]
    return verify(somebody, shown)


def end(somebody: Colleague, shown: Subscription) -> None:
    domains = somebody.app.services.teams.domains
    somebody.do(domains.unsubscribe(somebody.account, shown.id))


def own_domains(somebody: Colleague, team: str) -> list[Subscription]:
    found = somebody.app.services.teams.domains.of_team(somebody.account, team)
    return [one for one in found if one.owner != "operator"]


def visit(app: RunningApp, path: str, host: str = HOST) -> tuple[int, str]:
    answer = app.get(f"http://{host}{path}")
    return answer.status_code, answer.headers.get("location", "")


def test_its_visitors_are_sent_where_it_says(ann: Colleague, domains: Domains) -> None:
    app, team = ann.app, ann.found("Shop").id
    shown = claim(ann, team)
    sent = HostChanges(root="https://front.example/ü", unknown="https://lost.example/", www=False)
    ann.do(domains.set_options(ann.account, shown.id, sent))
    assert visit(app, "/nosuch")[0] == 404
    app.records[shown.record] = [shown.text]
    verify(ann, shown)
    assert visit(app, "/") == (302, "https://front.example/%C3%BC")
    assert visit(app, "/nosuch") == visit(app, "/no/such") == (302, "https://lost.example/")
    assert visit(app, "/nosuch", f"www.{HOST}")[0] == 404
    assert visit(app, "/nosuch", "127.0.0.1:8080")[0] == 404
    ann.do(domains.set_options(None, shown.id, HostChanges(www=True, root="")))
    assert visit(app, "/nosuch", f"www.{HOST}") == (302, "https://lost.example/")
    assert visit(app, "/")[0] == 307
    app.run(app.services.blocked.add("lost.example", "", ann.now))
    assert visit(app, "/nosuch")[0] == 404
    app.run(app.services.blocked.remove("lost.example"))
    assert visit(app, "/nosuch")[0] == 302
    end(ann, shown)
    assert visit(app, "/nosuch")[0] == 404
    prove(ann, team)
    assert visit(app, "/nosuch") == (302, "https://lost.example/")


def test_rows_from_before_have_the_usual_ways(ann: Colleague, domains: Domains) -> None:
    shown = prove(ann, ann.found("Shop").id)
    with ann.app.services.store.read() as txn:
        row = DOMAINS.get(txn, (shown.id,))
    assert row is not None and row.options == HostOptions()
    fields = msgspec.msgpack.decode(DOMAINS.encode(row))
    assert DOMAINS.decode(msgspec.msgpack.encode(fields[:8])) == row


def test_the_configured_hosts_are_every_teams(ann: Colleague, domains: Domains) -> None:
    [shown] = domains.of_team(ann.account, ann.found().id)
    assert (shown.id, shown.name, shown.owner, shown.status, shown.utime) == (
        "0" * 24,
        "127.0.0.1:8080",
        "operator",
        DomainStatus.ACTIVE,
        None,
    )
    assert domains.host(ann.account, own_team_id(ann.userid), shown.id).number == 0


def test_a_record_shows_whose_a_domain_is(ann: Colleague) -> None:
    team = ann.found("Shop")
    shown = claim(ann, team.id)
    assert (shown.name, shown.status, shown.owner) == (NAME, DomainStatus.PENDING, "shop")
    assert shown.record == "_shortd.go.shop.example"
    assert shown.text.startswith("shortd=") and len(shown.text) == 7 + 24
    app = ann.app
    for wrong in ([], ["shortd="], [shown.text[:-1]], ["shortd=" + "0" * 24, "ä"]):
        app.records[shown.record] = wrong
        answer = None
        with pytest.raises(errors.ShortdError) as caught:
            verify(ann, shown)
        answer = caught.value
        assert answer.kind is errors.DOMAIN_UNPROVEN
        assert shown.record in answer.message and shown.text in answer.message
    assert app.services.hosts.named(HOST) is None
    app.records[shown.record] = [f" {shown.text} "]
    assert verify(ann, shown).status == DomainStatus.ACTIVE
    assert app.services.hosts.named(HOST) is not None
    assert sound(app)


def test_what_was_found_instead_is_told_in_short(ann: Colleague) -> None:
    shown = claim(ann, ann.found().id)
    ann.app.records[shown.record] = ["v=spf1\x00 -all", "x" * 4000, "third", "fourth"]
    with pytest.raises(errors.ShortdError) as caught:
        verify(ann, shown)
    assert "“v=spf1\ufffd -all”" in caught.value.message
    assert "third" in caught.value.message and "fourth" not in caught.value.message
    assert len(caught.value.message) < 400


def test_the_hosts_of_a_team(ann: Colleague, ben: Colleague, domains: Domains) -> None:
    team = ann.found().id
    claim(ann, team, "no.shop.example")
    prove(ann, team)
    names = [host.name for host in domains.hosts(ann.account, team)]
    assert names == ["127.0.0.1:8080", HOST]
    assert [host.name for host in domains.hosts(ann.account, own_team_id(ann.userid))] == names[:1]
    with refused(errors.TEAM_NOT_FOUND):
        domains.hosts(ben.account, team)


def test_a_domain_answers_with_codes_of_its_own(ann: Colleague) -> None:
    team = ann.found().id
    prove(ann, team)
    entry = ann.shorten("https://example.org/theirs", host=HOST, code="MyCode1")
    assert entry["shorturl"] == f"{BASE}/MyCode1"
    ann.shorten("https://example.org/ours", code="MyCode1")
    app = ann.app
    assert app.get(f"{BASE}/MyCode1").headers["location"] == "https://example.org/theirs"
    assert app.get("/MyCode1").headers["location"] == "https://example.org/ours"
    assert app.get(f"http://{NAME.upper()}.:8080/MyCode1").headers["location"].endswith("theirs")
    assert ann.entry(f"{BASE}/MyCode1")["count"] == 2
    assert app.get(f"{BASE}/MyCode1+").status_code == 200
    assert app.get(f"{BASE}/MyCode1.svg").status_code == 200
    [link] = [app.services.links.links.get(ann.account, entry["id"])]
    assert link.rare is not None and link.rare.team == team, "what is there is the team's"


def test_only_the_team_makes_links_there(ann: Colleague, ben: Colleague, cat: Colleague) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    shown = prove(ann, team)
    url = "https://example.org/"
    assert ben.shorten(url, host=f"{BASE}/")["shorturl"].startswith(BASE)
    assert ben.shorten(url, shorturl=f"{HOST}/abcdef")["shorturl"] == f"{BASE}/abcdef"
    for inputs in ({"host": HOST}, {"shorturl": f"{HOST}/ghijkl"}):
        unknown = cat.refused("url", url=url, **inputs)
        assert unknown["code"] == "unknown_host"
        assert unknown == cat.refused(
            "url", url=url, **{key: value.replace("go", "no") for key, value in inputs.items()}
        )
    mine = cat.shorten(url)["shorturl"]
    moving = {"shorturl_old": mine, "shorturl_new": f"{HOST}/ghijkl"}
    assert cat.refused("change_shorturl", **moving)["code"] == "unknown_host"
    with refused(errors.TEAM_NOT_FOUND):
        ann.app.services.teams.domains.host(cat.account, team, shown.id)
    with refused(errors.DOMAIN_NOT_FOUND):
        ann.app.services.teams.domains.host(cat.account, own_team_id(cat.userid), shown.id)
    assert cat.refused("get_entry", shorturl=f"{HOST}/abcdef")["code"] == "entry_not_found"


def test_a_link_that_moves_to_a_domain_is_the_teams(ann: Colleague, ben: Colleague) -> None:
    first, second = ann.found("One").id, ann.found("Two").id
    for team, name in ((first, "one.example"), (second, "two.example")):
        prove(ann, team, name)
        ann.hire(team, ben)
    entry = ben.shorten()
    ben.call(
        "change_shorturl", shorturl_old=entry["shorturl"], shorturl_new="one.example:8080/abcdef"
    )
    assert ann.entry("one.example:8080/abcdef")["id"] == entry["id"]
    refusal = ben.refused(
        "change_shorturl",
        shorturl_old="one.example:8080/abcdef",
        shorturl_new="two.example:8080/abcdef",
    )
    assert refusal["code"] == "unknown_host", "it would be in another team's place"
    ben.call(
        "change_shorturl",
        shorturl_old="one.example:8080/abcdef",
        shorturl_new="127.0.0.1:8080/abcdef",
    )
    assert ann.entry("127.0.0.1:8080/abcdef")["id"] == entry["id"], "and it stays in the team"
    assert sound(ann.app)


def test_unsubscribing_ends_it_and_coming_back_brings_the_links(ann: Colleague) -> None:
    team = ann.found().id
    shown = prove(ann, team)
    ann.shorten("https://example.org/", host=HOST, code="MyCode1")
    app = ann.app
    end(ann, shown)
    assert app.get(f"{BASE}/MyCode1").status_code == 404
    assert ann.refused("url", url="https://example.org/", host=HOST)["code"] == "unknown_host"
    assert ann.entries()[0]["shorturl"] == f"{BASE}/MyCode1"
    assert [one.status for one in own_domains(ann, team)] == [DomainStatus.ENDED]
    again = claim(ann, team)
    assert (again.id, again.text, again.status) == (shown.id, shown.text, DomainStatus.PENDING)
    assert app.get(f"{BASE}/MyCode1").status_code == 404
    verify(ann, again)
    assert app.get(f"{BASE}/MyCode1").status_code == 302
    assert sound(app)


def test_a_domain_that_goes_to_another_team_begins_anew(ann: Colleague, ben: Colleague) -> None:
    theirs, ours = ann.found("Theirs").id, ben.found("Ours").id
    shown = prove(ann, theirs)
    ann.shorten("https://example.org/theirs", host=HOST, code="MyCode1")
    with refused(errors.DOMAIN_TAKEN):
        claim(ben, ours)
    end(ann, shown)
    prove(ben, ours)
    app = ann.app
    assert app.get(f"{BASE}/MyCode1").status_code == 404, "nobody inherits links or codes"
    ben.shorten("https://example.org/ours", host=HOST, code="MyCode1")
    assert app.get(f"{BASE}/MyCode1").headers["location"].endswith("ours")
    with refused(errors.DOMAIN_TAKEN):
        claim(ann, theirs)
    assert sound(app)


def test_the_first_to_show_it_gets_it(ann: Colleague, ben: Colleague) -> None:
    first, second = claim(ann, ann.found().id), claim(ben, ben.found().id)
    assert first.text != second.text
    ann.app.records[second.record] = [second.text]
    with refused(errors.DOMAIN_UNPROVEN):
        verify(ann, first)
    verify(ben, second)
    ann.app.records[first.record] = [first.text]
    with refused(errors.DOMAIN_TAKEN):
        verify(ann, first)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("go.shop.example", "go.shop.example"),
        (" Go.Shop.EXAMPLE. ", "go.shop.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("日本。jp", "xn--wgv71a.jp"),
        ("links.home.arpa", "links.home.arpa"),
        ("nas.local", "nas.local"),
        ("XN--BCHER-kva.example", "xn--bcher-kva.example"),
        ("go.xn--p1ai", "go.xn--p1ai"),
        ("faß.example", "xn--fa-hia.example"),
        ("xn--fa-hia.example", "xn--fa-hia.example"),
        ("l·l.example", "xn--ll-0ea.example"),
        ("a--b.example", "a--b.example"),
        ("r3---sn-x.example", "r3---sn-x.example"),
        ("ab--c.a--b.example", "ab--c.a--b.example"),
    ],
)
def test_names_are_as_browsers_send_them(text: str, name: str) -> None:
    assert domain_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", ".", "localhost", "example", "a..example", "-a.example", "a-.example"),
        *("1.2.3.4", "1.2", "0x7f.1", "127.1", "[::1]", "::1", "a.123", "*.example.org"),
        *("https://a.example", "a.example/x", "a.example:80", "u@a.example", "a%41.example"),
        *("a b.example", "a_b.example", "a\n.example", f"{'a' * 64}.example"),
        "a." * 124 + "example",
        # Nothing that Punycode makes of a name, or not by RFC 5891.
        *("xn--a.example", "go.xn--a.example", "xn--.example", "xn--a-.example", "XN--A.example"),
        *("xn--abc.example", "xn--bcher-kv.example", "xn--xn--a-.example", "a.xn--zzzzzzzzz"),
        *("xn--example-.example", "xn--0ca24w.example", "xn--ls8h.example", "xn--ab-0ea.example"),
    ],
)
def test_what_is_no_domain_is_refused(ann: Colleague, text: str) -> None:
    with refused(errors.INVALID_FIELD):
        claim(ann, own_team_id(ann.userid), text)


def test_international_names_work_throughout(ann: Colleague) -> None:
    prove(ann, own_team_id(ann.userid), "Bücher.example")
    entry = ann.shorten("https://example.org/", host="bücher.EXAMPLE:8080", code="abcdef")
    assert entry["shorturl"] == "http://xn--bcher-kva.example:8080/abcdef"
    assert ann.entry("http://bücher.example:8080/abcdef")["id"] == entry["id"]
    assert ann.app.get(entry["shorturl"]).status_code == 302


def test_configured_hosts_are_nobodys(tmp_path: Path) -> None:
    environ = {**GENEROUS, "SHORTD_HOSTS": "https://other.example:8443"}
    with open_app(tmp_path, environ=environ) as app:
        ann = Newcomer(app)("ann")
        with refused(errors.DOMAIN_TAKEN):
            claim(ann, own_team_id(ann.userid), "other.example")


def test_roles_decide_who_looks_after_domains(
    ann: Colleague, ben: Colleague, cat: Colleague, domains: Domains
) -> None:
    team = ann.found().id
    ann.hire(team, ben)
    shown = prove(ann, team)
    for work in (
        domains.subscribe(ben.account, team, "other.example", ben.now),
        domains.verify(ben.account, shown.id, ben.now),
        domains.unsubscribe(ben.account, shown.id),
    ):
        with refused(errors.FORBIDDEN):
            ben.do(work)
    with refused(errors.DOMAIN_NOT_FOUND):
        end(cat, shown)
    ann.do(ann.app.services.teams.members.set_role(ann.account, team, ben.userid, Role.ADMIN))
    end(ben, shown)


def test_a_team_has_so_many(ann: Colleague, monkeypatch: pytest.MonkeyPatch) -> None:
    assert DOMAINS_PER_TEAM == 100
    monkeypatch.setattr("shortd.teams.domains.DOMAINS_PER_TEAM", 1)
    team = ann.found().id
    shown = claim(ann, team)
    with refused(errors.QUOTA_EXCEEDED):
        claim(ann, team, "other.example")
    assert claim(ann, team) == shown
    end(ann, shown)
    assert own_domains(ann, team) == [], "one that never answered leaves nothing behind"
    claim(ann, team, "other.example")


def test_a_silent_dns_is_not_a_refusal(ann: Colleague, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silence(name: str) -> list[str]:
        raise TimeoutError

    shown = claim(ann, ann.found().id)
    monkeypatch.setattr(ann.app.records, "of", silence)
    with refused(errors.BUSY):
        verify(ann, shown)


def test_nothing_leads_back_to_a_domain(ann: Colleague) -> None:
    prove(ann, own_team_id(ann.userid))
    assert ann.refused("url", url=f"{BASE}/abcdef")["code"] == "url_loops"
    link = ann.shorten()["shorturl"]
    variants = {"variants": [{"url": f"{BASE}/x", "weight": 50}]}
    answer = ann.refused("set_plugin", shorturl=link, plugin="ab", data=variants)
    assert answer["field"] == "data.variants[0].url", "plugins know of it, too"
    end(ann, own_domains(ann, own_team_id(ann.userid))[0])
    ann.shorten(f"{BASE}/abcdef")


def test_domains_answer_again_after_a_restart(tmp_path: Path) -> None:
    with open_app(tmp_path, environ=GENEROUS) as app:
        ann = Newcomer(app)("ann")
        team = own_team_id(ann.userid)
        prove(ann, team)
        gone = prove(ann, team, "gone.example")
        ann.shorten(host=HOST, code="abcdef")
        ann.shorten(host="gone.example:8080", code="abcdef")
        end(ann, gone)
    with open_app(tmp_path, environ=GENEROUS) as app:
        assert app.get(f"{BASE}/abcdef").status_code == 302
        assert app.get("http://gone.example:8080/abcdef").status_code == 404
        again = Colleague(app, ann.userid, ann.token)
        shown = {entry["shorturl"] for entry in again.entries()}
        assert shown == {f"{BASE}/abcdef", "http://gone.example:8080/abcdef"}


def test_domains_follow_the_default_hosts_scheme_and_port(tmp_path: Path) -> None:
    with open_app(tmp_path, environ=GENEROUS) as app:
        ann = Newcomer(app)("ann")
        prove(ann, own_team_id(ann.userid))
        ann.shorten(host=HOST, code="abcdef")
    with open_app(tmp_path, environ={**GENEROUS, "SHORTD_PUBLIC_URL": "https://s.example"}) as app:
        entry = Colleague(app, ann.userid, ann.token).entries()[0]
        assert entry["shorturl"] == f"https://{NAME}/abcdef"
        assert app.get(entry["shorturl"]).status_code == 302


def test_a_domain_that_is_configured_becomes_everybodys_with_its_links(tmp_path: Path) -> None:
    with open_app(tmp_path, environ=GENEROUS) as app:
        ann = Newcomer(app)("ann")
        prove(ann, own_team_id(ann.userid))
        ann.shorten(host=HOST, code="abcdef")
    both = {**GENEROUS, "SHORTD_HOSTS": BASE}
    with open_app(tmp_path, environ=both) as app:
        assert app.get(f"{BASE}/abcdef").status_code == 302
        ben = Newcomer(app)("ben")
        assert ben.shorten(host=HOST)["shorturl"].startswith(BASE)
        ann = Colleague(app, ann.userid, ann.token)
        assert own_domains(ann, own_team_id(ann.userid)) == []
        assert sound(app)
    with open_app(tmp_path, environ=GENEROUS) as app:
        assert app.get(f"{BASE}/abcdef").status_code == 404, "and is left out like any host"
        ann = Colleague(app, ann.userid, ann.token)
        prove(ann, own_team_id(ann.userid))
        assert app.get(f"{BASE}/abcdef").status_code == 404
    with open_app(tmp_path, environ=both) as app:
        assert app.get(f"{BASE}/abcdef").status_code == 302
        assert sound(app)
