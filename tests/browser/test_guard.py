"""Foreign pages in Chromium against ours: forms, scripts, frames; over https, on this machine, and
over plain http on a name."""

from __future__ import annotations

import datetime
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from playwright.sync_api import Page, expect

from tests.browser.target import Target
from tests.browser.watch import PATIENCE
from tests.conftest import GENEROUS
from tests.fronts import nginx
from tests.server_process import ServerProcess, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext

KINDS = ("https on a name", "http on this machine", "http on a name")
FORM = """([action, fields, sandbox]) => {
    const form = document.createElement("form");
    form.method = "post";
    form.action = action;
    for (const [name, value] of Object.entries(fields)) {
        const field = document.createElement("input");
        [field.name, field.value] = [name, value];
        form.append(field);
    }
    if (sandbox) {
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-forms allow-scripts allow-top-navigation";
        form.target = "_top";
        frame.srcdoc = form.outerHTML + "<script>document.forms[0].submit()</script>";
        document.body.append(frame);
    } else {
        document.body.append(form);
        form.submit();
    }
}"""
ASK = """async ([url, body]) => {
    const answers = [];
    for (const mode of ["no-cors", "cors"]) {
        try {
            await fetch(url, { method: "POST", body, mode, credentials: "include" });
            answers.push("sent");
        } catch {
            answers.push("refused");
        }
    }
    return answers;
}"""


class Site(NamedTuple):
    """Our pages, somebody who has signed in there, and another page of his."""

    url: str
    process: ServerProcess
    context: BrowserContext
    name: str

    def username(self) -> str:
        tab = self.context.new_page()
        tab.goto(f"{self.url}/-/account")
        value = tab.get_by_label("Name", exact=True).input_value()
        tab.close()
        return value


@pytest.fixture(scope="module", params=KINDS)
def place(
    request: pytest.FixtureRequest,
    chromium: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("guard")
    process = ServerProcess(folder / "data", GENEROUS)
    with ExitStack() as undo:
        url = process.url
        if request.param == "http on a name":
            url = f"http://nas.lan:{process.port}"
        if request.param == "https on a name":
            front = free_port()
            url = f"https://s.lan:{front}"
            undo.enter_context(nginx(_tls(folder, front, process.port), folder))
        process.environ["SHORTD_PUBLIC_URL"] = url
        process.start()
        undo.callback(process.stop)
        context = chromium.new_context(ignore_https_errors=True)
        context.set_default_timeout(PATIENCE)
        undo.callback(context.close)
        name = secrets.token_hex(4)
        tab = context.new_page()
        tab.goto(f"{url}/-/signup?next=/-/account")
        tab.get_by_label("E-mail").fill(f"{name}@nowhere.example")
        tab.get_by_label("Name (optional)").fill(name)
        tab.get_by_label("Password").fill("Password 1")
        tab.get_by_label("Once more").fill("Password 1")
        tab.get_by_role("button", name="Sign up").click()
        expect(tab.get_by_role("heading", name="Account", exact=True)).to_be_visible()
        yield Site(url, process, context, name)


@pytest.fixture
def foreign(place: Site, target: Target) -> Iterator[Page]:
    """A page of another site, in the same browser."""
    tab = place.context.new_page()
    tab.goto(target.url.replace("127.0.0.1", "evil.lan") + "/")
    yield tab
    tab.close()


def test_our_own_form_is_taken(place: Site) -> None:
    tab = place.context.new_page()
    tab.goto(f"{place.url}/-/account")
    tab.get_by_role("button", name="Change the name").click()
    expect(tab.get_by_role("status").first).to_contain_text("Your name is changed")
    tab.close()


@pytest.mark.parametrize("sandbox", [False, True])
@pytest.mark.parametrize("path", ["/-/account/name", "/-/login", "/-/signup", "/-/logout"])
def test_a_foreign_form_is_not(place: Site, foreign: Page, path: str, sandbox: bool) -> None:
    foreign.evaluate(FORM, [place.url + path, {"username": "eve"}, sandbox])
    expect(foreign.get_by_role("heading", name="Nothing was done")).to_be_visible()
    assert place.username() == place.name


def test_a_foreign_script_is_not(place: Site, foreign: Page) -> None:
    foreign.evaluate(ASK, [f"{place.url}/-/account/name", "username=eve"])
    foreign.evaluate(ASK, [f"{place.url}/-/account/sessions/end-all", ""])
    assert place.username() == place.name


def test_no_page_is_framed(place: Site, foreign: Page) -> None:
    for path in ("/-/account", "/-/login", "/"):
        foreign.evaluate(
            """(url) => new Promise((done) => {
                const frame = document.createElement("iframe");
                frame.onload = done;
                frame.src = url;
                document.body.append(frame);
            })""",
            place.url + path,
        )
    framed = [frame for frame in foreign.frames if frame.parent_frame is not None]
    assert len(framed) == 3
    for frame in framed:
        frame.wait_for_url("chrome-error:**")


def test_the_cookie_is_out_of_reach(place: Site) -> None:
    secure = place.url.startswith("https:")
    name = "__Host-shortd" if secure else "shortd"
    (cookie,) = [one for one in place.context.cookies() if one["name"] == name]
    assert cookie["httpOnly"]
    assert cookie["secure"] == secure
    assert cookie["sameSite"] == "Lax"
    assert cookie["path"] == "/"
    tab = place.context.new_page()
    tab.goto(f"{place.url}/-/account")
    assert name not in tab.evaluate("document.cookie")
    tab.close()


def _tls(folder: Path, front: int, back: int) -> str:
    """nginx before a server, with a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "s.lan")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("s.lan")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return (
        f"server {{ listen 127.0.0.1:{front} ssl; ssl_certificate {folder}/certificate.pem;"
        f" ssl_certificate_key {folder}/key.pem; location / {{ proxy_set_header Host $http_host;"
        f" proxy_pass http://127.0.0.1:{back}; }} }}"
    )
