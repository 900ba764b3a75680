"""What goes over the wire: packed, kept where it can be, and only then."""

from __future__ import annotations

import gzip
import re
import shutil
from pathlib import Path

import pytest
from flask import Flask, Response
from flask.testing import FlaskClient

from autoai import create_app
from autoai.settings import ROOT
from autoai.startup import prepare

from ..conftest import make_settings
from ..fakes import FakeClock

PACKED = {"Accept-Encoding": "gzip, deflate"}


def hashed(client: FlaskClient, name: str, page: str = "/login") -> str:
    """The address that a page gives for a static file."""
    found = re.search(rf'"(/static/{re.escape(name)}\?v=\w+)"', client.get(page).text)
    assert found
    return found[1]


def test_a_page_is_packed_for_who_takes_it(signed_in: FlaskClient, task) -> None:
    for number in range(20):
        task(name=f"Number {number}")
    plain = signed_in.get("/tasks")
    packed = signed_in.get("/tasks", headers=PACKED)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Number 19" in gzip.decompress(packed.data).decode()
    assert len(packed.data) < len(plain.data) / 5
    for answer in (plain, packed):
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert signed_in.get("/api/tasks", headers=PACKED).headers["Content-Encoding"] == "gzip"


def test_a_file_is_packed_once_and_kept_by_its_hash(signed_in: FlaskClient) -> None:
    client = signed_in
    address = hashed(client, "css/app.css", "/health")
    packed = client.get(address, headers=PACKED)
    assert "Set-Cookie" not in packed.headers, "anybody may keep it"
    content = (ROOT / "static/css/app.css").read_bytes()
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == content
    assert len(packed.data) < len(content) / 3
    assert packed.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert packed.headers["Vary"] == "Accept-Encoding"
    plain = client.get(address)
    assert plain.data == content and "Content-Encoding" not in plain.headers
    assert plain.headers["ETag"] != packed.headers["ETag"]
    for answer, headers in ((plain, {}), (packed, PACKED)):
        known = {**headers, "If-None-Match": answer.headers["ETag"]}
        again = client.get(address, headers=known)
        assert again.status_code == 304 and not again.data
        assert "immutable" in again.headers["Cache-Control"]
    part = client.get(address, headers={**PACKED, "Range": "bytes=0-9"})
    assert part.status_code == 206 and part.data == content[:10]


@pytest.mark.parametrize("query", ["", "?v=", "?v=0123456789", "?v=x&v=y"])
def test_another_address_than_that_of_the_hash_is_asked_for_again(
    client: FlaskClient, query: str
) -> None:
    for name, status in (("css/app.css", 200), ("img/logo.svg", 200), ("css/none.css", 404)):
        for headers in ({}, PACKED):
            answer = client.get(f"/static/{name}{query}", headers=headers)
            assert answer.status_code == status
            assert answer.headers["Cache-Control"] == "no-cache", (name, query)


def test_a_changed_file_has_another_address_at_once(tmp_path: Path) -> None:
    app = create_app(make_settings(tmp_path / "instance"), FakeClock())
    app.static_folder = shutil.copytree(ROOT / "static", tmp_path / "static")
    prepare(app)
    client, style = app.test_client(), tmp_path / "static/css/app.css"
    style.write_text("a { color: red }")
    before = hashed(client, "css/app.css")
    style.write_text("a { color: blue }")
    after = hashed(client, "css/app.css")
    assert after != before
    assert client.get(before).headers["Cache-Control"] == "no-cache", "not the content of that hash"
    assert gzip.decompress(client.get(after, headers=PACKED).data) == b"a { color: blue }"


def test_what_comes_piece_by_piece_is_not_packed(app: Flask) -> None:
    def pieces():
        yield from ("data: " + "x" * 600 + "\n\n" for _ in range(3))

    for kind in ("text/event-stream", "text/plain"):
        with app.test_request_context("/login", headers=PACKED):
            response = app.process_response(Response(pieces(), mimetype=kind))
            assert "Content-Encoding" not in response.headers and response.is_streamed
            assert response.headers["Cache-Control"] == "no-store"
