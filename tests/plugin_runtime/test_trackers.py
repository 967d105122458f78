"""The bundled plugin trackers: its page over HTTP, its data, and who never gets the page."""

from __future__ import annotations

import base64
import json
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from shortd.plugin import Link, Server, Visit
from shortd.settings.config import ConfigError
from shortd_trackers import TrackerPage, Trackers
from shortd_trackers.keys import carries_key
from shortd_trackers.providers import PROVIDERS, Name
from tests.plugin_runtime.conftest import PluginApp, Start

FACEBOOK = {"provider": "facebook", "id": "121145523322155"}
ANALYTICS = {"provider": "google_analytics", "id": "G-AB12CD34EF"}
TAG_MANAGER = {"provider": "google_tag_manager", "id": "GTM-AB12CD3"}
QUORA = "04cef90e73704e779a9e42d0a779889f"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"


DOCUMENT = (Path(__file__).parents[2] / "docs/trackers.md").read_text(encoding="utf-8")


class Page(HTMLParser):
    """What a browser makes of the page's markup."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, *tags: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def shape(self) -> list[tuple[str, list[str]]]:
        """All elements, with the names of their attributes."""
        return [(tag, list(attributes)) for tag, attributes in self.elements]

    @property
    def told(self) -> list[str]:
        """The addresses that are loaded."""
        return [str(one["src"]) for one in self.all("img", "iframe")]


@pytest.fixture
def plugins(start: Start) -> PluginApp:
    return start()


def track(plugins: PluginApp, *trackers: dict[str, str], shorturl: str | None = None) -> None:
    plugins.set("trackers", {"trackers": list(trackers or (FACEBOOK,))}, shorturl)


def shown(plugins: PluginApp, shorturl: str | None = None, **headers: str) -> Page:
    response = plugins.app.get(shorturl or plugins.shorturl, headers=headers)
    assert response.status_code == 200, response.headers
    return Page(response.text)


def refusal(plugins: PluginApp, data: object) -> tuple[str, str]:
    which = plugins.which()
    error: dict[str, Any] = plugins.app.refused("set_plugin", **which, plugin="trackers", data=data)
    assert error["http_status"] == 400
    return error["code"], error["field"]


def panel(plugins: PluginApp) -> list[list[object]]:
    [panel] = plugins.app.call("get_panels", **plugins.which())["panels"]
    assert (panel["plugin"], panel["title"]) == ("trackers", "Trackers")
    return [[row["label"], row["value"]] for row in panel["rows"]]


class TestProviders:
    @pytest.mark.parametrize(
        ("provider", "id", "urls", "origins"),
        [
            (
                "facebook",
                "121145523322155",
                ["https://www.facebook.com/tr?id=121145523322155&ev=PageView&noscript=1"],
                "https://www.facebook.com",
            ),
            (
                "google_analytics",
                "G-AB12CD34EF",
                [
                    "https://www.google-analytics.com/g/collect?v=2&tid=G-AB12CD34EF&cid=*"
                    "&en=page_view&dl=http%3A%2F%2F127.0.0.1%3A8080%2F@"
                ],
                "https://www.google-analytics.com",
            ),
            (
                "google_analytics",
                "UA-8978698976",
                [
                    "https://www.google-analytics.com/collect?v=1&t=pageview&tid=UA-8978698976"
                    "&cid=*&dl=http%3A%2F%2F127.0.0.1%3A8080%2F@"
                ],
                "https://www.google-analytics.com",
            ),
            (
                "quora",
                QUORA,
                [f"https://q.quora.com/_/ad/{QUORA}/pixel?tag=ViewContent&noscript=1"],
                "https://q.quora.com",
            ),
            (
                "twitter",
                "o1abc",
                [
                    f"https://{host}/i/adsct?txn_id=o1abc&p_id=Twitter"
                    "&tw_sale_amount=0&tw_order_quantity=0"
                    for host in ("analytics.twitter.com", "t.co")
                ],
                "https://analytics.twitter.com https://t.co",
            ),
            (
                "linkedin",
                "4661356",
                ["https://px.ads.linkedin.com/collect/?pid=4661356&fmt=gif"],
                "https://px.ads.linkedin.com https://px4.ads.linkedin.com https://www.linkedin.com",
            ),
            (
                "google_ads",
                "AW-1066203895",
                [
                    "https://googleads.g.doubleclick.net/pagead/viewthroughconversion/1066203895/"
                    "?guid=ON&script=0"
                ],
                "https://googleads.g.doubleclick.net https://www.google.com",
            ),
            (
                "pinterest",
                "2612695586321",
                ["https://ct.pinterest.com/v3/?event=init&tid=2612695586321&noscript=1"],
                "https://ct.pinterest.com",
            ),
            (
                "segment",
                "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD",
                [
                    "https://api.segment.io/v1/pixel/page"
                    "?writeKey=aB3dE6gH9jK2mN5pQ8sT1vW4xY7zA0cD&anonymousId=*"
                    "&properties.url=http%3A%2F%2F127.0.0.1%3A8080%2F@"
                ],
                "https://api.segment.io",
            ),
        ],
    )
    def test_a_provider_is_told_by_images_from_its_own_origins(
        self, plugins: PluginApp, provider: str, id: str, urls: list[str], origins: str
    ) -> None:
        track(plugins, {"provider": provider, "id": id})
        response = plugins.app.get(plugins.shorturl)
        page = Page(response.text)
        code = plugins.shorturl.rpartition("/")[2]
        for told, expected in zip(page.told, urls, strict=True):
            before, star, after = expected.replace("@", code).partition("*")
            assert told.startswith(before)
            assert told.endswith(after)
            assert len(told) == len(before) + len(after) + (36 if star else 0)
        assert {one["referrerpolicy"] for one in page.all("img")} == {"origin"}
        policy = response.headers["content-security-policy"].split("; ")
        assert f"img-src {origins}" in policy
        assert "frame-src" not in response.headers["content-security-policy"]
        assert PROVIDERS[Name(provider)].title in page.text

    def test_a_tag_manager_is_a_frame_that_may_do_nothing(self, plugins: PluginApp) -> None:
        track(plugins, TAG_MANAGER)
        response = plugins.app.get(plugins.shorturl)
        for frame in Page(response.text).all("iframe"):
            assert frame["src"] == "https://www.googletagmanager.com/ns.html?id=GTM-AB12CD3"
            assert (frame["sandbox"], frame["referrerpolicy"]) == (None, "origin")
        policy = response.headers["content-security-policy"]
        assert "; frame-src https://www.googletagmanager.com;" in policy
        assert "img-src" not in policy

    @pytest.mark.parametrize(("id", "told"), [("212121", "GTM-212121"), ("AB12CD3", "GTM-AB12CD3")])
    def test_a_tag_manager_may_go_without_its_prefix(
        self, plugins: PluginApp, id: str, told: str
    ) -> None:
        track(plugins, {**TAG_MANAGER, "id": id})
        urls = {
            frame["src"] for frame in Page(plugins.app.get(plugins.shorturl).text).all("iframe")
        }
        assert urls == {f"https://www.googletagmanager.com/ns.html?id={told}"}
        assert panel(plugins)[0] == ["Google Tag Manager", id], "as its owner gave it"

    def test_several_are_told_on_one_page(self, plugins: PluginApp) -> None:
        track(plugins, FACEBOOK, ANALYTICS, TAG_MANAGER, {**FACEBOOK, "id": "55555"})
        response = plugins.app.get(plugins.shorturl)
        policy = response.headers["content-security-policy"]
        assert "img-src https://www.facebook.com https://www.google-analytics.com;" in policy
        page = Page(response.text)
        assert len(page.told) == 4
        assert "Facebook, Google Analytics and Google Tag Manager count this visit" in page.text

    def test_nobody_has_the_same_id_twice(self, plugins: PluginApp) -> None:
        track(plugins, ANALYTICS, {"provider": "segment", "id": "0123456789"})
        told = [url for _ in range(2) for url in shown(plugins).told]
        assert len(set(told)) == 4

    def test_all_nine_of_the_v1_document_are_there(self) -> None:
        assert len(PROVIDERS) == 9
        assert list(PROVIDERS) == list(Name)
        for provider in PROVIDERS.values():
            for form in provider.forms:
                for url in form.urls:
                    assert any(url.startswith(f"{origin}/") for origin in provider.origins)

    def test_the_document_lists_them_all(self) -> None:
        rows = [
            f"| `{name}` | {provider.title} | `{provider.example}` "
            f"| {', '.join(origin.removeprefix('https://') for origin in provider.origins)} |"
            for name, provider in PROVIDERS.items()
        ]
        assert "\n".join(rows) in DOCUMENT
        for provider in PROVIDERS.values():
            assert provider.urls(provider.example)

    def test_the_documents_examples_are_taken(self, plugins: PluginApp) -> None:
        data = re.findall(r'"data":(\{.+?\})\}\'', DOCUMENT, re.DOTALL)[0]
        track(plugins, *json.loads(data)["trackers"])
        toml = re.findall(r"```toml\n(.+?)```", DOCUMENT, re.DOTALL)[0]
        tables = tomllib.loads(toml)["plugins"]
        assert tables.pop("disabled") == [TrackerPage.name]
        assert msgspec.convert(tables["trackers"], TrackerPage.Settings).providers


class TestPage:
    def test_it_says_where_it_leads(self, plugins: PluginApp) -> None:
        shorturl = plugins.make("https://münchen.example:8443/a?b=c&d=e#f")
        track(plugins, shorturl=shorturl)
        page = shown(plugins, shorturl)
        destination = "https://xn--mnchen-3ya.example:8443/a?b=c&d=e#f"
        assert [link["href"] for link in page.all("a")] == [destination]
        assert destination in page.text
        [refresh] = [one for one in page.all("meta") if one.get("http-equiv") == "refresh"]
        assert refresh["content"] == f"0;url={destination}"
        assert "On to xn--mnchen-3ya.example:8443" in page.text

    def test_one_script_runs_and_it_is_ours(self, plugins: PluginApp) -> None:
        track(plugins, FACEBOOK, TAG_MANAGER)
        nonces = set()
        for _ in range(2):
            response = plugins.app.get(plugins.shorturl)
            [script] = Page(response.text).all("script")
            assert "src" not in script
            nonce = script["nonce"]
            assert f"script-src 'nonce-{nonce}';" in response.headers["content-security-policy"]
            nonces.add(nonce)
        assert len(nonces) == 2
        assert response.headers["referrer-policy"] == "no-referrer"
        assert response.headers["cache-control"] == "no-store"

    @pytest.mark.parametrize(
        "path",
        [
            "/\"><script>alert(1)</script><img/src='//evil.example'>",
            "/'onmouseover='alert(1)",
            "/?a={{7*7}}&b={%raw%}&lt;script&gt;</a></noscript></template></script><script>1",
            "/#--></style><base/href=//evil.example>",
        ],
    )
    def test_a_destination_is_text(self, plugins: PluginApp, path: str) -> None:
        shorturl = plugins.make(f"https://main.example{path}")
        track(plugins, shorturl=shorturl)
        location = plugins.visit(shorturl, dnt="1")
        page = shown(plugins, shorturl)
        assert [link["href"] for link in page.all("a")] == [location]
        track(plugins)
        assert page.shape == shown(plugins).shape


class TestWhoIsNotTold:
    @pytest.mark.parametrize(
        ("method", "headers"),
        [
            ("HEAD", {}),
            ("GET", {"dnt": "1"}),
            ("GET", {"sec_gpc": "1"}),
            ("GET", {"sec_purpose": "prefetch;prerender"}),
            ("GET", {"user_agent": "Slackbot-LinkExpanding 1.0"}),
            ("GET", {"user_agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}),
            ("GET", {"user_agent": "Synapse (bot; +https://github.com/matrix-org/synapse)"}),
            ("GET", {"user_agent": "AcmeChat/1.0 (+https://acme.example)"}),
        ],
    )
    def test_a_visitor_goes_straight_on(
        self, plugins: PluginApp, method: str, headers: dict[str, str]
    ) -> None:
        track(plugins)
        shown(plugins)
        assert plugins.visit(method=method, **headers) == "https://main.example/"
        assert panel(plugins)[-1] == ["Visits told", 1]

    def test_files_have_no_trackers(self, plugins: PluginApp) -> None:
        plugins.shorturl = plugins.store_file()
        assert refusal(plugins, {"trackers": [FACEBOOK]}) == ("invalid_field", "data")

    def test_a_destination_that_carries_a_key_has_no_trackers(self, plugins: PluginApp) -> None:
        plugins.shorturl = plugins.make("https://files.example/-/unlock?signature=ab12")
        assert refusal(plugins, {"trackers": [FACEBOOK]}) == ("invalid_field", "data")

    def test_nobody_is_told_of_a_key_that_another_plugin_leads_to(self, plugins: PluginApp) -> None:
        track(plugins)
        keyed = "https://drop.example/f#N7xk2pQz9LmW4vRt8sYb1A"
        plugins.set("ab", {"variants": [{"url": keyed, "weight": 100}]})
        assert plugins.visit() == keyed

    def test_nobody_is_told_of_a_key_that_the_visitor_brings_along(self, start: Start) -> None:
        plugins = start(environ={"SHORTD_LINKS__FORWARD_QUERY": "true"})
        track(plugins)
        told = shown(plugins, plugins.shorturl + "?page=2").told
        location = plugins.visit(plugins.shorturl + "?signature=ab12")
        assert location == "https://main.example/?signature=ab12"
        # What is passed on to the destination is not told.
        assert not any("page" in url.lower().replace("pageview", "") for url in told)

    def test_a_provider_that_the_operator_does_not_want_is_passed_over(self, start: Start) -> None:
        plugins = start()
        track(plugins, FACEBOOK, ANALYTICS)
        plugins.set("trackers", {"trackers": [ANALYTICS]}, other := plugins.make())
        shorturl, userid = plugins.shorturl, plugins.userid
        again = start(environ={"SHORTD_PLUGINS__TRACKERS__PROVIDERS": "facebook,linkedin"})
        again.shorturl, again.userid = shorturl, userid
        assert [url[:24] for url in shown(again).told] == ["https://www.facebook.com"]
        assert again.visit(other) == "https://main.example/"
        assert panel(again) == [
            ["Facebook", "121145523322155"],
            ["Google Analytics", "G-AB12CD34EF (not told by this server)"],
            ["Visits told", 1],
        ]
        assert refusal(again, {"trackers": [FACEBOOK, ANALYTICS]}) == (
            "invalid_field",
            "data.trackers[1].provider",
        )

    def test_nobody_is_led_to_what_is_no_web_address(self) -> None:
        visit, data = Visit(1, user_agent=CHROME), decoded(FACEBOOK)
        pages = [
            started().interstitial(LINK, visit, data, url, "n") is not None
            for url in ("HTTPS://main.example/", "javascript:alert(1)//https://main.example/")
        ]
        assert pages == [True, False]

    def test_a_wrong_provider_in_the_settings_is_one_line(self, start: Start) -> None:
        with pytest.raises(ConfigError, match=r"plugins\.trackers\.providers"):
            start(environ={"SHORTD_PLUGINS__TRACKERS__PROVIDERS": "facebok"})


class TestData:
    @pytest.mark.parametrize(
        ("data", "field"),
        [
            ({"trackers": []}, "data.trackers"),
            ({"trackers": [FACEBOOK] * 11}, "data.trackers"),
            ({"trackers": [FACEBOOK, ANALYTICS, FACEBOOK]}, "data.trackers[2].id"),
            ({"trackers": [{"provider": "myspace", "id": "1"}]}, "data.trackers[0].provider"),
            ({"trackers": [{**FACEBOOK, "id": 121145523322155}]}, "data.trackers[0].id"),
            ({"trackers": [{**FACEBOOK, "id": ""}]}, "data.trackers[0].id"),
            ({"trackers": [{**FACEBOOK, "id": "1" * 65}]}, "data.trackers[0].id"),
        ],
    )
    def test_wrong_data_is_refused_by_field(
        self, plugins: PluginApp, data: object, field: str
    ) -> None:
        assert refusal(plugins, data) == ("invalid_field", field)
        assert plugins.visit() == "https://main.example/"

    @pytest.mark.parametrize("provider", list(Name))
    @pytest.mark.parametrize(
        "id",
        [
            '1"><script>alert(1)</script>',
            "12345'onload='x",
            "123456789012345\n",
            " 123456789012345",
            "12345678901234\uff15",
            "12345&id=6",
            "../../evil",
            "G-AB12CD34EF#",
            "GTM-AB12CD/",
            "AW-1066203895?",
            "{page}",
        ],
    )
    def test_an_id_is_what_its_provider_gives_out(
        self, plugins: PluginApp, provider: str, id: str
    ) -> None:
        field = "data.trackers[0].id"
        trackers = [{"provider": provider, "id": id}]
        assert refusal(plugins, {"trackers": trackers}) == ("invalid_field", field)
        # Nor is one told that comes into the row by another way.
        page = started().interstitial(
            LINK, Visit(1, user_agent=CHROME), decoded(*trackers), "https://main.example/", "n"
        )
        assert page is None

    def test_visits_told_are_counted(self, plugins: PluginApp) -> None:
        track(plugins, FACEBOOK, ANALYTICS)
        for _ in range(3):
            shown(plugins)
        plugins.visit(dnt="1")
        for _ in range(2):
            assert panel(plugins) == [
                ["Facebook", "121145523322155"],
                ["Google Analytics", "G-AB12CD34EF"],
                ["Visits told", 3],
            ]
            plugins.app.drain()
        answer = plugins.app.call("get_plugin", **plugins.which(), plugin="trackers")
        data = {"trackers": [FACEBOOK, ANALYTICS]}
        assert answer == {"data": data, "clicks": {"told": 3}, "shares": {}}
        assert plugins.app.call("get_entry", **plugins.which())["entry"]["count"] == 4

    def test_visits_told_are_counted_besides_the_variants(self, plugins: PluginApp) -> None:
        track(plugins)
        variants = [{"url": "https://b.example/", "weight": 100}]
        plugins.set("ab", {"variants": variants})
        [link] = shown(plugins).all("a")
        assert link["href"] == "https://b.example/"
        plugins.visit(dnt="1")
        clicks = plugins.app.call("get_plugin", **plugins.which(), plugin="ab")["clicks"]
        assert clicks == {"1": 2}
        assert panel(plugins)[-1] == ["Visits told", 1]

    def test_removed_trackers_are_not_told(self, plugins: PluginApp) -> None:
        track(plugins)
        plugins.app.call("set_plugin", **plugins.which(), plugin="trackers", data=None)
        assert plugins.visit() == "https://main.example/"

    def test_explain_tells_of_the_page(self, plugins: PluginApp) -> None:
        track(plugins)
        answer = plugins.explain()
        assert answer["outcome"] == "interstitial"
        assert answer["steps"][-1] == {"question": "plugin trackers", "answer": "a page"}
        assert plugins.explain(do_not_track=True)["outcome"] == "redirect"


class TestKeys:
    @pytest.mark.parametrize(
        "url",
        [
            "https://s.example/-/unlock?shorturl=x",
            "https://s.example/-/files/AbCd?expires=1",
            "https://s.example/%2D/unlock",
            "https://s.example/a/../-/unlock",
            "https://s.example\\-\\unlock",
            "https://s.example/f?signature=ab",
            "https://s.example/f?X-Amz-Signature=ab",
            "https://s.example/f?a=b&SIG=ab",
            "https://s.example/f?rlkey=ab",
            "https://s.example/f?access%5Ftoken=ab",
            "https://s.example/f?key1=ab",
            "https://s.example/f?next=https%3A%2F%2Fa.example%2F%3Fsig%3Dab",
            "https://s.example/f#password=ab",
            "https://s.example/f#/folder?key=ab",
            "https://s.example/f#9f86d081884c7d659a2feaa0c55ad015",
            "https://s.example/f#!kL3mN0pQ!N7xk2pQz9LmW4vRt8sYb1A",
            "https://s.example/f#N7xk2pQz%39LmW4vRt8sYb1A",
        ],
    )
    def test_a_key_is_recognized(self, url: str) -> None:
        assert carries_key(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://main.example/",
            "https://main.example/-",
            "https://main.example/a/-/b",
            "https://main.example/?keyword=shoes&q=signature",
            "https://main.example/?utm_source=x&utm_campaign=spring-2026&gclid=EAIaIQobChMI7b3k9f",
            "https://main.example/?token=",
            "https://main.example/#frequently-asked-questions-2026",
            "https://main.example/#/Products/Summer_Sale",
            "https://main.example/#:~:text=plain%20words",
            "https://en.main.example/wiki/Key#Signatures_and_keys_of_1976",
        ],
    )
    def test_other_addresses_are_told_of(self, url: str) -> None:
        assert not carries_key(url)

    @pytest.mark.parametrize("size", [12, 16, 32])
    def test_random_fragments_are_keys(self, size: int) -> None:
        random = Random(size)
        for _ in range(1000):
            key = random.randbytes(size)
            for text in (key.hex(), base64.urlsafe_b64encode(key).decode().rstrip("=")):
                assert carries_key(f"https://main.example/f#{text}"), text


LINK = Link(1, "abc", "https://s.example/abc", "https://main.example/", "me", 1)


def started() -> TrackerPage:
    plugin = TrackerPage(TrackerPage.Settings(), Server("https://s.example", ["s.example"], b""))
    plugin.start()
    return plugin


def decoded(*trackers: dict[str, str]) -> Trackers:
    return msgspec.convert({"trackers": trackers}, Trackers)
