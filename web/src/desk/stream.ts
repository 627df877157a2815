/** The event stream: one connection for all tabs of a browser, handed on when the tab that holds it closes. */
import { address } from "../api/request";
import type { Event } from "../api/types";

const NAME = "signoff.stream";

export interface Heard {
  event(event: Event): void;
  /** The stream broke, or is back. */
  alive(alive: boolean): void;
}

type Told = { event: Event } | { alive: boolean };

/** Follow what happens from now on; gives a function that ends it. */
export function follow(heard: Heard): () => void {
  // Where tabs cannot take turns (pages without TLS have no locks), each has a stream of its own and hears nothing twice.
  const locks = (navigator as { locks?: LockManager }).locks;
  const channel = locks && typeof BroadcastChannel !== "undefined" ? new BroadcastChannel(NAME) : null;
  const ending = new AbortController();
  // Also of what another tab was told, so that this one goes on there when its turn comes.
  let last: string | null = null;
  const hear = (told: Told) => {
    if ("event" in told) {
      last = String(told.event.seq);
      heard.event(told.event);
    } else heard.alive(told.alive);
  };
  const tell = (told: Told) => {
    if (ending.signal.aborted) return;
    channel?.postMessage(told);
    hear(told);
  };
  if (channel) channel.onmessage = (message: MessageEvent<Told>) => hear(message.data);

  const hold = () =>
    new Promise<void>((resolve) => {
      let source: EventSource;
      let again: ReturnType<typeof setTimeout> | undefined;
      const open = () => {
        // A stream that was refused (signed out, server gone) is over for the browser: it is opened again from here.
        source = new EventSource(address("/events", { after_seq: last }));
        source.onopen = () => tell({ alive: true });
        source.onerror = () => {
          tell({ alive: false });
          if (source.readyState === EventSource.CLOSED && !ending.signal.aborted) again = setTimeout(open, 2000);
        };
        for (const kind of KINDS) {
          source.addEventListener(kind, (message) => {
            tell({ event: JSON.parse(String(message.data)) as Event });
          });
        }
      };
      open();
      ending.signal.addEventListener("abort", () => {
        clearTimeout(again);
        source.close();
        resolve();
      });
    });

  if (locks && channel) {
    locks.request(NAME, { signal: ending.signal }, hold).catch(() => undefined);
  } else {
    void hold();
  }
  return () => {
    ending.abort();
    channel?.close();
  };
}

/** Every kind there is; a browser tells only those that are asked for by name. */
const ALL: Record<Event["kind"], true> = {
  move: true,
  claim: true,
  vote: true,
  verdict: true,
  handover: true,
  audit: true,
  effect: true,
  halt: true,
  delegation: true,
  policy: true,
  account: true,
  automation: true,
};
const KINDS = Object.keys(ALL);
