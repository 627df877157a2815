"""Webhooks: who is told what happens, and the built-in checkpoint that tells them."""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from signoff.app.handle import CaseHandle, new_id
from signoff.domain.actor import Actor, Role
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.proposal import Proposal
from signoff.domain.webhook import (
    DELIVERY_CHECKPOINT,
    DELIVERY_PROPOSER,
    TEST_EVENT,
    Message,
    Webhook,
    WebhookEvent,
    chosen_events,
)
from signoff.engine import propose
from signoff.errors import InvalidInput
from signoff.ports import Transaction
from signoff.runtime.notifier import Notifier

if TYPE_CHECKING:
    from signoff.app.function import CheckpointFunction
    from signoff.app.signoff import Signoff
    from signoff.effects.webhook import Delivery
    from signoff.engine.propose import Prepared

_SECRET_BYTES = 32
_MAX_TRIES = 8
_BACKOFF_S = 2.0
_TIMEOUT_S = 15.0


class Webhooks:
    """
    The webhooks of a database; `Signoff.webhooks`.

    Examples:
        >>> from signoff import Signoff
        >>> from signoff.testing import MemoryStore
        >>> app = Signoff(MemoryStore(), workers=0)
        >>> root = app.reviewer("root", roles=["admin"]).actor
        >>> webhook = app.webhooks.add("https://9.9.9.9/hook", events=["case.settled"], by=root)
        >>> [known.url for known in app.webhooks.list()]
        ['https://9.9.9.9/hook']
    """

    def __init__(self, app: Signoff) -> None:
        self._app = app
        self._allow: tuple[str, ...] = ()
        self._guard = threading.Lock()
        self._function: CheckpointFunction[..., Any] | None = None
        self._delivery: Delivery | None = None
        self._notifier: Notifier | None = None

    # --- managing them

    def add(
        self,
        url: str,
        *,
        events: Collection[WebhookEvent | str],
        max_age_s: float | None = None,
        by: Actor,
        allow: Collection[str] = (),
    ) -> Webhook:
        """
        Tell an address of what happens from now on.

        Args:
            url: https, without credentials, of a host on the public Internet.
            events: `case.settled`, `effect.unknown`, `queue.age`.
            max_age_s: For `queue.age`: seconds, > 0, a case may wait.
            by: An admin.
            allow: Hosts, or HOST:PORT, that may be private or without https here. It is not kept: whoever delivers
                needs it in `deliver_webhooks` or $SIGNOFF_WEBHOOK_ALLOW too.

        Returns:
            The webhook, with the secret that the receiver checks signatures by.

        Raises:
            InvalidInput: If the address may not be reached, or the events make no sense.
            NotAllowed: If the actor is no admin.
        """
        from signoff.effects.webhook import Allowed, addresses, read_url

        by.require(Role.ADMIN, to="make a webhook")
        wanted = chosen_events(events, max_age_s=max_age_s)
        allowed = Allowed.from_environment([*self._allow, *allow])
        place = read_url(url, allowed)
        try:
            addresses(place, allowed)
        except (OSError, UnicodeError):
            raise InvalidInput(f"the webhook's host {place.host} has no address; check the name") from None
        now = self._app.clock.now()
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode("ascii")
        id = new_id()

        def write(tx: Transaction) -> Webhook:
            made = Webhook(
                id=id,
                url=url,
                events=wanted,
                secret=secret,
                max_age_s=None if max_age_s is None else float(max_age_s),
                created_at=now,
                created_by=by.id,
                seq=tx.last_seq(),
            )
            facts = {"webhook": id, "events": [event.value for event in wanted], "max_age_s": made.max_age_s}
            tx.add(made, self._entry("webhook_add", by, **facts))
            return made

        return self._app.store.write(write)

    def list(self) -> list[Webhook]:
        """List all webhooks, the removed ones too, oldest first; with their secrets, so do not show them."""
        return self._app.store.read(lambda tx: tx.find(Webhook))

    def remove(self, id: str, by: Actor) -> Webhook:
        """
        Tell a webhook nothing any more; what is on its way is not sent either.

        Args:
            id: Its id.
            by: An admin.

        Raises:
            InvalidInput: If there is none, or it is off already.
            NotAllowed: If the actor is no admin.
        """
        by.require(Role.ADMIN, to="remove a webhook")
        now = self._app.clock.now()

        def write(tx: Transaction) -> Webhook:
            found = _enabled(tx.get(Webhook, id), id)
            if not tx.change(Webhook, (id,), expect={"disabled_at": None}, to={"disabled_at": now}):
                raise InvalidInput(f"webhook {id} is off already")
            tx.add(self._entry("webhook_remove", by, webhook=id))
            return found

        return self._app.store.write(write)

    def send_test(self, id: str, by: Actor) -> CaseHandle:
        """
        Send a webhook a message of type `webhook.test`, through all that the others go through.

        Args:
            id: Its id.
            by: An admin.

        Returns:
            The delivery's case, to wait for; it runs wherever webhooks are delivered, here included.

        Raises:
            InvalidInput: If there is none, or it is off.
            NotAllowed: If the actor is no admin.
        """
        by.require(Role.ADMIN, to="test a webhook")
        webhook = self._app.store.read(lambda tx: _enabled(tx.get(Webhook, id), id))
        message = Message(
            id=f"msg_{id}_test_{new_id()}", event=TEST_EVENT, at=self._app.clock.now(), data={"webhook": id}
        )
        prepared = self._prepare(webhook, message)

        def write(tx: Transaction) -> CaseHandle:
            tx.add(self._entry("webhook_test", by, webhook=id, delivery=prepared.case.id))
            return CaseHandle(self._app, propose.propose(tx, prepared))

        case = self._app.store.write(write)
        self._app._need_worker()
        return case

    def notify(self) -> None:
        """Make deliveries of all that has happened so far; otherwise a thread does, as it happens."""
        self._following().notify_now()

    # --- inside

    def _entry(self, act: str, by: Actor, **facts: Any) -> Entry:
        return Entry(
            at=self._app.clock.now(),
            kind=EntryKind.POLICY,
            act=act,
            actor=by.id,
            actor_kind=by.kind,
            facts=facts,
        )

    def _deliver(self, allow: Collection[str]) -> None:
        from signoff.effects.webhook import Allowed

        Allowed(allow)
        with self._guard:
            self._allow = (*self._allow, *allow)
            self._delivery = None
        self._checkpoint()
        self._following()
        if self._app._worker is not None and not self._app._closed:
            self._start()

    def _start(self) -> None:
        if self._notifier is not None:
            self._notifier.start()

    def _stop(self) -> None:
        if self._notifier is not None:
            self._notifier.stop()

    def _following(self) -> Notifier:
        if self._notifier is None:
            self._notifier = Notifier(self._app.store, self._app.clock, self._prepare)
        return self._notifier

    def _prepare(self, webhook: Webhook, message: Message) -> Prepared:
        return self._checkpoint().intake.prepare(
            Proposal(
                arguments={
                    "webhook_id": webhook.id,
                    "message_id": message.id,
                    "event": message.event,
                    "timestamp": message.at.isoformat(),
                    "data": message.data,
                },
                proposer=DELIVERY_PROPOSER,
                key=message.id,
            )
        )

    def _checkpoint(self) -> CheckpointFunction[..., Any]:
        with self._guard:
            if self._function is None:
                self._function = self._app.checkpoint(
                    name=DELIVERY_CHECKPOINT,
                    oversight="automate",
                    # The same in every process: a different one would be another version of the declaration.
                    chosen_by="admin",
                    delivery="idempotent",
                    max_tries=_MAX_TRIES,
                    backoff_s=_BACKOFF_S,
                    timeout_s=_TIMEOUT_S,
                )(self._send)
            return self._function

    def _send(
        self, webhook_id: str, message_id: str, event: str, timestamp: str, data: dict[str, Any]
    ) -> dict[str, int]:
        """Tell a webhook what happened."""
        with self._guard:
            if self._delivery is None:
                from signoff.effects.webhook import Allowed, Delivery

                allowed = Allowed.from_environment(self._allow)
                self._delivery = Delivery(self._app.store, self._app.clock, allowed)
            send = self._delivery
        return send(webhook_id=webhook_id, message_id=message_id, event=event, timestamp=timestamp, data=data)


def _enabled(found: Webhook | None, id: str) -> Webhook:
    if found is None:
        raise InvalidInput(f"there is no webhook {id}; signoff webhook list shows those there are")
    if found.disabled_at is not None:
        raise InvalidInput(f"webhook {id} is off; make a new one")
    return found
