"""Tables of links, in and out."""

from __future__ import annotations

import csv
import io
import re
import zipfile

import pytest

from shortd.testing import RunningApp
from tests.web.links.test_dashboard import listed, make
from tests.web.surfer import Surfer

TABLE = "url,code\nhttps://a.example/,spring1\nnothing,\nhttps://b.example/,\n"


def job_of(page: str) -> str:
    found = re.search(r'name="job" value="([0-9a-f]+)"', page)
    assert found is not None, page
    return found[1]


def test_a_table_is_looked_at_first_and_taken_once(ann: Surfer) -> None:
    page = ann.send("/-/import", {"text": TABLE}).text
    assert "What would happen" in page and listed(ann) == []
    job = job_of(page)
    page = ann.send("/-/import", {"job": job}).text
    assert "Done" in page and len(listed(ann)) == 2
    # The button pressed twice.
    assert "Done" in ann.send("/-/import", {"job": job}).text and len(listed(ann)) == 2
    refused = ann.get(f"/-/import/{job}/refused.csv")
    assert refused.headers["content-disposition"] == 'attachment; filename="refused.csv"'
    [row] = csv.DictReader(io.StringIO(refused.content.decode("utf-8-sig"), newline=""))
    assert row["url"] == "nothing" and row["reason"]


def test_a_file_is_read_as_what_is_pasted(ann: Surfer) -> None:
    boundary = "xxx"
    content = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
        f"{TABLE}\r\n--{boundary}--\r\n"
    )
    page = ann.send(
        "/-/import",
        content=content,
        headers={"content-type": f"multipart/form-data; boundary={boundary}"},
    ).text
    ann.send("/-/import", {"job": job_of(page)})
    assert "spring1" in listed(ann)


def test_nobody_else_takes_it(ann: Surfer, app: RunningApp) -> None:
    job = job_of(ann.send("/-/import", {"text": TABLE}).text)
    other = Surfer(app)
    other.sign_up("bob")
    assert other.send("/-/import", {"job": job}).status_code == 422
    assert other.get(f"/-/import/{job}/refused.csv").status_code == 400
    app.clock.advance(3600)
    assert ann.send("/-/import", {"job": job}).status_code == 422
    assert listed(ann) == [] == listed(other)


@pytest.mark.parametrize("form", [{}, {"text": " "}, {"text": "code\nx\n"}, {"job": "none"}])
def test_what_is_no_table_is_refused_beside_the_field(ann: Surfer, form: dict[str, str]) -> None:
    answer = ann.send("/-/import", form)
    assert answer.status_code == 422 and 'id="file-error"' in answer.text


def test_all_links_come_out_as_a_table(ann: Surfer) -> None:
    make(ann, "autumn26", title="=1+1", tags=["print"])
    make(ann, "wifi00")
    answer = ann.get("/-/export.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    first, second = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert (first["code"], second["code"], second["title"]) == ("wifi00", "autumn26", "'=1+1")
    [only] = csv.DictReader(io.StringIO(ann.get("/-/export.csv?tag=print").text, newline=""))
    assert only["code"] == "autumn26" and only["owner"] == "ann"


def test_the_selected_come_out_as_a_table_and_as_qr_codes(ann: Surfer, app: RunningApp) -> None:
    make(ann, "autumn26")
    short_url = make(ann, "wifi00")
    chosen = str(ann.call("get_entry", shorturl=short_url)["entry"]["id"])
    other = str(app.call("url", userid=app.userid, url="https://example.org/")["entry"]["id"])
    answer = ann.send("/-/links/export", {"id": [chosen, other], "do": "csv"})
    [row] = csv.DictReader(io.StringIO(answer.text, newline=""))
    assert row["code"] == "wifi00"
    answer = ann.send("/-/links/qr.zip", {"id": [chosen, other], "do": "qr"})
    with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
        assert packed.namelist() == ["127.0.0.1-8080/wifi00.svg"]
        assert packed.read(packed.namelist()[0]).startswith(b"<")
