import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { heardAt } from "../api/clock";
import type { Case, CaseView, Checkpoint } from "../api/types";
import { aCase, aCheckpoint, aMe, aView, type Asked, Refused, serve } from "../screens/stand_in";
import { Desk, paintKey, words } from "./desk";
import { EVERYTHING } from "./sitting";

const HASH = "a".repeat(64);
const NOW = new Date("2026-03-28T12:00:00Z");

/** The server at the other end of fetch: three cases and what happens to them. */
class Server {
  readonly cases = new Map<string, Case>();
  readonly checkpoint: Checkpoint;
  view: Partial<CaseView> = {};
  down = false;
  readonly instead: Record<string, unknown> = {};
  readonly asked: Asked[];
  readonly answers: Record<string, unknown>;

  constructor(checkpoint: Partial<Checkpoint> = {}, ids: readonly string[] = ["a", "b", "c"]) {
    this.checkpoint = aCheckpoint(checkpoint);
    for (const id of ids) this.cases.set(id, aCase({ id, title: `Case ${id}` }));
    const answers: Record<string, unknown> = {
      "GET /queue": () => ({ items: this.waiting(), after: null }),
      "POST /claims": ({ body }: Asked) =>
        this.#of(body)
          .filter(({ state, claimed_by }) => state === "waiting" && (!claimed_by || claimed_by === "grace"))
          .map(({ id, fence }) => this.change(id, { claimed_by: "grace", claim_expires_at: "2026-03-28T12:03:00Z", fence: fence + 1 })),
      "POST /claims/renew": ({ body }: Asked) => ({ held: this.#of(body), lost: [] }),
      "POST /claims/release": ({ body }: Asked) => this.#of(body).map(({ id }) => this.change(id, { claimed_by: null })),
    };
    for (const id of ids) {
      answers[`GET /cases/${id}`] = () => ({ ...aView(), checkpoint: this.checkpoint, ...this.view, case: this.cases.get(id) });
      answers[`POST /cases/${id}/verdict`] = () => this.change(id, { state: this.checkpoint.undo_s ? "held" : "done" });
      answers[`POST /cases/${id}/recall`] = () => this.change(id, { state: "waiting" });
      answers[`POST /cases/${id}/reason`] = () => this.cases.get(id);
      answers[`GET /cases/${id}/history`] = { contents: [], routings: [] };
    }
    for (const [name, answer] of Object.entries(answers)) {
      answers[name] = (asked: Asked) => {
        if (this.down) throw new TypeError("fetch failed");
        return this.instead[name] ?? (typeof answer === "function" ? answer(asked) : answer);
      };
    }
    this.answers = answers;
    this.asked = serve(answers);
  }

  change(id: string, change: Partial<Case>): Case {
    const after = { ...(this.cases.get(id) as Case), ...change };
    this.cases.set(id, after);
    return after;
  }

  waiting = () => [...this.cases.values()].filter(({ state }) => state === "waiting");
  sent = (path: RegExp) => this.asked.filter((each) => path.test(`${each.method} ${each.path}`));
  #of = (body: unknown) => (body as { case_ids: string[] }).case_ids.map((id) => this.cases.get(id) as Case);
}

let ends: (() => void)[];

async function desk(started = false): Promise<Desk> {
  const here = new Desk(aMe());
  if (started) ends.push(here.start());
  await here.open(EVERYTHING, null);
  await quiet();
  return here;
}

const quiet = () => vi.advanceTimersByTimeAsync(0);
const later = (ms: number) => vi.advanceTimersByTimeAsync(ms);
const standing = (here: Desk, id: string) => here.snapshot().sitting.rows.find((row) => row.case.id === id)?.standing;
const current = (here: Desk) => here.snapshot().sitting.current;
const said = (here: Desk) => here.snapshot().notice?.text;

beforeEach(() => {
  ends = [];
  localStorage.clear();
  vi.useFakeTimers({ now: NOW });
  vi.stubGlobal(
    "EventSource",
    class extends EventTarget {
      close() {}
    },
  );
});

afterEach(() => {
  for (const end of ends) end();
  vi.useRealTimers();
  heardAt(new Date().toUTCString());
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

describe("opening a queue", () => {
  test("has its first case on screen, the next ones in memory, and claims them", async () => {
    const server = new Server();
    const here = await desk();
    expect([current(here), Object.keys(here.snapshot().sitting.views).sort()]).toEqual(["a", ["a", "b", "c"]]);
    expect(server.sent(/POST \/claims$/).map(({ body }) => body)).toEqual([{ case_ids: ["a", "b", "c"], hold_s: 180 }]);
    expect(here.snapshot().sitting.views["a"]?.case.fence).toBe(1);
  });

  test("that cannot be read says why, and can be tried again", async () => {
    const server = new Server();
    server.instead["GET /queue"] = new Refused(500, { code: "ledger_broken", detail: "The ledger is broken." });
    const here = await desk();
    expect([here.snapshot().sitting.listed, said(here)]).toEqual(["failed", "The queue could not be read. The ledger is broken."]);
    delete server.instead["GET /queue"];
    await here.refresh();
    expect([here.snapshot().sitting.listed, current(here)]).toEqual(["yes", "a"]);
  });
});

test("a case counts as seen a quarter of a second after it was painted, and anew with another draft", async () => {
  new Server();
  const here = await desk();
  const seen = () => here.settledOnScreen;
  expect(seen()).toBe(false);
  here.painted(paintKey(here.snapshot().sitting.views["a"] as CaseView));
  await later(249);
  expect(seen()).toBe(false);
  await later(1);
  expect(seen()).toBe(true);
  here.next();
  expect(seen()).toBe(false);
});

test.each([
  [999, "open"],
  [1000, "changed"],
])("a draft that changes %d ms after the case was painted leaves it %s", async (ms, kind) => {
  const server = new Server();
  const here = await desk();
  here.painted(paintKey(here.snapshot().sitting.views["a"] as CaseView));
  await later(ms);
  here.redrafted(server.change("a", { revision: 2, content_hash: "b".repeat(64) }));
  await quiet();
  expect([here.snapshot().sitting.views["a"]?.case.revision, standing(here, "a")?.kind]).toEqual([2, kind]);
});

describe("a verdict with a hold", () => {
  test("shows the next case before it is sent, and is bound to what was on screen", async () => {
    const server = new Server();
    const here = await desk();
    here.approve();
    expect([current(here), standing(here, "a")?.kind, server.sent(/verdict/).length]).toEqual(["b", "sending", 0]);
    await quiet();
    expect(server.sent(/verdict/)[0]).toMatchObject({
      path: "/cases/a/verdict",
      body: { kind: "approved", revision: 1, content_hash: "a".repeat(64), fence: 1 },
    });
    expect(standing(here, "a")).toMatchObject({ kind: "ruled", until: NOW.getTime() + 10_000 });
    await later(10_000);
    expect(standing(here, "a")).toMatchObject({ kind: "ruled", until: null });
  });

  test("is undone while it is held, and the case is back", async () => {
    const server = new Server();
    const here = await desk();
    here.reject();
    await quiet();
    await here.undo();
    await quiet();
    expect([current(here), standing(here, "a")?.kind, said(here), server.sent(/recall/).length]).toEqual(["a", "open", "Taken back.", 1]);
    await here.undo();
    expect(said(here)).toContain("Nothing can be taken back");
  });

  test("of another person in between is told, and not counted", async () => {
    const server = new Server();
    const here = await desk();
    server.instead["POST /cases/a/verdict"] = new Refused(409, { code: "case_closed", detail: "…", reviewer: "ada", verdict: "rejected" });
    here.approve();
    await quiet();
    expect(standing(here, "a")).toEqual({ kind: "elsewhere", words: "ada was faster: rejected. Yours did not count." });
    expect(here.snapshot().sitting.ruled).toBe(0);
  });

  test("waits while the server cannot be reached, and undo then does not depend on it", async () => {
    const server = new Server();
    const here = await desk();
    server.down = true;
    here.approve();
    await quiet();
    expect(here.snapshot()).toMatchObject({ waiting: 1, reachable: false });
    await here.undo();
    expect([current(here), standing(here, "a")?.kind, said(here)]).toEqual(["a", "open", expect.stringContaining("Taken back here.")]);
    server.down = false;
    await later(60_000);
    here.flush();
    await quiet();
    expect([server.cases.get("a")?.state, server.sent(/verdict/).length]).toEqual(["waiting", 1]);
  });

  test("whose answer was lost, undone: it is recalled, not only forgotten", async () => {
    const server = new Server();
    const here = await desk();
    server.instead["POST /cases/a/verdict"] = new Refused(504, { detail: "No answer in time." });
    server.change("a", { state: "held" });
    here.approve();
    await quiet();
    await here.undo();
    expect([server.sent(/recall/).length, server.cases.get("a")?.state, said(here)]).toEqual([1, "waiting", "Taken back."]);
  });

  test("is taken back in another queue than it was given in", async () => {
    const server = new Server();
    const here = await desk();
    here.approve();
    await quiet();
    await here.open({ ...EVERYTHING, checkpoint: "other" }, null);
    await here.undo();
    await quiet();
    expect([current(here), server.cases.get("a")?.state, said(here)]).toEqual(["a", "waiting", "Taken back."]);
  });

  test("is taken back before it was sent, in the same moment", async () => {
    const server = new Server();
    const here = await desk();
    here.approve();
    await here.undo();
    await quiet();
    expect([current(here), standing(here, "a")?.kind, server.sent(/verdict|recall/).length]).toEqual(["a", "open", 0]);
  });

  test("is kept at once, should the page be closed in the same moment", async () => {
    const server = new Server();
    const here = await desk();
    here.approve();
    const kept = new Desk(aMe());
    expect(kept.snapshot().sitting.recallable.map(({ verdict }) => verdict.case_id)).toEqual(["a"]);
    expect(server.sent(/verdict/)).toHaveLength(0);
  });

  test("undone twice in a row is two verdicts taken back", async () => {
    const server = new Server();
    const here = await desk();
    here.approve();
    here.approve();
    await quiet();
    await Promise.all([here.undo(), here.undo()]);
    expect(server.sent(/recall/).map(({ path }) => path)).toEqual(["/cases/b/recall", "/cases/a/recall"]);
    expect([standing(here, "a")?.kind, standing(here, "b")?.kind, current(here), said(here)]).toEqual(["open", "open", "a", "Taken back."]);
  });

  test("whose undo is answered late does not take the screen from what the person went on to", async () => {
    const server = new Server();
    const here = await desk();
    here.approve();
    await quiet();
    const undone = here.undo();
    expect(current(here)).toBe("a");
    here.go("c");
    await undone;
    await quiet();
    expect([current(here), standing(here, "a")?.kind, server.cases.get("a")?.state]).toEqual(["c", "open", "waiting"]);
  });

  test("that cannot be taken back any more leaves the person where they were", async () => {
    const server = new Server();
    const here = await desk();
    here.approve();
    await quiet();
    server.instead["POST /cases/a/recall"] = new Refused(409, { code: "case_closed", detail: "The hold is over." });
    await here.undo();
    expect([current(here), standing(here, "a")?.kind, said(here)]).toEqual(["b", "ruled", "It could not be taken back: Case a. The hold is over."]);
  });

  test("undone brings back an edit that was not sent with it", async () => {
    new Server();
    const here = await desk();
    here.draft("a", { cents: 5 });
    here.approve();
    await quiet();
    await here.undo();
    expect(here.snapshot().sitting.drafts).toEqual({ a: { arguments: { cents: 5 }, content_hash: HASH } });
  });

  test("on a rejection takes a reason afterwards", async () => {
    const server = new Server({ reasons: ["Too much"] });
    const here = await desk();
    here.reject();
    const verdict = here.snapshot().notice?.rejected;
    await quiet();
    await here.giveReason(verdict as NonNullable<typeof verdict>, "Too much");
    expect(server.sent(/reason/)[0]?.body).toEqual({ verdict_id: verdict?.id, reason: "Too much" });
    expect(said(here)).toBe("Rejected: Too much");
  });
});

test("a case that comes back on screen counts as seen anew", async () => {
  new Server();
  const here = await desk();
  const key = paintKey(here.snapshot().sitting.views["a"] as CaseView);
  here.painted(key);
  await later(250);
  here.painted(null);
  here.painted(key);
  expect(here.settledOnScreen).toBe(false);
});

test("a reason that is answered late does not take the place of what is asked since", async () => {
  const server = new Server({ reasons: ["Too much"] });
  const here = await desk();
  here.reject();
  const first = here.snapshot().notice?.rejected;
  await quiet();
  const given = here.giveReason(first as NonNullable<typeof first>, "Too much");
  here.reject();
  await given;
  await quiet();
  expect([said(here), here.snapshot().notice?.rejected?.case_id, server.sent(/reason/).length]).toEqual(["Rejected. Why?", "b", 1]);
});

describe("a verdict without a hold", () => {
  test("is confirmed first, then sent", async () => {
    const server = new Server({ undo_s: 0 });
    const here = await desk();
    here.approve();
    await quiet();
    expect([here.snapshot().confirming, server.sent(/verdict/).length]).toEqual([
      { case_id: "a", content_hash: "a".repeat(64), kind: "approved" },
      0,
    ]);
    here.unconfirm();
    here.confirm();
    await quiet();
    expect(server.sent(/verdict/)).toHaveLength(0);
    here.approve();
    here.confirm();
    await quiet();
    expect([server.cases.get("a")?.state, standing(here, "a")]).toMatchObject(["done", { kind: "ruled", until: null }]);
  });

  const unasked: [string, (here: Desk, server: Server) => unknown][] = [
    ["another case is on screen", (here) => here.next()],
    ["another draft is on screen", (here, server) => (server.change("a", { content_hash: "c".repeat(64), revision: 2 }), here.retake("a"))],
    ["somebody else has it", (here, server) => (server.change("a", { claimed_by: "ada", claim_expires_at: "2026-03-28T12:05:00Z" }), here.retake("a"))],
  ];

  test.each(unasked)("is confirmed no more once %s", async (_, happen) => {
    const server = new Server({ undo_s: 0 });
    const here = await desk();
    here.approve();
    await happen(here, server);
    await quiet();
    expect(here.snapshot().confirming).toBeNull();
    here.confirm();
    here.previous();
    here.confirm();
    await quiet();
    expect(server.sent(/verdict/)).toHaveLength(0);
  });

  test("that may not have arrived is looked up once the server answers, and never repeated", async () => {
    const server = new Server({ undo_s: 0 });
    const here = await desk(true);
    here.approve();
    server.down = true;
    here.confirm();
    await quiet();
    expect([standing(here, "a")?.kind, here.snapshot().reachable]).toEqual(["refused", false]);
    server.down = false;
    await later(60_000);
    expect(server.sent(/verdict/)).toHaveLength(1);
    expect([standing(here, "a")?.kind, said(here)]).toEqual(["open", "Your verdict did not arrive: the case waits for it still."]);
  });

  test("can be given again once the server answers, also if nothing else was asked meanwhile", async () => {
    const server = new Server({ undo_s: 0 });
    const here = await desk(true);
    server.down = true;
    here.approve();
    here.confirm();
    await quiet();
    here.approve();
    expect(said(here)).toContain("could not be taken back");
    server.down = false;
    await later(60_000);
    expect(here.snapshot().reachable).toBe(true);
    here.approve();
    expect(here.snapshot().confirming).not.toBeNull();
  });
});

describe("claims", () => {
  test("are renewed while the page is seen, and given back when it is left", async () => {
    const server = new Server();
    await desk(true);
    await later(60_000);
    expect(server.sent(/renew/).map(({ body }) => (body as { case_ids: string[] }).case_ids)).toEqual([["a", "b", "c"]]);
    window.dispatchEvent(new Event("pagehide"));
    await quiet();
    expect(server.waiting().map(({ claimed_by }) => claimed_by)).toEqual([null, null, null]);
  });

  test("of a tab nobody looks at go, that of the case on screen a little later", async () => {
    const server = new Server();
    await desk(true);
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    document.dispatchEvent(new Event("visibilitychange"));
    await quiet();
    const held = () => server.waiting().filter(({ claimed_by }) => claimed_by === "grace").map(({ id }) => id);
    expect(held()).toEqual(["a"]);
    await later(60_000);
    expect(held()).toEqual([]);
  });

  test.each([-5, 5])("end by the server's clock, also where this one's is %i minutes off", async (minutes) => {
    const server = new Server();
    serve(server.answers, () => ({ Date: NOW.toUTCString() }));
    vi.setSystemTime(NOW.getTime() + minutes * 60_000);
    server.change("b", { claimed_by: "ada", claim_expires_at: "2026-03-28T12:01:00Z" });
    server.change("c", { claimed_by: "ada", claim_expires_at: "2026-03-28T11:59:00Z" });
    const here = await desk();
    expect([standing(here, "b")?.kind, standing(here, "c")?.kind]).toEqual(["claimed", "open"]);
    window.dispatchEvent(new Event("pagehide"));
  });

  test("of others show, and end when one asks", async () => {
    const server = new Server();
    server.change("b", { claimed_by: "ada", claim_expires_at: "2026-03-28T12:05:00Z" });
    const here = await desk();
    expect(standing(here, "b")).toEqual({ kind: "claimed", by: "ada" });
    server.change("b", { claimed_by: null });
    await here.retake("b");
    expect(standing(here, "b")?.kind).toBe("open");
  });
});

test("for who is away nothing is claimed, and back at the desk it is", async () => {
  const server = new Server();
  const here = await desk();
  here.setAway(true);
  await quiet();
  expect([...server.cases.values()].map((each) => each.claimed_by)).toEqual([null, null, null]);
  here.next();
  await here.refresh();
  await quiet();
  expect([...server.cases.values()].map((each) => each.claimed_by)).toEqual([null, null, null]);
  here.setAway(false);
  await quiet();
  expect([...server.cases.values()].map((each) => each.claimed_by)).toEqual(["grace", "grace", "grace"]);
});

test("drafts outlive the page, and go with the verdict", async () => {
  new Server();
  const here = await desk();
  here.draft("a", { cents: 5 });
  await later(300);
  expect(new Desk(aMe()).snapshot().sitting.drafts).toEqual({ a: { arguments: { cents: 5 }, content_hash: HASH } });
  expect(new Desk(aMe({ id: "ada" })).snapshot().sitting.drafts).toEqual({});
  here.approveEdited({ cents: 5 });
  await later(300);
  expect(new Desk(aMe()).snapshot().sitting.drafts).toEqual({});
});

test("a tab keeps its drafts, and leaves those of another", async () => {
  new Server();
  const [one, two] = [await desk(), await desk(true)];
  one.draft("a", { cents: 5 });
  await later(300);
  two.draft("b", { cents: 7 });
  two.draft("b", null);
  window.dispatchEvent(new Event("pagehide"));
  expect(new Desk(aMe()).snapshot().sitting.drafts).toEqual({ a: { arguments: { cents: 5 }, content_hash: HASH } });
});

test("a draft nobody came back to for a month is dropped", async () => {
  new Server();
  const here = await desk();
  here.draft("a", { cents: 5 });
  await later(300);
  vi.setSystemTime(NOW.getTime() + 31 * 86_400_000);
  expect(new Desk(aMe()).snapshot().sitting.drafts).toEqual({});
  expect(localStorage).toHaveLength(0);
});

test.each([
  ["is forbidden", () => vi.spyOn(window, "localStorage", "get").mockImplementation(() => { throw new DOMException("denied", "SecurityError"); })],
  ["is missing", () => vi.spyOn(window, "localStorage", "get").mockReturnValue(null as unknown as Storage)],
  ["is full", () => vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => { throw new DOMException("full", "QuotaExceededError"); })],
])("where storage %s one rules all the same", async (_, happen) => {
  happen();
  const server = new Server();
  const here = await desk(true);
  here.draft("a", { cents: 5 });
  await later(300);
  here.approveEdited({ cents: 5 });
  await quiet();
  expect([server.cases.get("a")?.state, current(here)]).toEqual(["held", "b"]);
});

describe("choosing a category", () => {
  const view = { content: { ...aView().content, arguments: { category: "billing" } } };

  test.each([
    ["the one suggested is an approval", "billing", false, { kind: "approved" }],
    ["another one is a correction", "refund", false, { kind: "edited", arguments: { category: "refund" } }],
    ["while the suggestion is withheld, any is named", "billing", true, { kind: "edited", arguments: { category: "billing" } }],
  ])("%s", async (_, label, withheld, body) => {
    const server = new Server({ label: "category" });
    server.view = { ...view, withheld };
    const here = await desk();
    here.choose(label);
    await quiet();
    expect(server.sent(/verdict/)[0]?.body).toMatchObject(body);
  });

  test("where the AI's was withheld it is told afterwards", async () => {
    const server = new Server({ label: "category" });
    server.view = { ...view, withheld: true };
    server.instead["GET /cases/a/history"] = {
      contents: [{ revision: 1, arguments: { category: "refund" } }],
      routings: [{ revision: 1, confidence: 0.83 }],
    };
    const here = await desk();
    here.choose("billing");
    await quiet();
    expect(said(here)).toBe("You chose billing. The AI had proposed refund (83 %).");
  });
});

test("ruling on many is one verdict for each, bound to its own content, and leaves out what cannot be", async () => {
  const server = new Server();
  server.change("b", { claimed_by: "ada", claim_expires_at: "2026-03-28T12:05:00Z" });
  server.change("c", { content_hash: "c".repeat(64) });
  const here = await desk();
  for (const id of ["a", "b", "c"]) here.toggle(id);
  await here.prepare(["a", "b", "c"]);
  here.ruleMany(["a", "b", "c"], "rejected");
  await quiet();
  expect(server.sent(/verdict/).map(({ path, body }) => [path, (body as { content_hash: string }).content_hash[0]])).toEqual([
    ["/cases/a/verdict", "a"],
    ["/cases/c/verdict", "c"],
  ]);
  expect(here.snapshot().sitting.selected.size).toBe(0);
});

describe("a burst of events", () => {
  let source: EventTarget;

  const tell = (act: string, case_id: string, change: object = {}) => {
    const event = { seq: 1, kind: "move", act, case_id, checkpoint: "refund", actor: "ada", ...change };
    source.dispatchEvent(new MessageEvent("move", { data: JSON.stringify(event) }));
  };

  beforeEach(() => {
    vi.stubGlobal(
      "EventSource",
      function () {
        return (source = Object.assign(new EventTarget(), { close() {} }));
      },
    );
  });

  test("of new cases is counted without asking for any, in few changes", async () => {
    const server = new Server();
    const here = await desk(true);
    let changes = 0;
    ends.push(here.subscribe(() => (changes += 1)));
    const before = server.asked.length;
    for (let at = 0; at < 5000; at++) tell("propose", `new-${at}`);
    await later(1000);
    expect([here.snapshot().sitting.arrived.size, server.asked.length - before]).toEqual([5000, 0]);
    expect(changes).toBeLessThan(5);
  });

  test("on an empty list asks for the list, not for each, and misses none that came while it was on its way", async () => {
    const server = new Server({}, []);
    const here = await desk(true);
    const before = server.asked.length;
    for (let at = 0; at < 500; at++) tell("propose", `new-${at}`);
    await later(2000);
    expect(server.asked.length - before).toBeLessThan(5);
    expect(here.snapshot().sitting.arrived.size).toBe(0);
  });

  test("about cases far down the list looks at none of them", async () => {
    const ids = Array.from({ length: 60 }, (_, at) => `c${String(at).padStart(2, "0")}`);
    const server = new Server({}, ids);
    const here = await desk(true);
    const before = server.asked.length;
    for (const id of ids.slice(20)) tell("rule", id);
    for (const id of ids.slice(20)) tell("redraft", id);
    for (const id of ids.slice(30)) tell("rule", id);
    await later(1000);
    expect(server.asked.length - before).toBe(0);
    expect([standing(here, "c20")?.kind, standing(here, "c30")]).toEqual(["open", { kind: "elsewhere", words: "ada has ruled on it." }]);
  });

  test("a case that came while the list was on its way is not forgotten", async () => {
    const server = new Server({}, ["a", "b"]);
    const here = new Desk(aMe());
    ends.push(here.start());
    server.change("b", { state: "held" });
    const opened = here.open(EVERYTHING, null);
    tell("propose", "z");
    await opened;
    await quiet();
    expect([here.snapshot().sitting.rows.length, [...here.snapshot().sitting.arrived]]).toEqual([1, ["z"]]);
  });

  test("an empty list is read again once somebody gave a case back, or let its claim lapse", async () => {
    const server = new Server();
    for (const id of ["a", "b", "c"]) server.change(id, { state: "held" });
    const here = await desk(true);
    expect(current(here)).toBeNull();
    server.change("b", { state: "waiting" });
    tell("release", "b");
    await later(2000);
    expect(current(here)).toBe("b");
    here.passedOn(server.change("b", { state: "held" }), "Snoozed.");
    server.change("c", { state: "waiting" });
    await later(60_000);
    expect(current(here)).toBe("c");
  });

  test("a verdict that was taken back in another tab is back here", async () => {
    const server = new Server();
    const here = await desk(true);
    here.approve();
    await quiet();
    server.change("a", { state: "waiting" });
    tell("recall", "a", { actor: "grace" });
    await quiet();
    expect([standing(here, "a")?.kind, here.snapshot().sitting.recallable, here.snapshot().sitting.ruled]).toEqual(["open", [], 0]);
  });
});

test("a first case that comes with the queue is not asked for again", async () => {
  const server = new Server();
  server.instead["GET /queue"] = { items: server.waiting(), after: null, first: { ...aView(), checkpoint: server.checkpoint, case: server.cases.get("a") } };
  const here = await desk();
  expect([current(here), here.snapshot().shown?.case.id]).toEqual(["a", "a"]);
  expect(server.sent(/cases\/a$/)).toEqual([]);
  expect(server.sent(/cases\/b$/)).toHaveLength(1);
});

test("what lies around the case on screen is asked for once that is here", async () => {
  const server = new Server();
  const answer = server.answers["GET /cases/a"] as () => CaseView;
  let arrive = () => {};
  server.answers["GET /cases/a"] = () => new Promise((resolve) => (arrive = () => resolve(answer())));
  const opening = desk();
  await quiet();
  expect(server.asked.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /queue", "GET /cases/a"]);
  arrive();
  const here = await opening;
  expect([here.snapshot().shown?.case.id, server.sent(/cases\/b$/).length, server.sent(/claims$/).length]).toEqual(["a", 1, 1]);
});

test.each([
  [true, "Your verdict arrived."],
  [false, "It is done already."],
])("after a lost answer it is looked up whether the verdict arrived: %s", async (arrived, words) => {
  const server = new Server({ undo_s: 0 });
  const here = await desk();
  const sent: string[] = [];
  server.answers["POST /cases/a/verdict"] = ({ body }: Asked) => {
    if (arrived) sent.push((body as { id: string }).id);
    server.change("a", { state: "done" });
    throw new TypeError("fetch failed");
  };
  server.answers["GET /cases/a/history"] = () => ({ contents: [], routings: [], verdicts: sent.map((id) => ({ id })) });
  here.approve();
  here.confirm();
  await quiet();
  await quiet();
  expect(standing(here, "a")).toEqual({ kind: "elsewhere", words });
});

test("passed on, the next case is on screen", async () => {
  const server = new Server();
  const here = await desk();
  here.passedOn(server.cases.get("a") as Case, "Snoozed.");
  expect([current(here), standing(here, "a"), said(here)]).toEqual(["b", { kind: "passed_on", words: "Snoozed." }, "Snoozed."]);
});

test("an error is told in its words, anything else in ours", () => {
  expect([words(new Error("The ledger is broken.")), words("?")]).toEqual(["The ledger is broken.", expect.stringContaining("reload")]);
});
