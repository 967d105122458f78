"""`destination` and `interstitial`: when they are asked, and what becomes of their answers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.plugin_runtime.conftest import Start

LEAD = """
class Lead(Plugin[None, Data]):
    name = "lead"
    Data = Data

    @hookimpl
    def destination(self, link: Link, visit: Visit, data: Data) -> Destination | str | None:
        return {answer}
"""
PAGE = """
class Show(Plugin[None, Data]):
    name = "show"
    Data = Data

    @hookimpl
    def interstitial(
        self, link: Link, visit: Visit, data: Data, destination: str, nonce: str
    ) -> Interstitial | None:
        return {answer}
"""
HTML = 'f"<script nonce={nonce}></script>{destination}"'
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"


def lead(answer: str) -> str:
    return LEAD.format(answer=answer)


def show(answer: str = f"Interstitial({HTML})") -> str:
    return PAGE.format(answer=answer)


class TestDestination:
    @pytest.mark.parametrize(
        ("answer", "location"),
        [
            ("None", "https://main.example/"),
            ("data.url", "https://plugin.example/"),
            ("Destination(data.url)", "https://plugin.example/"),
            ("Destination()", "https://main.example/"),
            ("Destination(choice='x')", "https://main.example/"),
            ("'https://plugin.example/ä'", "https://plugin.example/%C3%A4"),
        ],
    )
    def test_destination_leads_the_visit(self, start: Start, answer: str, location: str) -> None:
        plugins = start(lead=lead(answer))
        plugins.set("lead")
        assert [plugins.visit(), plugins.visit()] == [location, location]
        assert plugins.state("lead")["failures"] == 0

    def test_destination_is_asked_for_links_with_its_data_alone(self, start: Start) -> None:
        plugins = start(lead=lead("data.url"))
        assert plugins.visit() == "https://main.example/"
        plugins.set("lead")
        assert plugins.visit() == "https://plugin.example/"
        plugins.app.call("set_plugin", **plugins.which(), plugin="lead", data=None)
        assert plugins.visit() == "https://main.example/"

    def test_everywhere_is_everywhere(self, start: Start) -> None:
        source = lead("data.url if data else 'https://all.example/'")
        plugins = start(lead=source.replace("name =", "everywhere = True\n    name ="))
        other = plugins.make()
        plugins.set("lead", shorturl=other)
        assert plugins.visit() == "https://all.example/"
        assert plugins.visit(other) == "https://plugin.example/"

    @pytest.mark.parametrize(
        "answer",
        [
            "5",
            "b'https://x.example/'",
            "['https://x.example/']",
            "Destination(5)",
            "Destination('https://x.example/', 5)",
            "Destination('https://x.example/', [])",
            "'javascript:alert(1)'",
            "'https://user:pass@x.example/'",
            "'https://x.example/\\r\\nset-cookie: a=b'",
            "'http://127.0.0.1:8080/loop'",
            "'/relative'",
            "''.join(['https://x.example/', 'a' * 9000])",
            "'https://x.example/\\ud800'",
            "Destination('https://x.example/', 'Not a name')",
            "Destination('https://x.example/', 'x' * 33)",
            "1 / 0",
            "visit.nonsense",
        ],
    )
    def test_an_answer_that_cannot_be_used_is_a_failure_and_the_visit_goes_on(
        self, start: Start, answer: str
    ) -> None:
        plugins = start(lead=lead(answer))
        plugins.set("lead")
        assert plugins.visit() == "https://main.example/"
        assert plugins.state("lead")["failures"] == 1
        assert plugins.state("lead")["state"] == "on"

    def test_the_next_plugin_decides_where_one_fails(self, start: Start) -> None:
        source = lead("'https://next.example/'").replace("lead", "next").replace("Lead", "Next")
        plugins = start(lead=lead("1 / 0"), next=source)
        plugins.set("lead")
        plugins.set("next")
        assert plugins.visit() == "https://next.example/"

    def test_order_is_tryfirst_plain_trylast_then_name(self, start: Start) -> None:
        kinds = {"b": "(tryfirst=True)", "e": "(tryfirst=True)", "a": "(trylast=True)", "d": ""}
        kinds |= {"c": "", "f": "(trylast=True)"}
        sources = {}
        for name, kind in kinds.items():
            source = lead(f"self.seen('{name}')").replace("'lead'", f"'{name}'")
            source = source.replace('"lead"', f'"{name}"').replace("@hookimpl", f"@hookimpl{kind}")
            sources[name] = source + "\n    def seen(self, name):\n        return None\n"
        plugins = start(**sources)
        for name in sources:
            plugins.set(name)
        steps = [step["question"] for step in plugins.explain()["steps"]]
        asked = [step.removeprefix("plugin ") for step in steps if step.startswith("plugin")]
        assert asked == ["b", "e", "c", "d", "a", "f"]
        order = plugins.app.call("get_plugins", userid=plugins.userid)["order"]["destination"]
        assert order == ["b", "e", "rules", "c", "d", "mobile", "a", "ab", "f"]

    def test_a_hook_may_take_fewer_arguments_in_any_order(self, start: Start) -> None:
        source = lead("f'https://{data.url[8:14]}.example/{link.code}'")
        source = source.replace(
            "self, link: Link, visit: Visit, data: Data", "self, data: Data, link: Link"
        )
        plugins = start(lead=source)
        plugins.set("lead")
        assert plugins.visit() == f"https://plugin.example/{plugins.shorturl[-6:]}"

    def test_a_visit_tells_what_the_headers_say(self, start: Start) -> None:
        answer = """(
            f"https://x.example/{visit.platform}/{visit.browser}/{visit.language}/{visit.device}"
            f"/{visit.address}/{visit.is_bot}/{visit.is_qr}/{visit.do_not_track}/{visit.counts}"
        )"""
        plugins = start(lead=lead(answer))
        plugins.set("lead")
        headers = {"user_agent": CHROME, "accept_language": "de-DE,en;q=0.5"}
        assert plugins.visit(plugins.shorturl + "?qr", **headers, dnt="1") == (
            "https://x.example/linux/Chrome/de/Desktop/127.0.0.1/False/True/True/True"
        )
        assert plugins.visit(method="HEAD", user_agent="Slackbot 1.0") == (
            "https://x.example/other/Slackbot/Unknown/Bot/127.0.0.1/True/False/False/False"
        )

    def test_the_preview_shows_where_this_visitor_would_go(self, start: Start) -> None:
        plugins = start(lead=lead("f'https://{visit.platform}.example/'"))
        plugins.set("lead")
        preview = plugins.app.get(plugins.shorturl + "+", headers={"user-agent": CHROME})
        assert "linux.example" in preview.text
        assert "main.example" not in preview.text

    def test_a_click_limit_holds(self, start: Start) -> None:
        plugins = start(lead=lead("data.url"))
        limited = plugins.make(expiration_count=2)
        plugins.set("lead", shorturl=limited)
        assert [plugins.visit(limited) for _ in range(2)] == ["https://plugin.example/"] * 2
        assert plugins.app.get(limited).status_code == 410
        assert plugins.explain(limited)["outcome"] == "expired"

    def test_neither_files_nor_dead_links_are_put_to_plugins(self, start: Start) -> None:
        source = lead("data.url").replace("name =", "everywhere = True\n    name =")
        source = source.replace("return data.url", "raise AssertionError(link.url)")
        plugins = start(lead=source)
        disabled, expired = plugins.make(), plugins.make(expiration_utime=1)
        plugins.app.call("set_enabled", **plugins.which(disabled), enabled=False)
        file = plugins.store_file()
        assert plugins.app.get(disabled).status_code == 404
        assert plugins.app.get(expired).status_code == 410
        assert "/-/files/" in plugins.visit(file)
        assert plugins.state("lead")["failures"] == 0

    def test_data_survives_a_restart_and_moves_with_its_link(self, start: Start) -> None:
        plugins = start(lead=lead("data.url"))
        plugins.set("lead", {"url": "https://kept.example/"})
        old, userid = plugins.shorturl, plugins.userid
        plugins = start()
        assert plugins.visit(old) == "https://kept.example/"
        new = old[:-6] + "movedhere"
        plugins.app.call("change_shorturl", userid=userid, shorturl_old=old, shorturl_new=new)
        assert plugins.visit(new) == "https://kept.example/"

    def test_the_secret_is_the_plugins_own_and_stays(self, start: Start) -> None:
        source = lead("None")
        plugins = start(lead=source, other=source.replace('"lead"', '"other"'))
        secrets = [plugins.plugin(name).server.secret for name in ("lead", "other", "ab")]
        assert len(set(secrets)) == 3
        assert {len(secret) for secret in secrets} == {32}
        assert [start().plugin("lead").server.secret] == secrets[:1]


class TestInterstitial:
    def test_interstitial_is_a_page_in_place_of_the_redirect(self, start: Start) -> None:
        plugins = start(show=show())
        plugins.set("show")
        first, second = plugins.app.get(plugins.shorturl), plugins.app.get(plugins.shorturl)
        assert first.status_code == 200
        nonces = [re.findall(r"nonce=([A-Za-z0-9]{22})>", page.text)[0] for page in (first, second)]
        assert nonces[0] != nonces[1]
        assert first.text == f"<script nonce={nonces[0]}></script>https://main.example/"
        assert dict(first.headers) == {
            "content-type": "text/html; charset=utf-8",
            "content-security-policy": (
                f"default-src 'none'; script-src 'nonce-{nonces[0]}'; "
                f"style-src 'nonce-{nonces[0]}'; "
                "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
            ),
            "referrer-policy": "no-referrer",
            "x-content-type-options": "nosniff",
            "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
            "x-robots-tag": "noindex",
            "cache-control": "no-store",
            "content-length": first.headers["content-length"],
        }
        entry = plugins.app.call("get_entry", **plugins.which())["entry"]
        assert entry["count"] == 2

    def test_interstitial_follows_destination(self, start: Start) -> None:
        source = lead("Destination(data.url, 'there')")
        plugins = start(show=show(), lead=source, environ={"SHORTD_LINKS__FORWARD_QUERY": "true"})
        plugins.set("show")
        plugins.set("lead")
        page = plugins.app.get(plugins.shorturl + "?a=b")
        assert page.text.endswith("</script>https://plugin.example/?a=b")
        clicks = plugins.app.call("get_plugin", **plugins.which(), plugin="lead")["clicks"]
        assert clicks == {"there": 1}

    def test_a_page_is_counted_besides_the_choice_of_destination(self, start: Start) -> None:
        plugins = start(
            show=show(f"Interstitial({HTML}, choice='shown')"),
            lead=lead("Destination(data.url, 'there')"),
        )
        plugins.set("show")
        plugins.set("lead")
        alone = plugins.make()
        plugins.set("show", shorturl=alone)
        plugins.app.get(plugins.shorturl)
        plugins.app.get(plugins.shorturl)
        plugins.app.get(plugins.shorturl, headers={"dnt": "1"})
        plugins.app.get(alone)

        def clicks(plugin: str, shorturl: str | None = None) -> dict[str, int]:
            which = plugins.which(shorturl)
            found: dict[str, int] = plugins.app.call("get_plugin", **which, plugin=plugin)["clicks"]
            return found

        for _ in range(2):
            assert (clicks("show"), clicks("lead")) == ({"shown": 2}, {"there": 3})
            assert clicks("show", alone) == {"shown": 1}
            plugins.app.drain()

    @pytest.mark.parametrize(
        ("method", "headers"),
        [
            ("HEAD", {}),
            ("GET", {"sec_purpose": "prefetch"}),
            ("GET", {"user_agent": "Slackbot 1.0"}),
            ("GET", {"user_agent": "AcmeChat/1.0 (+https://acme.example)"}),
            ("GET", {"x_moz": "prefetch"}),
            ("GET", {"dnt": "1"}),
            ("GET", {"sec_gpc": "1"}),
        ],
    )
    def test_interstitial_is_for_people_who_may_be_tracked(
        self, start: Start, method: str, headers: dict[str, str]
    ) -> None:
        plugins = start(show=show())
        plugins.set("show")
        assert plugins.visit(method=method, **headers) == "https://main.example/"
        assert plugins.app.get(plugins.shorturl, headers={"dnt": "0"}).status_code == 200

    def test_a_page_that_does_not_track_is_shown_to_all(self, start: Start) -> None:
        plugins = start(show=show(f"Interstitial({HTML}, tracking=False)"))
        plugins.set("show")
        assert plugins.app.get(plugins.shorturl, headers={"dnt": "1"}).status_code == 200

    def test_sources_widen_the_policy_by_what_they_name(self, start: Start) -> None:
        sources = (
            "Sources(img=('https://*.a.example',), script=('https://b.example:8443',),"
            " connect=('https://c.example',), frame=('https://d.example',))"
        )
        plugins = start(show=show(f"Interstitial({HTML}, {sources}, referrer_policy='origin')"))
        plugins.set("show")
        page = plugins.app.get(plugins.shorturl)
        policy = page.headers["content-security-policy"]
        for part in (
            "img-src https://*.a.example",
            "connect-src https://c.example",
            "frame-src https://d.example",
        ):
            assert f"; {part};" in policy
        assert re.search(r"script-src 'nonce-\w+' https://b\.example:8443;", policy)
        assert page.headers["referrer-policy"] == "origin"

    @pytest.mark.parametrize(
        "answer",
        [
            "'<p>text'",
            "Interstitial(5)",
            "Interstitial('\\ud800')",
            "Interstitial('x' * (1024 * 1024 + 1))",
            "Interstitial('x', referrer_policy='unsafe-url')",
            "Interstitial('x', referrer_policy='origin\\r\\nx: y')",
            "Interstitial('x', 5)",
            "Interstitial('x', choice='a b')",
            "Interstitial('x', choice=5)",
            "Interstitial('x', Sources(img=(5,)))",
            "Interstitial('x', Sources(img=5))",
            *(
                f"Interstitial('x', Sources(script=({origin!r},)))"
                for origin in (
                    "http://a.example",
                    "https://a.example/path",
                    "https://a.example; script-src *",
                    "https://a.example 'unsafe-inline'",
                    "'unsafe-inline'",
                    "*",
                    "https://*",
                    "data:",
                    "https://a.example\n",
                    "https://ä.example",
                    "",
                )
            ),
            "1 / 0",
        ],
    )
    def test_a_page_that_cannot_be_used_is_a_failure_and_the_redirect_goes_on(
        self, start: Start, answer: str
    ) -> None:
        plugins = start(show=show(answer))
        plugins.set("show")
        assert plugins.visit() == "https://main.example/"
        assert plugins.state("show")["failures"] == 1

    def test_a_preview_shows_the_destination_and_no_page(self, start: Start) -> None:
        plugins = start(show=show())
        plugins.set("show")
        assert "main.example" in plugins.app.get(plugins.shorturl + "+").text

    def test_a_page_uses_a_click_up(self, start: Start) -> None:
        plugins = start(show=show())
        limited = plugins.make(expiration_count=1)
        plugins.set("show", shorturl=limited)
        assert [plugins.app.get(limited).status_code for _ in range(2)] == [200, 410]


def test_data_that_a_newer_plugin_does_not_accept_is_passed_over_and_kept(start: Start) -> None:
    plugins = start(lead=lead("data.url"))
    plugins.set("lead", {"url": "https://kept.example/"})
    shorturl, userid = plugins.shorturl, plugins.userid
    newer = lead("'https://new.example/'").replace("Data = Data", "Data = Newer")
    newer = "class Newer(Struct):\n    number: int\n" + newer
    plugins = start(lead=newer)
    which: dict[str, Any] = {"userid": userid, "shorturl": shorturl}
    assert plugins.visit(shorturl) == "https://main.example/"
    assert plugins.state("lead")["bad_data"] == 1
    assert plugins.state("lead")["state"] == "on"
    assert plugins.app.refused("get_plugin", **which, plugin="lead")["code"] == "plugin_failed"
    steps = plugins.app.call("explain", **which)["steps"]
    assert {
        "question": "plugin lead",
        "answer": "does not accept the data of this link",
    } in steps
    assert start(lead=lead("data.url")).visit(shorturl) == "https://kept.example/"


@pytest.mark.parametrize("gone", ["disabled", "removed"])
def test_data_of_an_absent_plugin_is_kept_and_can_be_removed(start: Start, gone: str) -> None:
    plugins = start(lead=lead("data.url"))
    plugins.set("lead")
    which: dict[str, Any] = plugins.which()
    environ = (
        {"SHORTD_PLUGINS__DISABLED": "lead"} if gone == "disabled" else {"SHORTD_PLUGINS__DIR": ""}
    )
    plugins = start(environ=environ)
    assert plugins.visit(which["shorturl"]) == "https://main.example/"
    assert plugins.app.refused("get_plugin", **which, plugin="lead")["code"] == "unknown_plugin"
    plugins = start()
    assert plugins.visit(which["shorturl"]) == "https://plugin.example/"
    plugins = start(environ=environ)
    plugins.app.call("set_plugin", **which, plugin="lead", data=None)
    assert start().visit(which["shorturl"]) == "https://main.example/"
