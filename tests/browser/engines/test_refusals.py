"""What Firefox and WebKit refuse: to encrypt over plain http on a name, and what policies bar."""

from __future__ import annotations

from tests.browser.engines.engine import NAME, Engine
from tests.server_process import ServerProcess

STYLE = """
const style = document.createElement("style");
style.textContent = "a {}";
document.head.append(style);
"""


def test_where_browsers_encrypt_nothing_the_page_says_why(
    engine: Engine, named: ServerProcess
) -> None:
    engine.open(f"http://{NAME}:{named.port}/-/share")
    assert engine.run("return isSecureContext") is False
    engine.sees("Browsers encrypt on secure pages (https) alone, and this is none.")
    engine.sees(f"shortd send --key-link --server http://{NAME}:{named.port} FILE")
    assert engine.can_choose("Anyone with the link")
    assert not engine.can_choose("Encrypted, key in the link")
    assert not engine.can_choose("Encrypted with a password")


def test_what_the_policy_forbids_is_complained_of(engine: Engine, site: ServerProcess) -> None:
    """Without it, that no other test hears a complaint would say nothing."""
    engine.open(site.url)
    engine.run(STYLE)
    engine.wait(lambda: any("style-src" in one for one in engine.complaints()), "a complaint")
