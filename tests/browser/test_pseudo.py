"""Every page in a language of long words: nothing untranslated, nothing clipped."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from shortd.languages import open_languages
from tests.browser.conftest import WATCHED
from tests.browser.shots import PAGES
from tests.browser.test_every_page import CUT, evaluate
from tests.browser.watch import Watch
from tests.languages.pseudo import CODE, plain, write_pseudo
from tests.server_process import ServerProcess

ENGLISH = {"docs", "parts"}
"""Pages that are never translated."""
NAMES = re.compile(
    r"\b(shortd|fetch|send|server|key|link|https?|ShareX|curl|CSV|UTC|JSON|API|kB|MB|GB"
    r"|Ctrl|Enter|Esc|Del|d|api_key|YOUR|KEY|data|urlencode|shorten|json|example|org|report|pdf|new|url"
    r"|python|httpx|docs|handbook|onboarding|first|week|html|campaigns|autumn|landing|utm_\w+|flyer|print|ada"
    r"|seconds?|ago)\b"
)
"""Words that all languages share, and what the pages show of their owners."""
OWNED = (
    *("dashboard", "edit", "tags", "import", "statistics", "visits", "qr", "explain", "key-made"),
    *(
        "box",
        "bundle",
        "team-",
        "admin-p",
        "admin-o",
        "admin-l",
        "admin-b",
        "admin-h",
        "admin-r",
        "admin-s",
        "second-factor-",
    ),
)
"""Pages that are mostly made of what their owners have written, or of drawn letters."""


@pytest.fixture(scope="module")
def strange_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder = write_pseudo(tmp_path_factory.mktemp("languages"))
    environ = {**WATCHED, "SHORTD_WEB__LANGUAGES": str(folder), "SHORTD_WEB__LANGUAGE": CODE}
    process = ServerProcess(tmp_path_factory.mktemp("strange") / "data", environ)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def strange_tab(chromium: Browser, watch: Watch) -> Iterator[Page]:
    context = chromium.new_context(
        viewport={"width": 320, "height": 800}, extra_http_headers={"accept-language": CODE}
    )
    yield watch.attach(context)
    context.close()
    assert watch.complaints == []


@pytest.mark.parametrize("name", [name for name in PAGES if name not in ENGLISH])
def test_a_page_takes_long_words(strange_tab: Page, strange_site: ServerProcess, name: str) -> None:
    PAGES[name](strange_tab, strange_site)
    strange_tab.wait_for_load_state()
    if not name.startswith(OWNED):
        names = "|".join(re.escape(one.name) for one in open_languages())
        text = plain(strange_tab.locator("body").inner_text())
        for lines in strange_tab.locator("pre, time").all_inner_texts():
            # For a shell, and in the browser's own words.
            text = text.replace(lines, "")
        text = NAMES.sub("", re.sub(names, "", _without_addresses(text)))
        assert re.findall(r"[A-Za-z]{2,}", text) == []
    for width in (320, 360, 1280):
        strange_tab.set_viewport_size({"width": width, "height": 800})
        assert evaluate(strange_tab, "document.documentElement.scrollWidth") <= width
        assert evaluate(strange_tab, CUT) == []


def _without_addresses(text: str) -> str:
    return re.sub(r"\S*(?:127\.0\.0\.1|example\.org|://)\S*(?:\s*/\s*\w+)?", "", text)
