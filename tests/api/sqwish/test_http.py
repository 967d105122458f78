"""sqwish on the wire: methods, forms, paths, encodings, and what any bytes come to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shortd.hosts.destinations import parse_destination
from shortd.testing import RunningApp, open_app
from tests.api.sqwish.people import Client, checked, client, read
from tests.api.v2.envelopes import everything
from tests.conftest import GENEROUS
from tests.test_metrics import labels
from tests.test_metrics import read as read_metrics

FORM = {"content-type": "application/x-www-form-urlencoded"}
URL = "http://e.example/?a=1&b=2"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One for all the tests that change nothing."""
    with open_app(tmp_path_factory.mktemp("sqwish") / "data", environ=GENEROUS) as app:
        ann = client(app, "ann")
        ann.shorten(custom="mine", password="secret")
        yield ann


class TestPost:
    def test_parameters_come_in_a_form(self, ann: Client, written: str) -> None:
        form = urlencode({"api_key": ann.key, "url": URL, "custom": "posted"})
        for headers in (FORM, {"content-type": FORM["content-type"] + "; charset=UTF-8"}, {}):
            answer = ann.app.request("POST", f"/shorten.{written}", content=form, headers=headers)
            assert answer.status_code in (200, 409)
            checked(answer, written)
        assert ann.app.get("/posted").headers["location"] == URL

    def test_or_in_the_query_or_in_both(self, ann: Client, written: str) -> None:
        path = f"/shorten.{written}?{urlencode({'api_key': ann.key})}"
        answer = ann.app.request("POST", path, content=urlencode({"url": URL}), headers=FORM)
        code = checked(answer, written)["code"]
        path = f"/stats.{written}?{urlencode({'api_key': ann.key, 'code': code})}"
        assert checked(ann.app.request("POST", path), written)["original"] == URL

    def test_another_kind_of_body_is_refused(self, shared: Client, written: str) -> None:
        for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
            answer = shared.app.request(
                "POST", f"/shorten.{written}", content=b"{}", headers={"content-type": kind}
            )
            assert answer.status_code == 400
            assert "x-www-form-urlencoded" in checked(answer, written)["message"]

    def test_a_body_has_an_end(self, shared: Client, written: str) -> None:
        form = b"api_key=" + b"x" * (1 << 16)
        answer = shared.app.request("POST", f"/shorten.{written}", content=form, headers=FORM)
        assert answer.status_code == 413
        assert checked(answer, written)["message"] == "The request body is too large."

    def test_the_body_of_a_get_is_no_form(self, shared: Client, written: str) -> None:
        form = urlencode({"api_key": shared.key, "url": URL})
        answer = shared.app.request("GET", f"/shorten.{written}", content=form, headers=FORM)
        assert answer.status_code == 401


class TestParameters:
    def test_one_that_comes_twice_is_refused(self, shared: Client, written: str) -> None:
        path = f"/stats.{written}?api_key={shared.key}&code=mine&password=secret"
        for more, name in (
            ("&code=mine", "code"),
            ("&code=other", "code"),
            ("&password=x", "password"),
            (f"&api_key={shared.key}", "api_key"),
            ("&c%6Fde=mine", "code"),
        ):
            answer = shared.app.get(path + more)
            assert answer.status_code == 400
            assert checked(answer, written)["message"] == f"{name}: This parameter comes twice."
        answer = shared.app.request("POST", path, content="code=mine", headers=FORM)
        assert answer.status_code == 400

    def test_empty_and_unknown_ones_are_ignored(self, shared: Client, written: str) -> None:
        path = f"/stats.{written}?api_key={shared.key}&code=mine&password=secret"
        for more in ("&code=&limit=&url=", "&_=1&_=2&callback=x", "&&&", "&flag", "&%3D=%26"):
            assert checked(shared.app.get(path + more), written)["code"] == "mine", more

    @pytest.mark.parametrize("query", ["code=%FF", "code=%E4", "%C3=1", "code=%ED%A0%80"])
    def test_what_is_not_utf_8_is_refused(self, shared: Client, written: str, query: str) -> None:
        answer = shared.app.get(f"/stats.{written}?api_key={shared.key}&{query}")
        assert answer.status_code == 400
        assert "UTF-8" in checked(answer, written)["message"]

    def test_there_are_only_so_many(self, shared: Client, written: str) -> None:
        answer = shared.app.get(f"/stats.{written}?" + "&".join(["x=1"] * 101))
        assert answer.status_code == 400
        assert checked(answer, written)["message"] == "These are too many parameters."


class TestPaths:
    @pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH"])
    @pytest.mark.parametrize("name", ["shorten", "stats", "ips"])
    def test_other_methods(self, shared: Client, written: str, name: str, method: str) -> None:
        before = everything(shared.app)
        path = f"/{name}.{written}?{urlencode({'api_key': shared.key, 'url': URL})}"
        answer = shared.app.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, OPTIONS, POST"
        assert answer.headers["cache-control"] == "no-store"
        if method != "HEAD":
            assert checked(answer, written)["message"] == "This method is not allowed here."
        assert everything(shared.app) == before

    def test_options(self, shared: Client, written: str) -> None:
        answer = shared.app.request("OPTIONS", f"/shorten.{written}")
        assert (answer.status_code, answer.headers["allow"]) == (204, "GET, OPTIONS, POST")

    @pytest.mark.parametrize(
        ("path", "shape"),
        [
            ("/expand.json", "json"),
            ("/expand.xml", "xml"),
            ("/SHORTEN.xml", "xml"),
            ("/shorten.yaml", "json"),
            ("/stats.XML", "json"),
            ("/ips.php", "json"),
            ("/ips.txt/", "json"),
        ],
    )
    def test_unknown_calls_and_formats(self, shared: Client, path: str, shape: str) -> None:
        for method in ("GET", "POST"):
            answer = shared.app.request(method, f"{path}?api_key={shared.key}&code=mine")
            assert answer.status_code == 404
            assert checked(answer, shape)["message"] == "There is nothing here."

    @pytest.mark.parametrize(
        "path",
        ["/shorten", "/stats.json.bak", "/x/stats.json", "/-/stats.xml", "/stats.", "/a.txt"],
    )
    def test_what_is_no_affair_of_sqwishs(self, shared: Client, path: str) -> None:
        answer = shared.app.get(path)
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] in ("not_found", "link_not_found")

    def test_codes_may_be_called_as_calls_are(self, ann: Client) -> None:
        for name in ("shorten", "stats", "ips"):
            ann.shorten("http://e.example/", custom=name)
            assert ann.app.get(f"/{name}").headers["location"] == "http://e.example/"
            assert ann.call("stats", code=name)["hits"] == "1"

    def test_a_slash_behind_it_and_escapes_in_it(self, shared: Client, written: str) -> None:
        query = urlencode({"api_key": shared.key, "code": "mine", "password": "secret"})
        for path in (f"/stats.{written}/", f"/%73tats%2E{written}"):
            assert checked(shared.app.get(f"{path}?{query}"), written)["code"] == "mine"


class TestAnyBytes:
    """Whatever comes, the answer is a document, and nothing is made."""

    @given(st.binary(max_size=200), st.sampled_from(["shorten", "stats", "ips"]))
    @settings(max_examples=150)
    def test_in_the_query_and_in_the_form(self, shared: Client, raw: bytes, name: str) -> None:
        before = everything(shared.app)
        for written in ("json", "xml"):
            path = f"/{name}.{written}?api_key={shared.key}&{quote(raw, safe='=&%;+')}"
            answers = [
                shared.app.get(path),
                shared.app.request(
                    "POST", f"/{name}.{written}?api_key={shared.key}", content=raw, headers=FORM
                ),
            ]
            for answer in answers:
                assert answer.status_code in (400, 404)
                checked(answer, written)
        assert everything(shared.app) == before

    @given(
        st.fixed_dictionaries(
            {},
            optional={name: st.text() for name in ("custom", "password", "code", "limit", "extra")},
        ),
        st.sampled_from(["shorten", "stats", "ips"]),
    )
    @settings(max_examples=150)
    def test_in_each_parameter(self, shared: Client, given_: dict[str, str], name: str) -> None:
        before = everything(shared.app)
        for written in ("json", "xml"):
            answer = shared.send(name, written, **given_)
            assert answer.status_code in (400, 404)
            checked(answer, written)
        assert everything(shared.app) == before

    @given(st.text())
    @settings(max_examples=150)
    def test_in_a_url(self, shared: Client, text: str) -> None:
        for url in (text, f"http://e.example/{text}"):
            for written in ("json", "xml"):
                answer = shared.send("shorten", written, url=url)
                document = checked(answer, written)
                if answer.status_code == 200:
                    told = shared.call("stats", "json", code=document["code"])
                    # White space around it goes, and what nobody sees.
                    assert told["original"] == parse_destination(url, ()).url
                else:
                    assert answer.status_code == 400


def test_calls_are_counted(open_server: RunningApp) -> None:
    anybody = Client(open_server)
    anybody.shorten(custom="abc")
    anybody.refused("shorten", "xml", url="nonsense")
    anybody.call("stats", "xml", code="abc")
    anybody.refused("ips", code="abc")
    values = read_metrics(open_server)
    for call, status, count in (
        ("sqwish/shorten", "200", 1),
        ("sqwish/shorten", "400", 1),
        ("sqwish/stats", "200", 1),
        ("sqwish/ips", "401", 1),
    ):
        assert values["shortd_calls_total", labels(call=call, status=status)] == count
    assert "abc" not in open_server.get("/-/metrics").text


def test_a_fault_of_ours_is_a_document_too(ann: Client, written: str) -> None:
    with patch.object(ann.app.services.links.links, "create", side_effect=RuntimeError("broken")):
        answer = ann.send("shorten", written, url=URL)
    assert answer.status_code == 500
    assert read(answer.content, written) == {
        "error": "true",
        "message": "An unexpected fault; it has been logged.",
    }
    values = read_metrics(ann.app)
    assert values["shortd_calls_total", labels(call="sqwish/shorten", status="500")] == 1


def test_a_full_database_refuses_and_goes_on(tmp_path: Path, written: str) -> None:
    environ = {**GENEROUS, "SHORTD_STORAGE__MAP_BYTES": str(2 << 20)}
    with open_app(tmp_path, environ=environ) as app:
        ann = client(app, "ann")
        code = ann.shorten()
        url = "http://e.example/" + "x" * 8000
        while (answer := ann.send("shorten", written, url=url)).status_code == 200:
            pass
        assert answer.status_code == 507
        assert checked(answer, written)["message"] == "The server has no storage left."
        app.visit(f"/{code}")
        assert ann.call("stats", written, code=code)["hits"] == "1"
        assert ann.call("ips", written, code=code)
