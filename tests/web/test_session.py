"""Signing in with a browser: what the cookie is, what other sites cannot do with it, and how it ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.routing import iter_route_contexts

from signoff import Signoff
from signoff.server.access import COOKIE
from signoff.testing import MemoryStore
from tests.web.conftest import ORIGIN, PASSWORD, Caller, Desk, Served, open_desk, problem

WRONG = "wrong horse battery"


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk(MemoryStore()) as desk:
        desk.account("grace", "reviewer", "lead", groups=("billing",))
        yield desk


def sign_in(desk: Desk, account: str = "grace", password: str = PASSWORD, **headers: str) -> httpx2.Response:
    desk.client.cookies.clear()
    answer = desk.client.post(
        "/api/v1/session",
        json={"account": account, "password": password},
        headers={"Origin": str(desk.client.base_url).rstrip("/"), **headers},
    )
    desk.client.cookies.clear()
    return answer


def attributes(answer: httpx2.Response) -> set[str]:
    [cookie] = answer.headers.get_list("set-cookie")
    return set(cookie.split("; ")[1:])


def secret(answer: httpx2.Response) -> str:
    [cookie] = answer.headers.get_list("set-cookie")
    name, _, value = cookie.partition(";")[0].partition("=")
    assert name == COOKIE
    return value


def browser(desk: Desk, cookie: str) -> Caller:
    return Caller(desk.client, {"Cookie": f"{COOKIE}={cookie}", "Origin": ORIGIN})


def test_signing_in_gives_a_cookie_that_no_script_reads_and_no_other_site_sends(desk: Desk) -> None:
    answer = sign_in(desk)
    assert answer.status_code == 200
    assert answer.json() == {
        "id": "grace",
        "roles": ["reviewer", "lead"],
        "groups": ["billing"],
        "scopes": ["review", "read"],
    }
    assert attributes(answer) == {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={12 * 3600}"}
    assert browser(desk, secret(answer)).get("me")["id"] == "grace"
    assert secret(answer) not in answer.text


def test_behind_https_the_cookie_travels_by_https_alone() -> None:
    with open_desk(MemoryStore(), base_url="https://localhost") as desk:
        desk.account("grace")
        assert "Secure" in attributes(sign_in(desk))


def test_the_link_behind_https_too() -> None:
    from signoff.server.access import LocalDesk

    local = LocalDesk("grace")
    with open_desk(MemoryStore(), local=local, base_url="https://localhost") as desk:
        answer = desk.client.get("/", params={"token": local.token})
        assert {"Secure", "HttpOnly", "SameSite=strict"} <= attributes(answer)


@pytest.mark.parametrize(
    ("account", "password"),
    [("grace", WRONG), ("nobody", PASSWORD), ("", PASSWORD), ("grace\x00", PASSWORD), ("grace", ""), ("policy", "x")],
)
def test_whatever_was_wrong_the_answer_is_one(desk: Desk, account: str, password: str) -> None:
    answer = sign_in(desk, account, password)
    if account:
        told = problem(answer, 401, "not_signed_in")
        assert told["detail"] == problem(sign_in(desk, "lee", WRONG), 401, "not_signed_in")["detail"]
    else:
        problem(answer, 422, "invalid_input")
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        {"account": "grace"},
        {"account": "grace", "password": PASSWORD, "remember": True},
        {"account": ["grace"], "password": PASSWORD},
        {"account": "grace", "password": "x" * 1025},
        {"account": "x" * 201, "password": PASSWORD},
    ],
)
def test_a_sign_in_that_does_not_fit_names_the_field_and_never_the_password(desk: Desk, body: Any) -> None:
    answer = desk.client.post("/api/v1/session", json=body, headers={"Origin": ORIGIN})
    told = problem(answer, 422, "invalid_input")
    assert told["problems"][0]["field"] in ("password", "remember", "account")
    assert PASSWORD not in answer.text
    assert "x" * 50 not in answer.text


# --- other sites


FOREIGN: tuple[dict[str, str], ...] = (
    {},
    {"Origin": "null"},
    {"Origin": "http://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:81"},
    {"Origin": "http://evil.example/http://localhost"},
    {"Origin": "http://localhost@evil.example"},
    {"Origin": "localhost"},
    {"Origin": ""},
    {"Origin": "http://["},
    {"Referer": "http://localhost/"},
)


@pytest.mark.parametrize("headers", FOREIGN, ids=lambda headers: str(headers) or "missing")
def test_a_browser_sent_here_by_another_site_changes_nothing(desk: Desk, headers: dict[str, str]) -> None:
    cookie = secret(sign_in(desk))
    case = desk.app.function("send").propose(to="ada", proposer="agent")
    before = desk.stored()
    stranger = Caller(desk.client, {"Cookie": f"{COOKIE}={cookie}", **headers})
    for route in iter_route_contexts(desk.api.routes):
        for method in (route.methods or set()) - {"GET", "HEAD"}:
            path = route.path.replace("{case_id}", case.id)
            if path == "/api/v1/session" and method == "POST":
                answer = stranger(method, path, json={"account": "grace", "password": PASSWORD})
                assert "set-cookie" not in answer.headers
            else:
                answer = stranger(method, path, json={"note": "x"} if "redraft" in path else {})
            if answer.status_code != 422:
                told = problem(answer, 403, "not_allowed")
                assert "this server's own pages" in told["detail"] or "scope" in told["detail"]
    assert desk.stored() == before
    assert browser(desk, cookie).get("me")["id"] == "grace"


def test_a_token_needs_no_origin_and_looking_neither(desk: Desk) -> None:
    desk.app.function("send").propose(to="ada", proposer="agent")
    assert len(desk.token("grace", "review").post("claims", {})) == 1
    cookie = secret(sign_in(desk))
    assert Caller(desk.client, {"Cookie": f"{COOKIE}={cookie}"}).get("me")["id"] == "grace"


def test_the_origin_may_differ_in_case_and_names_the_port(desk: Desk) -> None:
    assert sign_in(desk, Origin="http://LOCALHOST").status_code == 200
    assert sign_in(desk, Origin="http://localhost:8642", Host="localhost:8642").status_code == 200
    problem(sign_in(desk, Origin="http://localhost", Host="localhost:8642"), 403, "not_allowed")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.nip.io", "", "[::1", "0.0.0.0"]
)
def test_another_name_for_this_machine_gets_nothing(desk: Desk, host: str) -> None:
    cookie = secret(sign_in(desk))
    for path in ("me", "health", "/", "/api/docs", "/api/openapi.json", "/nothing"):
        answer = browser(desk, cookie)("GET", path, headers={"Host": host})
        told = problem(answer, 403, "not_allowed")
        assert "--host-name" in told["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:8642", "[::1]:8642", "[::1]"])
def test_the_loopbacks_own_names_are_answered(desk: Desk, host: str) -> None:
    assert desk.nobody("GET", "health", headers={"Host": host}).status_code == 200


def test_no_get_changes_anything(desk: Desk) -> None:
    case = desk.app.function("refund").propose(order="A-1", proposer="agent")
    desk.app.reviewer("ada").approve(case)
    desk.app.function("publish").propose(title="Kettle", proposer="agent")
    callers = (desk.nobody, desk.agent, browser(desk, secret(sign_in(desk))), desk.token("grace", "read"))
    before, counts = desk.stored(), desk.app.counts()
    tried = 0
    for route in iter_route_contexts(desk.api.routes):
        if not {"GET", "HEAD"} & (route.methods or set()) or route.path.endswith("/events"):
            continue
        for name in (*desk.app._functions, "nothing"):
            for caller in callers:
                path = route.path.replace("{case_id}", case.id).replace("{name}", name)
                for method in ("GET", "HEAD"):
                    assert caller(method, path).status_code < 500
                    tried += 1
    assert tried > 100
    assert desk.stored() == before
    assert desk.app.counts() == counts


# --- guessing


def test_guessing_locks_the_name_and_says_for_how_long(desk: Desk) -> None:
    for _ in range(5):
        problem(sign_in(desk, password=WRONG), 401, "not_signed_in")
    locked = sign_in(desk)
    told = problem(locked, 429, "overloaded")
    assert locked.headers["retry-after"] == "60"
    assert told["retry_after_s"] == 60
    desk.clock.advance(60)
    assert sign_in(desk).status_code == 200


def test_coming_back_when_told_is_never_too_early(desk: Desk) -> None:
    for _ in range(5):
        sign_in(desk, password=WRONG)
    desk.clock.advance(20.3)
    desk.clock.advance(float(sign_in(desk).headers["retry-after"]))
    assert sign_in(desk).status_code == 200


def test_a_locked_name_keeps_nobody_else_out_and_ends_no_session(desk: Desk) -> None:
    desk.account("lee")
    cookie = secret(sign_in(desk))
    for _ in range(5):
        sign_in(desk, password=WRONG)
    assert sign_in(desk, "lee").status_code == 200
    assert browser(desk, cookie).get("me")["id"] == "grace"


# --- the end of a session


def test_signing_out_ends_the_session_everywhere_and_no_other(desk: Desk) -> None:
    here, there = secret(sign_in(desk)), secret(sign_in(desk))
    answer = browser(desk, here)("DELETE", "session")
    assert (answer.status_code, answer.content) == (204, b"")
    [gone] = answer.headers.get_list("set-cookie")
    assert gone.startswith(f'{COOKIE}=""; ')
    assert "Max-Age=0" in gone
    problem(browser(desk, here)("GET", "me"), 401, "not_signed_in")
    problem(browser(desk, here)("DELETE", "session"), 401, "not_signed_in")
    assert browser(desk, there).get("me")["id"] == "grace"


def test_a_session_ends_by_itself_with_the_password_and_with_the_account(desk: Desk) -> None:
    ends: list[Callable[[], object]] = [
        lambda: desk.clock.advance(12 * 3600),
        lambda: desk.app.accounts.set_password("grace", PASSWORD, "test"),
        lambda: desk.app.accounts.disable("grace", "test"),
    ]
    for end in ends:
        cookie = secret(sign_in(desk))
        end()
        told = problem(browser(desk, cookie)("GET", "me"), 401, "not_signed_in")
        assert "sign in again" in told["detail"]
    problem(sign_in(desk), 401, "not_signed_in")


def test_another_role_counts_from_the_next_request(desk: Desk) -> None:
    caller = browser(desk, secret(sign_in(desk)))
    desk.app.function("send").propose(to="ada", proposer="agent")
    desk.app.accounts.change("grace", roles=["auditor"], by="test")
    assert caller.get("me")["roles"] == ["auditor"]
    problem(caller("POST", "claims", json={}), 403, "not_allowed")


@pytest.mark.parametrize("cookie", ["", "x", "é".encode().decode("latin-1"), "x" * 5000, '"', "a=b", "%00"])
def test_a_cookie_that_is_none_of_ours_is_nobodys(desk: Desk, cookie: str) -> None:
    header = f"{COOKIE}={cookie}".encode("latin-1")
    answer = desk.client.get("/api/v1/me", headers={b"Cookie": header})
    problem(answer, 401, "not_signed_in")


@pytest.mark.parametrize(
    "value", ["Bearer", "Bearer ", "bearer x", "Basic Z3JhY2U6eA==", "Bearer " + "x" * 9000, "Token x", "Bearer a b"]
)
def test_an_authorization_that_is_none_of_ours_is_nobodys(desk: Desk, value: str) -> None:
    problem(desk.client.get("/api/v1/me", headers={"Authorization": value}), 401, "not_signed_in")


def test_every_answer_keeps_browsers_from_guessing_framing_and_storing(desk: Desk) -> None:
    for path in ("/", "/api/docs", "/api/v1/health", "/api/v1/me", "/nothing", "/api/v1/cases/none"):
        headers = desk.nobody("GET", path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "same-origin"
        assert "default-src 'none'" in headers["content-security-policy"]
        # The inbox may be kept, but not shown without asking whether there is a newer one.
        assert headers["cache-control"] == ("no-cache" if path == "/" else "no-store")
    refused = desk.nobody("GET", "/", headers={"Host": "evil.example"})
    assert refused.headers["x-content-type-options"] == "nosniff"


# --- a process


def test_the_printed_link_opens_the_desk(serve: Callable[..., Served]) -> None:
    served = serve(env={"SIGNOFF_LINK_TOKEN": "chosen-before"})
    assert served.link_token == "chosen-before"
    with httpx2.Client(base_url=served.url) as client:
        assert client.get("/?token=wrong").status_code == 403
        opened = client.get(f"/?token={served.link_token}")
        assert (opened.status_code, opened.headers["location"]) == (303, "/")
        assert client.get("/api/v1/me").json()["roles"] == ["admin", "lead", "reviewer"]
        rebound = client.get("/api/v1/me", headers={"Host": "evil.example"})
        assert rebound.status_code == 403
    assert served.end() == 0


def test_with_accounts_no_link_is_printed(tmp_path: Path, serve: Callable[..., Served]) -> None:
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        app.accounts.create("grace", roles=["reviewer"], by="test")
    served = serve(env={"SIGNOFF_LINK_TOKEN": "chosen-before"})
    assert served.link_token is None
    with httpx2.Client(base_url=served.url) as client:
        assert client.get("/?token=chosen-before").status_code == 403
        assert client.get("/api/v1/me", headers={"Authorization": "Bearer chosen-before"}).status_code == 401
    assert served.end() == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_beyond_this_machine_it_takes_accounts(tmp_path: Path, host: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "signoff", "serve", str(tmp_path / "signoff.db"), "--host", host, "--port", "0"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert f"listens on 127.0.0.1 only, not on {host}" in done.stderr
    assert "signoff user add" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_page_of_somebody_else_does_not_act_for_whoever_signed_in_since(desk: Desk) -> None:
    desk.account("änne b")
    anne = desk.browser("änne b")
    mine, others = {"Signoff-Person": "%C3%A4nne%20b"}, {"Signoff-Person": "grace"}
    assert anne("GET", "me", headers=mine).json()["id"] == "änne b"
    told = problem(anne("GET", "me", headers=others), 401, "not_signed_in")
    assert "belongs to grace, and änne b is signed in" in told["detail"]
    problem(anne("POST", "claims", json={"limit": 1}, headers=others), 401, "not_signed_in")
