"""Every page in every language that comes along: nothing clipped on the narrowest phone."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import Browser

from shortd.languages import Language, open_languages
from tests.browser.shots import PAGES
from tests.browser.test_every_page import CUT, evaluate
from tests.browser.test_pseudo import ENGLISH
from tests.browser.watch import Watch
from tests.server_process import ServerProcess

TRANSLATED = [one for one in open_languages() if one.code != "en"]
NARROWEST = 320
EVERY = int(os.environ.get("EVERY_PAGE", "4"))
"""One page in so many is opened; `EVERY_PAGE=1` opens all. (The pseudo-language, whose texts are
longer, always does.)"""


@pytest.mark.slow
@pytest.mark.parametrize("language", TRANSLATED, ids=lambda one: one.code)
def test_every_page_fits(
    chromium: Browser, watch: Watch, site: ServerProcess, language: Language
) -> None:
    clipped = []
    first = TRANSLATED.index(language) % EVERY
    for name in sorted(PAGES.keys() - ENGLISH)[first::EVERY]:
        context = chromium.new_context(
            viewport={"width": NARROWEST, "height": 800},
            extra_http_headers={"accept-language": language.code},
        )
        tab = watch.attach(context)
        PAGES[name](tab, site)
        tab.wait_for_load_state()
        assert tab.locator("html").get_attribute("lang") == language.code, name
        cut = evaluate(tab, CUT)
        if cut or evaluate(tab, "document.documentElement.scrollWidth") > NARROWEST:
            clipped.append((name, cut))
        context.close()
    assert clipped == []
    assert watch.complaints == []
