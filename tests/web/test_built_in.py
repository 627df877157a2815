"""Nobody proposes where only Signoff itself does: a forged delivery would carry a true signature."""

from __future__ import annotations

import json

from starlette.testclient import TestClient

from signoff import Signoff
from signoff.domain.account import Scope
from signoff.server.api import make_api
from signoff.testing import MemoryStore


def test_deliveries_and_reversals_take_no_proposals_from_outside() -> None:
    with Signoff(MemoryStore(), workers=0) as app:

        @app.checkpoint(undo_s=0)
        def pay(cents: int) -> str:
            """Pay it out."""
            return "paid"

        @pay.reversal
        def fetch_back(cents: int) -> str:
            """Fetch it back."""
            return "back"

        app.deliver_webhooks()
        app.register()
        token, _ = app.accounts.issue_token("agent", scopes=[Scope.PROPOSE], by="test")
        headers = {"Authorization": f"Bearer {token}"}
        with TestClient(make_api(app), base_url="http://localhost", headers=headers) as client:
            for name in ("signoff.webhook", "pay.reversal"):
                document = {"checkpoint": name, "arguments": {"cents": 1}}
                answer = client.post("/api/v1/proposals", json=document)
                assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
                batch = client.post("/api/v1/proposals/batch", content=json.dumps(document))
                assert batch.json()["problem"]["code"] == "not_allowed"
            names = {checkpoint["name"] for checkpoint in client.get("/api/v1/checkpoints").json()}
        assert names == {"pay", "pay.reversal"}
        assert app.cases() == []
