"""A server whose disk is full says so, acknowledges nothing, and goes on once there is room."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from signoff import Signoff
from signoff.domain.account import Scope
from signoff.server.api import make_api
from tests.unit.storage.disks import make_room, mounted

TEXT = "x" * 100_000


def test_a_full_disk_is_a_503_that_says_why_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", size="6m") as disk, Signoff(disk / "signoff.db", workers=0) as app:

        @app.checkpoint
        def publish(text: str) -> str:
            """Put a text online."""
            return text

        app.register()
        token, _ = app.accounts.issue_token("agent", scopes=[Scope.PROPOSE], by="test")
        headers = {"Authorization": f"Bearer {token}"}
        with TestClient(make_api(app), base_url="http://localhost") as client:
            acknowledged = []
            for number in range(100):
                document = {"checkpoint": "publish", "arguments": {"text": TEXT}, "key": f"key-{number}"}
                answer = client.post("/api/v1/proposals", json=document, headers=headers)
                if answer.status_code != 201:
                    break
                acknowledged.append(answer.json()["id"])
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["code"] == "store_unavailable"
            assert "the disk is full" in answer.json()["detail"]
            assert "retry-after" in answer.headers
            assert client.get("/api/v1/health").status_code == 200, "reading goes on"

            make_room(disk)
            answer = client.post("/api/v1/proposals", json=document, headers=headers)
            assert answer.status_code == 201, "the same key is safe to send again"
            kept = {case.id for case in app.cases(limit=500)}
        assert kept == {*acknowledged, answer.json()["id"]}
        assert list(app.verify().contradictions) == []
