"""Calls of the API from scripts of our pages: by the cookie, and by nobody else's page."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from shortd.testing import RunningApp
from tests.web.surfer import Surfer

HEADER = {"shortd-page": "1", "content-type": "application/json"}


def ask(surfer: Surfer, name: str = "get_account_info", **more: Any) -> httpx.Response:
    body = json.dumps(more.pop("body", {}))
    return surfer.send(f"/v2/{name}", content=body, **{**HEADER, **more})


def test_the_cookie_stands_for_credentials(ann: Surfer) -> None:
    answer = ask(ann).json()
    assert answer["status"] == "success", answer
    assert answer["output"]["username"] == "ann"


def test_nobody_else_is_named_beside_it(ann: Surfer, app: RunningApp) -> None:
    other = app.call("temporary_account")["userid"]
    answer = ask(ann, body={"userid": other, "token": "0" * 32}).json()
    assert answer["output"]["username"] == "ann"


def test_a_temporary_account_has_no_token(surfer: Surfer) -> None:
    surfer.send("/-/share/begin", {})
    assert ask(surfer).json()["status"] == "success"


@pytest.mark.parametrize("value", ["", "0", "yes"])
def test_without_the_header_a_cookie_is_nobody(ann: Surfer, value: str) -> None:
    answer = ask(ann, **{"shortd-page": value}).json()
    assert answer["error"]["code"] == "missing_field"
    assert answer["error"]["field"] == "userid"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": None},
        {"origin": "https://evil.example", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-site"},
    ],
)
@pytest.mark.parametrize("name", ["get_account_info", "file_part_upload"])
def test_foreign_pages_call_nothing(ann: Surfer, name: str, headers: dict[str, Any]) -> None:
    answer = ask(ann, name, **headers)
    assert answer.json()["error"]["code"] == "foreign_form"
    assert answer.status_code == 403


def test_who_has_signed_out_is_told_so(ann: Surfer) -> None:
    ann.send("/-/logout", {})
    answer = ask(ann)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_credentials")


def test_calls_for_nobody_need_none(surfer: Surfer) -> None:
    surfer.send("/-/share/begin", {})
    answer = ask(surfer, "get_signature", body={"shorturl": f"{surfer.own}/nosuch1"}).json()
    assert answer["error"]["code"] == "link_not_found"
    assert "warnings" not in answer


def test_a_call_is_answered_once_per_name(ann: Surfer) -> None:
    assert ask(ann, "nosuch").json()["error"]["code"] == "unknown_call"


def test_what_is_refused_is_told_in_the_language_of_the_page(ann: Surfer) -> None:
    upload = {"filename": "a/b", "filesize": 1, "filetype": ""}
    told = [
        ask(ann, "file_part_initialize", body=upload, accept_language=language, **more).json()
        for language, more in (("de", {}), ("en", {}), ("de", {"shortd-page": "0"}))
    ]
    assert [answer["error"]["message"] for answer in told] == [
        "Ein Dateiname hat keine Schrägstriche und keine Steuerzeichen.",
        "A file name has no slashes and no control characters.",
        "Object missing required field `userid`.",
    ]


def test_so_is_what_is_refused_before_it_is_a_call(ann: Surfer) -> None:
    def told(path: str, **headers: str) -> Any:
        asked = {"accept": "application/json", "content-type": "text/plain", **headers}
        answer = ann.send(path, content="x", headers={"accept-language": "de", **asked})
        return answer.json()["error"]["message"]

    page = {"shortd-page": "1"}
    foreign = {"sec-fetch-site": "cross-site"}
    for path in ("/v2/get_account_info", "/-/share/finish"):
        assert told(path, **page, **foreign) == "Das kam nicht von einer Seite dieses Servers."
    assert told("/-/share/finish", **page).startswith("Die Anfrage ist nicht das Formular")
    assert told("/-/share/finish").startswith("The body is not the form of this page.")
