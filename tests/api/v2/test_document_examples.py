"""The examples of the ww7 v2 document, replayed as they are written there.

`DOCUMENT` samples are the document's own responses. docs/deviations.md says where they are older
than the text around them: `settled` applies exactly those differences, and nothing else may differ.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shortd.ids import base62_decode, base62_encode
from shortd.links.qr import QrOptions, render
from shortd.models.common import NEVER
from shortd.testing import RunningApp, open_app
from tests.api.v2.envelopes import check_envelope
from tests.api.v2.people import double_sha256, pbkdf2

USERNAME = "Test User"
EMAIL = "test.user@nowhere.com"
PASSWORD = "Trial151!"
VARYING = {"id", "shorturl", "userid", "token", "utime"}
"""What differs from one run to the next; of these the types are compared."""

Json = dict[str, Any]


@pytest.fixture
def ww7(tmp_path: Path) -> Iterator[RunningApp]:
    """A server that is the document's, with the document's user."""
    with open_app(tmp_path / "data", environ={"SHORTD_PUBLIC_URL": "https://ww7.io"}) as app:
        post(
            app,
            "signup",
            {"email": EMAIL, "username": USERNAME, "password": double_sha256(PASSWORD)},
        )
        yield app


def post(app: RunningApp, name: str, query: Json) -> Json:
    """`requests.post(url, json.dumps(query)).json()`: the examples send no content type."""
    response = app.request("POST", f"/v2/{name}", content=json.dumps(query))
    answer: Json = response.json()
    assert response.status_code == 200, answer
    check_envelope(answer, name)
    return answer


def login(app: RunningApp) -> Json:
    query = {"username_email": USERNAME, "password": double_sha256(PASSWORD)}
    output: Json = post(app, "login", query)["output"]
    return {"userid": output["userid"], "token": output["token"]}


OURS = {"total", "max_file_bytes", "storage_quota", "storage_used"}
"""Outputs that the document does not have."""


def same(answer: Any, sample: Any, varying: set[str] = VARYING, key: str = "") -> None:
    """Asserts equal keys everywhere, equal values except of those that vary."""
    assert type(answer) is type(sample), key
    if isinstance(sample, dict):
        assert answer.keys() - OURS == sample.keys(), key
        for name in sample:
            same(answer[name], sample[name], varying, name)
    elif isinstance(sample, list):
        assert len(answer) == len(sample), key
        for one, other in zip(answer, sample, strict=True):
            same(one, other, varying, key)
    elif key not in varying:
        assert answer == sample, key


def entry_sample(**items: Any) -> Json:
    """An entry as the document's samples show it, in the settled form."""
    sample = {
        "count": 0,
        "count_qr": 0,
        "enabled": False,
        "encryption": 0,
        "filekey": "",
        "filesize": -1,
        "filetype": "",
        "id": 0,
        "order": 0,
        "shorturl": "",
        "signature": "",
        "tag": 0,
        "url": "https://www.example.com/",
        "userid": "fCvQf6k7w8JLKWfPuVTA0sybeKHNNQGf",
        "utime": 1663520979909818,
        **items,
    }
    settled = {"enabled": True, "expiration_count": 0, "expiration_utime": NEVER}
    return sample | settled


def envelope(name: str, output: Json, weight: int = 1000) -> Json:
    return {
        "output": output,
        "status": "success",
        "type": name,
        "utime": 1660552794085981,
        "weight": weight,
    }


def follow(app: RunningApp, shorturl: str) -> tuple[int, str | None]:
    response = app.get(shorturl)
    return response.status_code, response.headers.get("location")


@pytest.mark.parametrize(
    ("code", "link_id"),
    [
        ("D4AyPm", 3576066480),
        ("oHWHkq", 36754020030),
        ("TWPvlf", 17735361113),
        ("YPRgkk", 22213009860),
        ("k7hKcv", 33860490823),
        ("XvK2TR", 21768134979),
        ("qt36xE", 39155848098),
        ("22NXsM", 50272284488),
        ("OUITVB", 13123367331),
        ("ge5VWP", 29773207503),
        ("7GeTCV", 54147718125),
        ("luMXcJ", 34579576333),
    ],
)
def test_ids_of_the_samples_are_their_codes(code: str, link_id: int) -> None:
    assert base62_decode(code) == link_id
    assert base62_encode(link_id) == code


def test_derivations() -> None:
    assert (
        double_sha256("Trial151!")
        == "ffbbafe935a9c961cc5ea6bbdb8d994e3eb2c84f8a48f998fcef14feb9cc1bde"
    )
    assert (
        double_sha256("NewPassword12!")
        == "ba74bcfc739dada58d1a7b0c87c4488fce5453ad7cb6b4077a0c97e52233ab92"
    )


def test_url(ww7: RunningApp) -> None:
    query = {**login(ww7), "url": "https://examle.com/", "tag": 0x8008}
    answer = post(ww7, "url", query)
    same(answer, envelope("url", {"entry": entry_sample(tag=32776, url="https://examle.com/")}))
    entry = answer["output"]["entry"]
    assert entry["shorturl"] == f"https://ww7.io/{base62_encode(entry['id'])}"
    assert entry["userid"] == query["userid"]
    assert follow(ww7, entry["shorturl"]) == (302, "https://examle.com/")


def test_urls(ww7: RunningApp) -> None:
    urls = [
        "https://en.wikipedia.org",
        "https://youtube.com",
        "https://amazon.com",
        "https://facebook.com",
        "https://twitter.com",
    ]
    answer = post(ww7, "urls", {**login(ww7), "tag": 0x8008, "urls": urls})
    entries = [entry_sample(tag=32776, url=url) for url in urls]
    same(answer, envelope("urls", {"entries": entries}, 1500))
    got = answer["output"]["entries"]
    # In the sample, creation times rise by one microsecond from the call's own time.
    assert [entry["utime"] - got[0]["utime"] for entry in got] == [0, 1, 2, 3, 4]
    assert got[0]["utime"] == answer["utime"]


def test_change_shorturl(ww7: RunningApp) -> None:
    credentials = login(ww7)
    old = post(ww7, "url", {**credentials, "url": "https://www.example.com/"})["output"]["entry"]
    query = {
        **credentials,
        "shorturl_old": old["shorturl"],
        "shorturl_new": "https://ww7.io/fanciest",
    }
    same(post(ww7, "change_shorturl", query), envelope("change_shorturl", {}))
    assert follow(ww7, "https://ww7.io/fanciest") == (302, "https://www.example.com/")
    assert follow(ww7, old["shorturl"]) == (404, None)


def test_set_enabled(ww7: RunningApp) -> None:
    credentials = login(ww7)
    entry = post(ww7, "url", {**credentials, "url": "https://www.example.com"})["output"]["entry"]
    query = {**credentials, "shorturl": entry["shorturl"], "enabled": False}
    same(post(ww7, "set_enabled", query), envelope("set_enabled", {}))
    assert follow(ww7, entry["shorturl"]) == (404, None)


def test_set_tag(ww7: RunningApp) -> None:
    credentials = login(ww7)
    entry = post(ww7, "url", {**credentials, "url": "https://www.example.com"})["output"]["entry"]
    query = {**credentials, "shorturl": entry["shorturl"], "tag": 0x123456789A}
    same(post(ww7, "set_tag", query), envelope("set_tag", {}))
    query = {**credentials, "shorturl": entry["shorturl"]}
    assert post(ww7, "get_entry", query)["output"]["entry"]["tag"] == 0x123456789A


def test_set_expiration_count(ww7: RunningApp) -> None:
    credentials = login(ww7)
    entry = post(ww7, "url", {**credentials, "url": "https://www.example.com"})["output"]["entry"]
    query = {**credentials, "shorturl": entry["shorturl"], "expiration_count": 100}
    # The sample's type, "expiration_count", is a slip: type is always the call's own name.
    same(post(ww7, "set_expiration_count", query), envelope("set_expiration_count", {}))
    query = {**credentials, "shorturl": entry["shorturl"]}
    assert post(ww7, "get_entry", query)["output"]["entry"]["expiration_count"] == 100


def test_delete(ww7: RunningApp) -> None:
    credentials = login(ww7)
    entry = post(ww7, "url", {**credentials, "url": "https://www.example.com"})["output"]["entry"]
    query = {**credentials, "shorturl": entry["shorturl"]}
    same(post(ww7, "delete", query), envelope("delete", {}))
    assert follow(ww7, entry["shorturl"]) == (404, None)


def test_get_entry(ww7: RunningApp) -> None:
    credentials = login(ww7)
    made = post(ww7, "url", {**credentials, "url": "https://www.example.com/"})["output"]["entry"]
    answer = post(ww7, "get_entry", {**credentials, "shorturl": made["shorturl"]})
    same(answer, envelope("get_entry", {"entry": entry_sample()}))
    assert answer["output"]["entry"] == made


def test_get_entries(ww7: RunningApp) -> None:
    credentials = login(ww7)
    for code in ("ge5VWP", "OUITVB", "newest"):
        post(ww7, "url", {**credentials, "url": "https://www.example.com/", "code": code})
    qr = {"format": "png", "bg": "#ffffff00", "fg": "#4444aa", "level": "M", "border": 1}
    query = {**credentials, "count": 2, "start": 1, "qr": qr}
    answer = post(ww7, "get_entries", query)
    shown = {"encoding": "base64", "format": "png", "image": "iVBORw0KGgoAAAANSUhEUgAAAQ4"}
    entries = [entry_sample(order=order, qrcode=shown) for order in (1, 2)]
    same(answer, envelope("get_entries", {"entries": entries}, 1200), VARYING | {"image"})
    got = answer["output"]["entries"]
    assert [entry["shorturl"][-6:] for entry in got] == ["OUITVB", "ge5VWP"]
    for entry in got:
        # That this is, pixel by pixel, the document's image is the business of test_qr.
        drawn = render(entry["shorturl"], msgspec.convert(qr, QrOptions))
        assert base64.b64decode(entry["qrcode"]["image"]) == drawn


def test_temporary_account(ww7: RunningApp) -> None:
    response = ww7.request("POST", "/v2/temporary_account", content="{}")
    sample = {"userid": "IMfmSN5ybU40gQ8qnIfX50SR8BlIeeY9"}
    same(response.json(), envelope("temporary_account", sample))
    assert len(response.json()["output"]["userid"]) == 32


def identity_sample(**items: Any) -> Json:
    # `email_verified` is missing in the samples, and "always exists" in the descriptions.
    return {"email": EMAIL, "username": USERNAME, "email_verified": False, **items}


def login_sample() -> Json:
    return identity_sample(
        token="tMf1V94fN9dCh3X8mFA5yeRebh1MtUx9", userid="FeJr3QgHeHe9D0kAxBBBo9lBidVhrRaU"
    )


def test_signup(tmp_path: Path) -> None:
    with open_app(tmp_path / "data", environ={"SHORTD_PUBLIC_URL": "https://ww7.io"}) as app:
        query = {"email": EMAIL, "username": USERNAME, "password": double_sha256(PASSWORD)}
        answer = post(app, "signup", query)
        same(answer, envelope("signup", login_sample()))
        assert len(answer["output"]["userid"]) == len(answer["output"]["token"]) == 32


def test_login(ww7: RunningApp) -> None:
    query = {"username_email": USERNAME, "password": double_sha256(PASSWORD)}
    same(post(ww7, "login", query), envelope("login", login_sample()))


def test_logout(ww7: RunningApp) -> None:
    credentials = login(ww7)
    same(post(ww7, "logout", credentials), envelope("logout", {}, 0))
    assert ww7.refused("check_credentials", **credentials)["code"] == "bad_credentials"


def test_change_password(ww7: RunningApp) -> None:
    query = {
        **login(ww7),
        "password": double_sha256(PASSWORD),
        "password_new": double_sha256("NewPassword12!"),
    }
    same(post(ww7, "change_password", query), envelope("change_password", {}))
    query = {"username_email": USERNAME, "password": double_sha256("NewPassword12!")}
    same(post(ww7, "login", query), envelope("login", login_sample()))


def test_check_credentials(ww7: RunningApp) -> None:
    answer = post(ww7, "check_credentials", login(ww7))
    same(answer, envelope("check_credentials", identity_sample()))


def test_get_account_info(ww7: RunningApp) -> None:
    credentials = login(ww7)
    # The sample shows an account that has not made a call for a while.
    ww7.clock.advance(60)
    answer = post(ww7, "get_account_info", credentials)
    sample = {
        "api_balance": 120000,
        "api_balance_utime": 1660756113933003,
        "api_capacity": 120000,
        "api_refill_rate": 2000,
        "create_utime": 1660741579885868,
        "email": EMAIL,
        "email_verified": False,
        "expiration_utime": 9223372036854775807,
        # The sample's 120000 cannot be: the bucket of a new account is full.
        "link_balance": 129600000000,
        "link_balance_utime": 1660756113933003,
        "link_capacity": 129600000000,
        "link_refill_rate": 50000,
        "type": "registered",
        "username": USERNAME,
    }
    varying = VARYING | {"api_balance_utime", "link_balance_utime", "create_utime"}
    same(answer, envelope("get_account_info", sample, 2000), varying)
    # In the sample, both balances are as of the call's own time.
    assert answer["output"]["api_balance_utime"] == answer["utime"]
    assert answer["output"]["link_balance_utime"] == answer["utime"]
    assert answer["output"]["create_utime"] == answer["utime"] - 60_000_000


def test_multi(ww7: RunningApp) -> None:
    credentials = login(ww7)
    urls = ["https://amazon.com", "https://facebook.com", "https://twitter.com"]
    post(ww7, "urls", {**credentials, "urls": urls, "tag": 32776})
    query = {
        "call_queries": [
            {
                "type": "login",
                "broadcast": True,
                "input": {"username_email": USERNAME, "password": double_sha256(PASSWORD)},
            },
            {"type": "get_entries", "input": {"count": 2, "start": 1, "qr": False}},
        ]
    }
    entries = [
        entry_sample(order=1, tag=32776, url="https://facebook.com"),
        entry_sample(order=2, tag=32776, url="https://amazon.com"),
    ]
    responses = [
        envelope("login", login_sample()),
        envelope("get_entries", {"entries": entries}, 1200),
    ]
    same(post(ww7, "multi", query), envelope("multi", {"call_responses": responses}, 0))


def test_the_described_derivation_serves_as_well(tmp_path: Path) -> None:
    """PBKDF2, as the field descriptions have it, in place of the examples' double SHA-256."""
    with open_app(tmp_path / "data") as app:
        old, new = pbkdf2(PASSWORD), pbkdf2("NewPassword12!")
        post(app, "signup", {"email": EMAIL, "username": USERNAME, "password": old})
        output = post(app, "login", {"username_email": EMAIL, "password": old})["output"]
        credentials = {"userid": output["userid"], "token": output["token"]}
        post(app, "change_password", {**credentials, "password": old, "password_new": new})
        post(app, "login", {"username_email": EMAIL, "password": new})
        error = app.refused("login", username_email=EMAIL, password=old)
        assert (error["http_status"], error["code"]) == (401, "bad_credentials")


def mailed_code(app: RunningApp) -> str:
    """The `unique_code` of the mail that the server just wrote to the document's user."""
    app.deliver()
    (file,) = (app.services.settings.data_dir / "outbox").glob("*.eml")
    (code,) = set(re.findall(r"code=([0-9a-f]{32})", file.read_text()))
    file.unlink()
    return str(code)


def test_forgot_password(ww7: RunningApp) -> None:
    answer = post(ww7, "forgot_password", {"username_email": USERNAME})
    same(answer, envelope("forgot_password", {}, 5000))
    assert len(mailed_code(ww7)) == len("9f0c48d2bb15d09b12e7881869b570bc")


def test_reset_password(ww7: RunningApp) -> None:
    post(ww7, "forgot_password", {"username_email": USERNAME})
    query = {
        "unique_code": mailed_code(ww7),
        "email": EMAIL,
        # The request shown beside the example is that of another password.
        "password": double_sha256("ResetNew121!"),
    }
    sample = {
        "email_verified": False,
        "token": "hlrHGDCENqFksdt1gm38pQ9ScKcMUu9n",
        "userid": "fCvQf6k7w8JLKWfPuVTA0sybeKHNNQGf",
        "username": USERNAME,
    }
    answer = post(ww7, "reset_password", query)
    same(answer, envelope("reset_password", sample, 5000))
    output = answer["output"]
    post(ww7, "check_credentials", {name: output[name] for name in ("userid", "token")})
    post(ww7, "login", {"username_email": EMAIL, "password": query["password"]})


def test_verify_email(ww7: RunningApp) -> None:
    same(post(ww7, "verify_email", login(ww7)), envelope("verify_email", {}, 5000))
    form = f"email={EMAIL}&code={mailed_code(ww7)}"
    assert ww7.request("POST", "/-/verify", content=form).status_code == 200
    output = post(ww7, "get_account_info", login(ww7))["output"]
    assert (output["type"], output["email_verified"]) == ("verified", True)
