"""An issuer over https, with a certificate of an authority that this system knows, or does not."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest

from shortd.clock import SECOND
from shortd.testing import StartApp
from tests.issuers.conftest import BEGIN, Issuer, running, sign_in, url_of
from tests.issuers.provider import CLIENT, SECRET
from tests.mail.authority import Authority
from tests.web.surfer import Surfer


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def encrypted(authority: Authority) -> Iterator[Issuer]:
    authority.context()
    folder = authority.file.parent
    files = folder / "loopback2.crt", folder / "loopback2.key"
    trusted = ssl.create_default_context(cafile=str(authority.file))
    with running(*files, trusted=trusted) as port:
        issuer = Issuer(url_of(port, *files), trusted)
        yield issuer
        issuer.close()


def config(issuer: Issuer) -> str:
    return (
        f"[auth.oidc.home]\nissuer = '{issuer.url}'\nclient_id = '{CLIENT}'\n"
        f'client_secret = "{SECRET}"\ncreate = true\n'
    )


def test_an_authority_of_this_system_is_believed(
    shortd_app: StartApp,
    encrypted: Issuer,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    app = shortd_app(config=config(encrypted))
    encrypted.tell(now=app.clock.now() // SECOND)
    surfer = Surfer(app)
    assert sign_in(surfer, encrypted).status_code == 303
    assert surfer.is_in()


def test_nobody_elses_is(shortd_app: StartApp, encrypted: Issuer) -> None:
    answer = Surfer(shortd_app(config=config(encrypted))).get(BEGIN)
    assert answer.status_code == 502
    assert "The issuer cannot be reached." in answer.text
    assert "certificate verify failed" in answer.text.lower()
