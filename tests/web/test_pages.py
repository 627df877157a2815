"""The inbox as it is served: which addresses answer with it, under what policy, and what no address can reach."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient

from signoff import Signoff
from signoff.server.access import LocalDesk
from signoff.server.api import make_api
from signoff.server.inbox import BUILT
from signoff.testing import MemoryStore
from tests.web.conftest import ORIGIN, problem

SCRIPT = b"export const inbox = 1;\n" * 200


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A small inbox, as a build leaves it, with something beside it that is nobody's business."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Signoff</title>")
    (folder / "icon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (folder / ".built").write_text("digest")
    (folder / "assets" / "index-abc.js").write_bytes(SCRIPT)
    (folder / "assets" / "index-abc.css").write_text("body { margin: 0 }")
    (folder / "assets" / "inter.woff2").write_bytes(b"\x00wOF2")
    (tmp_path / "secret.js").write_text("secret")
    return folder


@pytest.fixture
def local() -> LocalDesk:
    return LocalDesk("grace")


@pytest.fixture
def client(built: Path, local: LocalDesk) -> Iterator[TestClient]:
    with Signoff(MemoryStore(), workers=0) as app:
        api = make_api(app, local=local, inbox=built)
        with TestClient(api, base_url=ORIGIN, follow_redirects=False) as client:
            yield client


def plain(client: TestClient, path: str, method: str = "GET", **headers: str) -> httpx2.Response:
    return client.request(method, path, headers={"Accept-Encoding": "identity", **headers})


def test_the_built_inbox_of_this_checkout_is_what_a_server_answers_with() -> None:
    assert (BUILT / "index.html").is_file(), "run make test, or python hatch_build.py build"
    with Signoff(MemoryStore(), workers=0) as app, TestClient(make_api(app), base_url=ORIGIN) as client:
        page = client.get("/")
        assert page.status_code == 200
        [script] = [part.partition('"')[0] for part in page.text.split('src="')[1:]]
        assert client.get(script).headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize("path", ["/", "/done", "/people", "/ledger", "/keys", "/cases/0197-abc", "/?checkpoint=send"])
def test_every_address_of_the_inbox_is_the_same_page(client: TestClient, built: Path, path: str) -> None:
    answer = plain(client, path)
    assert (answer.status_code, answer.text) == (200, (built / "index.html").read_text())
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"


def test_the_page_may_use_nothing_but_what_this_server_has(client: TestClient) -> None:
    for path in ("/", "/assets/index-abc.js", "/icon.svg"):
        policy = dict(part.split(" ", 1) for part in plain(client, path).headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert "unsafe" not in str(policy)
        assert "http" not in str(policy)
        assert plain(client, path).headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["/", "/icon.svg", "/assets/index-abc.js"])
def test_what_a_browser_has_is_not_sent_again(client: TestClient, path: str) -> None:
    first = plain(client, path)
    tag = first.headers["etag"]
    for known in (tag, f'"other", {tag}'):
        again = plain(client, path, **{"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
        assert again.headers["cache-control"] == first.headers["cache-control"]
    assert plain(client, path, **{"If-None-Match": '"other"'}).status_code == 200


def test_files_with_a_digest_in_their_name_are_kept_for_a_year(client: TestClient) -> None:
    for name in ("index-abc.js", "index-abc.css", "inter.woff2"):
        assert plain(client, f"/assets/{name}").headers["cache-control"] == "public, max-age=31536000, immutable"
    assert plain(client, "/icon.svg").headers["cache-control"] == "no-cache"


def test_scripts_travel_compressed_to_whoever_takes_that(client: TestClient) -> None:
    whole = plain(client, "/assets/index-abc.js")
    assert "content-encoding" not in whole.headers
    assert whole.content == SCRIPT
    assert "content-encoding" not in plain(client, "/assets/index-abc.js", **{"Accept-Encoding": "gzip;q=0"}).headers
    with client.stream("GET", "/assets/index-abc.js", headers={"Accept-Encoding": "br, gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-length"] == str(len(raw))
    assert gzip.decompress(raw) == SCRIPT
    assert len(raw) < len(SCRIPT) / 10
    assert whole.headers["vary"] == "Accept-Encoding"
    fonts = plain(client, "/assets/inter.woff2", **{"Accept-Encoding": "gzip"})
    assert (fonts.headers["content-type"], "content-encoding" in fonts.headers) == ("font/woff2", False)


@pytest.mark.parametrize("path", ["/", "/done", "/assets/index-abc.css", "/icon.svg"])
def test_head_tells_what_get_would(client: TestClient, path: str) -> None:
    told, sent = plain(client, path, "HEAD"), plain(client, path)
    assert told.status_code == 200
    assert told.headers.items() == sent.headers.items()


@pytest.mark.parametrize(
    "path",
    [
        "/index.html",
        "/.built",
        "/secret.js",
        "/assets/",
        "/assets/none.js",
        "/assets/.built",
        "/assets/..%2Findex.html",
        "/assets/%2e%2e/index.html",
        "/assets/..%2F..%2Fsecret.js",
        "/assets/%2e%2e%2f%2e%2e%2fsecret.js",
        "/assets/..%5C..%5Csecret.js",
        "/assets/%00",
        "/..%2Fsecret.svg",
        "/none.svg",
        "/cases/",
        "/cases/a/b",
        "/done/x",
        "/nothing",
    ],
)
def test_there_is_nothing_else(client: TestClient, path: str) -> None:
    problem(plain(client, path), 404, "not_found")


def test_pages_are_only_looked_at(client: TestClient) -> None:
    problem(client.post("/done"), 405, "method_not_allowed")
    problem(client.delete("/assets/index-abc.js"), 405, "method_not_allowed")


@pytest.mark.parametrize(
    ("asked", "goes_to"),
    [
        ("/?token=TOKEN", "/"),
        ("/cases/0197?token=TOKEN", "/cases/0197"),
        ("/people?away=1&token=TOKEN&role=lead", "/people?away=1&role=lead"),
        ("/cases/%0d%0aSet-Cookie:x?token=TOKEN", "/cases/%0D%0ASet-Cookie%3Ax"),
    ],
)
def test_the_printed_link_leads_to_the_page_it_names(
    client: TestClient, local: LocalDesk, asked: str, goes_to: str
) -> None:
    answer = client.get(asked.replace("TOKEN", local.token))
    assert (answer.status_code, answer.headers["location"]) == (303, goes_to)
    assert local.cookie in answer.headers["set-cookie"]
    assert local.token not in answer.headers["location"]


def test_a_server_goes_on_with_the_inbox_it_started_with(client: TestClient, built: Path) -> None:
    for path in built.rglob("*.*"):
        path.unlink()
    assert plain(client, "/assets/index-abc.js").content == SCRIPT
    assert plain(client, "/").status_code == 200


def test_a_checkout_that_was_not_built_says_how_to_build_it(tmp_path: Path) -> None:
    with (
        Signoff(MemoryStore(), workers=0) as app,
        TestClient(make_api(app, inbox=tmp_path / "static"), base_url=ORIGIN) as client,
    ):
        for path in ("/", "/cases/0197"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "make run" in answer.text
            assert answer.headers["cache-control"] == "no-store"
        problem(client.get("/assets/index.js"), 404, "not_found")
        assert client.get("/api/v1/health").status_code == 200
