import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Event } from "../api/types";
import { follow } from "./stream";

/** What jsdom has none of: a stream of events, here told by the test. */
class Source extends EventTarget {
  static readonly CLOSED = 2;
  static all: Source[] = [];
  readonly url: string;
  readyState = 0;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(url: string) {
    super();
    this.url = url;
    Source.all.push(this);
  }
  close() {
    this.readyState = 2;
  }
  tell(kind: string, seq: number) {
    const data = JSON.stringify({ kind, seq, case_id: "c1" });
    this.dispatchEvent(new MessageEvent(kind, { data, lastEventId: String(seq) }));
  }
  /** The browser tries by itself, or has given up. */
  fail(given_up: boolean) {
    this.readyState = given_up ? 2 : 0;
    this.onerror?.();
  }
}

/** What jsdom has none of: locks, one holder at a time, in turn. */
class Locks {
  #held: Promise<unknown> = Promise.resolve();
  request(_: string, { signal }: { signal: AbortSignal }, hold: () => Promise<void>): Promise<void> {
    const turn = this.#held.then(() => (signal.aborted ? Promise.reject(signal.reason) : hold()));
    this.#held = turn.catch(() => undefined);
    return turn;
  }
}

interface Tab {
  heard: (number | boolean)[];
  close(): void;
}

let tabs: Tab[];

function tab(): Tab {
  const heard: (number | boolean)[] = [];
  const close = follow({ event: (event: Event) => heard.push(event.seq), alive: (alive) => heard.push(alive) });
  const opened = { heard, close };
  tabs.push(opened);
  return opened;
}

const source = (at: number): Source => {
  const found = Source.all[at];
  if (!found) throw new Error(`no stream ${at}`);
  return found;
};

beforeEach(() => {
  tabs = [];
  Source.all = [];
  vi.stubGlobal("EventSource", Source);
  Object.defineProperty(navigator, "locks", { value: new Locks(), configurable: true });
});

afterEach(() => {
  for (const each of tabs) each.close();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  Reflect.deleteProperty(navigator, "locks");
});

describe("tabs of one browser", () => {
  test("that cannot take turns have a stream each, and hear nothing twice", async () => {
    Reflect.deleteProperty(navigator, "locks");
    const [one, two] = [tab(), tab()];
    source(0).tell("move", 1);
    source(1).tell("move", 1);
    await vi.waitFor(() => expect([one.heard, two.heard]).toEqual([[1], [1]]));
    await new Promise((resolve) => setTimeout(resolve));
    expect([one.heard, two.heard]).toEqual([[1], [1]]);
  });

  test("share one stream: what one hears, all hear", async () => {
    const [one, two] = [tab(), tab()];
    await vi.waitFor(() => expect(Source.all).toHaveLength(1));
    source(0).onopen?.();
    source(0).tell("move", 7);
    source(0).tell("claim", 8);
    source(0).fail(false);
    expect(one.heard).toEqual([true, 7, 8, false]);
    await vi.waitFor(() => expect(two.heard).toEqual([true, 7, 8, false]));
    expect(Source.all).toHaveLength(1);
  });

  test("hand it on when the one that has it closes, and leave nothing out in between", async () => {
    const [one, two] = [tab(), tab()];
    await vi.waitFor(() => expect(Source.all).toHaveLength(1));
    expect(source(0).url).toBe("/api/v1/events");
    source(0).tell("move", 7);
    await vi.waitFor(() => expect(two.heard).toEqual([7]));
    one.close();
    expect(source(0).readyState).toBe(Source.CLOSED);
    await vi.waitFor(() => expect(Source.all).toHaveLength(2));
    expect(source(1).url).toBe("/api/v1/events?after_seq=7");
    source(1).tell("vote", 9);
    expect([one.heard, two.heard]).toEqual([[7], [7, 9]]);
  });

  test("that wait for it and close open nothing", async () => {
    const [one, two, three] = [tab(), tab(), tab()];
    await vi.waitFor(() => expect(Source.all).toHaveLength(1));
    two.close();
    one.close();
    await vi.waitFor(() => expect(Source.all).toHaveLength(2));
    source(1).tell("move", 1);
    expect([two.heard, three.heard]).toEqual([[], [1]]);
  });
});

test("a stream that was refused is opened again where it ended, one that only broke is the browser's to mend", async () => {
  const one = tab();
  await vi.waitFor(() => expect(Source.all).toHaveLength(1));
  vi.useFakeTimers();
  source(0).tell("effect", 41);
  source(0).fail(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(Source.all).toHaveLength(1);
  source(0).fail(true);
  await vi.advanceTimersByTimeAsync(2000);
  expect(source(1).url).toBe("/api/v1/events?after_seq=41");
  source(1).onopen?.();
  expect(one.heard).toEqual([41, false, false, true]);
});

test("once ended, it opens nothing again", async () => {
  const one = tab();
  await vi.waitFor(() => expect(Source.all).toHaveLength(1));
  vi.useFakeTimers();
  source(0).fail(true);
  one.close();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(Source.all).toHaveLength(1);
});

test.each([
  ["locks", () => Reflect.deleteProperty(navigator, "locks")],
  ["channels between tabs", () => vi.stubGlobal("BroadcastChannel", undefined)],
])("without %s each tab has a stream of its own", (_, without) => {
  without();
  const [one, two] = [tab(), tab()];
  expect(Source.all).toHaveLength(2);
  source(1).close();
  source(0).tell("halt", 3);
  expect(one.heard).toEqual([3]);
  two.close();
});

test("every kind of entry is heard", async () => {
  const one = tab();
  await vi.waitFor(() => expect(Source.all).toHaveLength(1));
  const kinds = ["move", "claim", "vote", "verdict", "handover", "audit", "effect", "halt", "delegation", "policy", "account"];
  kinds.forEach((kind, at) => source(0).tell(kind, at));
  expect(one.heard).toEqual(kinds.map((_, at) => at));
});
