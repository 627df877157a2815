"""Notifier: a thread that turns the ledger into deliveries, each entry once for each webhook."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from signoff.domain.case import Case, State
from signoff.domain.entry import Entry
from signoff.domain.webhook import (
    DELIVERY_CHECKPOINT,
    DELIVERY_PROPOSER,
    Message,
    Webhook,
    WebhookEvent,
    event_of,
    told_of,
    told_of_age,
)
from signoff.engine.propose import Prepared, propose_many
from signoff.errors import KeyReused, OutsideError
from signoff.ports import Clock, Reading, Store, Transaction

log = logging.getLogger("signoff.notifier")

POLL_S = 0.25
"""Seconds between two looks at what other processes wrote."""

AGE_LOOK_S = 30.0
"""Seconds between two looks at the age of the queues."""

PAGE = 256
"""Entries that are looked at in one go."""


class Notifier:
    """
    Follows the ledger for each webhook that is on.

    A webhook's place in the ledger moves on in the same write as the deliveries it leads to, by compare and swap:
    any number of these, in any number of processes, make each delivery once.

    Args:
        store: Where the ledger and the webhooks are.
        clock: The time.
        prepare: Makes the delivery of a message to a webhook, ready to be written.
    """

    def __init__(self, store: Store, clock: Clock, prepare: Callable[[Webhook, Message], Prepared]) -> None:
        self._store = store
        self._clock = clock
        self._prepare = prepare
        self._looked: dict[str, int] = {}
        self._ages_at: datetime | None = None
        self._working = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def notify_now(self) -> None:
        """Make deliveries of all that has happened so far, and return."""
        with self._working:
            webhooks = self._store.read(_enabled)
            # The others are here for the first time, or are told nothing any more.
            self._looked = {webhook.id: self._looked.get(webhook.id, 0) for webhook in webhooks}
            for webhook in webhooks:
                self._follow(webhook)
            self._look_at_ages(webhooks)

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        with self._working:
            if self._thread is None and not self._stopping:
                self._store.on_commit(self._notice)
                self._thread = threading.Thread(target=self._run, name="signoff-notifier", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping = True
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(5.0)

    def _notice(self, entries: Sequence[Entry]) -> None:
        if any(event_of(entry) is not None for entry in entries):
            self._wake.set()

    def _run(self) -> None:
        version: int | None = None
        self._wake.set()
        while not self._stopping:
            woken = self._wake.wait(POLL_S)
            self._wake.clear()
            if self._stopping:
                return
            try:
                seen = self._store.version()
                if woken or seen != version or self._ages_due():
                    version = seen
                    self.notify_now()
            except OutsideError as error:
                # Nothing is lost: the ledger keeps it, and so does the webhook's place in it.
                log.warning("webhooks wait: %s", error)
                version = None
            except Exception:
                log.exception("webhooks could not be told; it is tried again")
                version = None

    # --- the ledger

    def _follow(self, webhook: Webhook) -> None:
        after = max(webhook.seq, self._looked[webhook.id])
        while not self._stopping:
            page = self._store.read(partial(_page, after=after))
            if not page:
                return
            upto = page[-1].seq
            messages = [message for entry in page if (message := told_of(webhook, entry)) is not None]
            # Where there is nothing to tell, the place is written down seldom; looking again costs nothing.
            if messages or upto - webhook.seq >= PAGE:
                batch = [self._prepare(webhook, message) for message in messages]
                if not self._store.write(partial(_tell, webhook=webhook, upto=upto, batch=batch)):
                    # Another process was faster, or the webhook was removed: look from where it is now.
                    self._looked[webhook.id] = 0
                    self._wake.set()
                    return
                webhook = replace(webhook, seq=upto)
            after = self._looked[webhook.id] = upto

    # --- the age of the queues

    def _ages_due(self) -> bool:
        if self._ages_at is None:
            return True
        # A clock that was set back must not make it wait until then.
        return not 0 <= (self._clock.now() - self._ages_at).total_seconds() < AGE_LOOK_S

    def _look_at_ages(self, webhooks: Sequence[Webhook]) -> None:
        if not self._ages_due():
            return
        self._ages_at = now = self._clock.now()
        concerned = [webhook for webhook in webhooks if WebhookEvent.QUEUE_AGE in webhook.events]
        for case in self._store.read(_oldest) if concerned else ():
            for webhook in concerned:
                message = told_of_age(webhook, case, now=now)
                if message is None or self._store.read(partial(_is_told, message=message)):
                    continue
                batch = [self._prepare(webhook, message)]
                try:
                    self._store.write(lambda tx, batch=batch: propose_many(tx, batch))  # type: ignore[misc]
                except KeyReused:
                    log.debug("another process told webhook %s of case %s", webhook.id, case.id)


def _enabled(tx: Reading) -> list[Webhook]:
    return tx.find(Webhook, disabled_at=None)


def _page(tx: Reading, *, after: int) -> list[Entry]:
    return tx.ledger(after_seq=after, limit=PAGE)


def _tell(tx: Transaction, *, webhook: Webhook, upto: int, batch: list[Prepared]) -> bool:
    here = {"seq": webhook.seq, "disabled_at": None}
    if not tx.change(Webhook, (webhook.id,), expect=here, to={"seq": upto}):
        return False
    propose_many(tx, batch)
    return True


def _oldest(tx: Reading) -> list[Case]:
    found: list[Case] = []
    for name in tx.checkpoint_names():
        if name != DELIVERY_CHECKPOINT:
            found += tx.cases(states=[State.WAITING], checkpoint=name, limit=1)
    return found


def _is_told(tx: Reading, *, message: Message) -> bool:
    return bool(tx.find(Case, checkpoint=DELIVERY_CHECKPOINT, proposer=DELIVERY_PROPOSER, key=message.id))
