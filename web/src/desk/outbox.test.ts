import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { Problem } from "../api/request";
import type { Case } from "../api/types";
import { type Asked, aCase, Refused, serve } from "../screens/stand_in";
import { Outbox } from "./outbox";
import type { Outgoing } from "./sitting";

const PATH = "POST /cases/c1/verdict";

const verdict = (change: Partial<Outgoing> = {}): Outgoing => ({
  id: "v1",
  case_id: "c1",
  kind: "approved",
  revision: 1,
  content_hash: "a".repeat(64),
  fence: 3,
  seconds: 2,
  hold_s: 10,
  title: "Charged twice",
  ...change,
});

/** A desk that counts a verdict once, as the server does. */
class Counted {
  readonly verdicts = new Set<string>();
  /** What it answers next instead, one for each request. */
  readonly instead: (Refused | "unreachable" | "lost" | Promise<void>)[] = [];
  readonly answer = async (asked: Asked): Promise<Case | Refused> => {
    const next = this.instead.shift();
    if (next === "unreachable") throw new TypeError("fetch failed");
    if (next instanceof Refused) return next;
    if (next instanceof Promise) await next;
    this.verdicts.add((asked.body as { id: string }).id);
    if (next === "lost") throw new TypeError("connection reset");
    return aCase({ id: "c1", state: "held" });
  };
}

let told: string[];
let reach: [number, boolean][];
let problems: Problem[];
let desk: Counted;
let asked: Asked[];
let boxes: Outbox[];

function outbox(person = "grace"): Outbox {
  const box = new Outbox(person, {
    accepted: (each, after) => told.push(`accepted ${each.id} ${after.state}`),
    refused: (each, problem) => {
      told.push(`refused ${each.id} ${problem.code}`);
      problems.push(problem);
    },
    dropped: (each) => told.push(`dropped ${each.id}`),
    gone: (each) => told.push(`gone ${each.id}`),
    waiting: (count, reachable) => reach.push([count, reachable]),
  });
  boxes.push(box);
  return box;
}

const ids = (box: Outbox) => box.waiting.map((each) => each.id);
/** Let everything happen that waits for no clock. */
const quiet = () => vi.advanceTimersByTimeAsync(0);

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  [told, reach, problems, boxes] = [[], [], [], []];
  desk = new Counted();
  asked = serve({ [PATH]: desk.answer, "POST /cases/c2/verdict": desk.answer });
});

afterEach(() => {
  for (const box of boxes) box.pause();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a verdict is sent with what it is bound to, and told when it counts", async () => {
  const box = outbox();
  box.add(verdict({ kind: "edited", arguments: { cents: 5 }, reason: "too much", label: "x" }));
  expect(ids(box)).toEqual(["v1"]);
  await quiet();
  expect(asked.map((each) => each.body)).toEqual([
    {
      id: "v1",
      kind: "edited",
      revision: 1,
      content_hash: "a".repeat(64),
      fence: 3,
      seconds: 2,
      arguments: { cents: 5 },
      reason: "too much",
    },
  ]);
  expect([told, ids(box), reach]).toEqual([["accepted v1 held"], [], [[0, true]]]);
});

test("an answer that was lost is asked for again under the same id, so the verdict counts once", async () => {
  desk.instead.push("lost");
  outbox().add(verdict());
  await quiet();
  expect([told, reach.at(-1)]).toEqual([[], [1, false]]);
  await vi.advanceTimersByTimeAsync(500);
  expect(asked.map((each) => (each.body as { id: string }).id)).toEqual(["v1", "v1"]);
  expect([desk.verdicts.size, told]).toEqual([1, ["accepted v1 held"]]);
});

test("a verdict on its way is not sent beside itself", async () => {
  let arrive = () => {};
  desk.instead.push(new Promise((resolve) => (arrive = resolve)));
  const box = outbox();
  box.add(verdict());
  box.flush();
  box.flush();
  await quiet();
  expect(asked).toHaveLength(1);
  arrive();
  await quiet();
  expect(told).toEqual(["accepted v1 held"]);
});

describe("a reload", () => {
  test("keeps what has a hold, and sends it", async () => {
    desk.instead.push("unreachable");
    const before = outbox();
    before.add(verdict());
    await quiet();
    before.pause();
    const after = outbox();
    expect(ids(after)).toEqual(["v1"]);
    after.flush();
    await quiet();
    expect([told, ids(outbox())]).toEqual([["accepted v1 held"], []]);
  });

  test("forgets what has none", async () => {
    desk.instead.push(new Promise(() => {}));
    outbox().add(verdict({ hold_s: 0 }));
    await quiet();
    expect(ids(outbox())).toEqual([]);
  });

  test("finds nothing in what is no outbox", () => {
    for (const text of ["{", "null", "7", "[null, 1, {}]", '{"id": "v8", "case_id": "c1"}']) {
      localStorage.setItem("signoff.outbox.grace:v9", text);
      expect(ids(outbox())).toEqual([]);
    }
  });

  test.each([
    ["ada", "ad"],
    ["ad:a", "ad"],
    ["ad", "ad:a"],
  ])("does not touch what another person left: %s, then %s", async (her, me) => {
    desk.instead.push("unreachable");
    const hers = outbox(her);
    hers.add(verdict());
    await quiet();
    hers.pause();
    const mine = outbox(me);
    mine.flush();
    await quiet();
    expect([ids(mine), asked.length]).toEqual([[], 1]);
    expect(ids(outbox(her))).toEqual(["v1"]);
  });

  test("in one tab loses nothing of another tab", async () => {
    desk.instead.push("unreachable", "unreachable");
    const [one, two] = [outbox(), outbox()];
    one.add(verdict());
    two.add(verdict({ id: "v2", case_id: "c2" }));
    await quiet();
    one.pause();
    two.pause();
    expect(ids(outbox()).sort()).toEqual(["v1", "v2"]);
  });

  test("does not bring back what another tab has undone", async () => {
    const one = outbox();
    one.pause();
    one.add(verdict());
    const two = outbox();
    expect(ids(two)).toEqual(["v1"]);
    expect(one.takeOut("v1")).toBe("unsent");
    two.flush();
    await quiet();
    expect([asked.length, ids(two), told]).toEqual([0, [], ["gone v1"]]);
  });
});

test("without storage verdicts live as long as the page", async () => {
  vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
    throw new DOMException("full", "QuotaExceededError");
  });
  desk.instead.push("unreachable");
  const box = outbox();
  box.add(verdict());
  await quiet();
  expect(ids(box)).toEqual(["v1"]);
  await vi.advanceTimersByTimeAsync(500);
  expect(told).toEqual(["accepted v1 held"]);
});

describe("without a hold", () => {
  test("an answer that was lost is not asked for again", async () => {
    desk.instead.push("lost");
    const box = outbox();
    box.add(verdict({ hold_s: 0 }));
    await vi.advanceTimersByTimeAsync(60_000);
    box.flush();
    await quiet();
    expect([asked.length, told, ids(box), reach]).toEqual([1, ["dropped v1"], [], [[0, false]]]);
  });

  test.each([503, 504, 429])("a server that is busy (%i) is not asked again: it would take effect unwatched", async (status) => {
    desk.instead.push(new Refused(status, { code: "store_unavailable", detail: "Later." }));
    const box = outbox();
    box.add(verdict({ hold_s: 0 }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked.length, told, ids(box)]).toEqual([1, ["dropped v1"], []]);
  });

  test("nobody signed in, it is refused and not kept until somebody is", async () => {
    desk.instead.push(new Refused(401, { code: "not_signed_in", detail: "Sign in." }));
    const box = outbox();
    box.add(verdict({ hold_s: 0 }));
    await quiet();
    box.flush();
    await quiet();
    expect([asked.length, told, ids(box)]).toEqual([1, ["refused v1 not_signed_in"], []]);
  });

  test("while nothing is sent it is not kept either", async () => {
    const box = outbox();
    box.pause();
    box.add(verdict({ hold_s: 0 }));
    box.flush();
    await quiet();
    expect([asked.length, told, ids(box)]).toEqual([0, ["dropped v1"], []]);
  });
});

describe("nobody is signed in", () => {
  test("everything is kept, nothing is sent, until somebody is", async () => {
    desk.instead.push(new Refused(401, { code: "not_signed_in", detail: "Sign in." }));
    const box = outbox();
    box.add(verdict());
    await quiet();
    box.add(verdict({ id: "v2", case_id: "c2" }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked.length, told, ids(box)]).toEqual([1, [], ["v1", "v2"]]);
    box.flush();
    await quiet();
    expect([told, ids(box)]).toEqual([["accepted v1 held", "accepted v2 held"], []]);
  });

  test("a timer from before does not go on sending", async () => {
    desk.instead.push("unreachable", new Refused(401, { code: "not_signed_in", detail: "Sign in." }));
    const box = outbox();
    box.add(verdict());
    await quiet();
    box.add(verdict({ id: "v2", case_id: "c2" }));
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked.length, ids(box)]).toEqual([2, ["v1", "v2"]]);
  });
});

test("once stopped it sends nothing more, also when what is on its way fails: somebody else may sign in", async () => {
  let fail: (error: unknown) => void = () => {};
  desk.instead.push(new Promise((_, reject) => (fail = reject)));
  const box = outbox();
  box.add(verdict());
  await quiet();
  box.pause();
  fail(new TypeError("connection reset"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked.length, ids(outbox())]).toEqual([1, ["v1"]]);
});

test.each([
  [409, "case_closed"],
  [409, "content_changed"],
  [403, "same_reviewer"],
  [404, "unknown_case"],
  [422, "invalid_input"],
])("a refusal (%i %s) is told with what the server said, and not repeated", async (status, code) => {
  desk.instead.push(new Refused(status, { code, detail: "Look again.", reviewer: "ada" }));
  const box = outbox();
  box.add(verdict());
  await vi.advanceTimersByTimeAsync(60_000);
  expect([asked.length, told, ids(box)]).toEqual([1, [`refused v1 ${code}`], []]);
  expect(problems[0]).toMatchObject({ message: "Look again.", facts: { reviewer: "ada" } });
});

describe("a claim that is gone", () => {
  const lost = (claimed_by: string | null) => new Refused(409, { code: "claim_lost", detail: "Gone.", claimed_by });
  const verdicts = () => asked.filter(({ path }) => path.endsWith("/verdict"));
  const fences = () => verdicts().map((each) => (each.body as { fence: number | null }).fence);

  test("and nobody else's: it is taken anew, and the verdict sent once more without its number", async () => {
    desk.instead.push(lost(null));
    const box = outbox();
    box.add(verdict());
    await quiet();
    expect(asked.map(({ path }) => path)).toEqual(["/cases/c1/verdict", "/cases/c1/claim", "/cases/c1/verdict"]);
    expect([fences(), told, ids(box)]).toEqual([[3, null], ["accepted v1 held"], []]);
  });

  test("while the connection breaks again: the same once it is back", async () => {
    desk.instead.push(lost(null), "unreachable", lost(null));
    outbox().add(verdict());
    await vi.advanceTimersByTimeAsync(500);
    expect([fences(), told]).toEqual([[3, null, null, null], ["accepted v1 held"]]);
  });

  test("only once", async () => {
    desk.instead.push(lost(null), lost(null));
    outbox().add(verdict());
    await vi.advanceTimersByTimeAsync(60_000);
    expect([fences(), told]).toEqual([[3, null], ["refused v1 claim_lost"]]);
  });

  test("and somebody else's: it is theirs", async () => {
    desk.instead.push(lost("ada"));
    outbox().add(verdict());
    await vi.advanceTimersByTimeAsync(60_000);
    expect([fences(), told]).toEqual([[3], ["refused v1 claim_lost"]]);
  });

  test("stays without its number over a reload", async () => {
    desk.instead.push(lost(null), "unreachable");
    const box = outbox();
    box.add(verdict());
    await quiet();
    box.pause();
    const after = outbox();
    after.flush();
    await quiet();
    expect([fences(), told]).toEqual([[3, null, null], ["accepted v1 held"]]);
  });
});

describe("when the server does not answer", () => {
  test.each([
    ["cannot be reached", "unreachable" as const, false],
    ["says 503", new Refused(503, { code: "store_unavailable", detail: "Later." }), true],
    ["says 429", new Refused(429, { code: "too_many", detail: "Later." }), true],
  ])("because it %s, it is asked ever less often", async (_, instead, reachable) => {
    desk.instead.push(...Array<typeof instead>(20).fill(instead));
    outbox().add(verdict());
    const at: number[] = [];
    for (let ms = 0; ms <= 50_000; ms += 500) {
      if (asked.length > at.length) at.push(ms);
      await vi.advanceTimersByTimeAsync(500);
    }
    const waits = at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
    expect([told, reach.at(-1)]).toEqual([[], [1, reachable]]);
  });

  test("and does again, the wait is short again", async () => {
    desk.instead.push("unreachable", "unreachable");
    const box = outbox();
    box.add(verdict());
    await vi.advanceTimersByTimeAsync(1500);
    expect(told).toEqual(["accepted v1 held"]);
    desk.instead.push("unreachable");
    box.add(verdict({ id: "v2", case_id: "c2" }));
    await vi.advanceTimersByTimeAsync(500);
    expect(told).toEqual(["accepted v1 held", "accepted v2 held"]);
  });

  test("asking at once ends the wait", async () => {
    desk.instead.push("unreachable");
    const box = outbox();
    box.add(verdict());
    await quiet();
    box.flush();
    await quiet();
    expect(told).toEqual(["accepted v1 held"]);
  });
});

describe("taking a verdict out", () => {
  test("before it is sent, it never is", async () => {
    const box = outbox();
    box.pause();
    box.add(verdict());
    expect(box.takeOut("v1")).toBe("unsent");
    box.flush();
    await quiet();
    expect([asked.length, ids(box), ids(outbox())]).toEqual([0, [], []]);
  });

  test("between two tries says that the first may have arrived, and there is no second", async () => {
    desk.instead.push("lost");
    const box = outbox();
    box.add(verdict());
    await quiet();
    expect(box.takeOut("v1")).toBe("perhaps_sent");
    await vi.advanceTimersByTimeAsync(60_000);
    expect([desk.verdicts.size, asked.length, told]).toEqual([1, 1, []]);
  });

  test("on its way is too late, and one can wait for the answer", async () => {
    let arrive = () => {};
    desk.instead.push(new Promise((resolve) => (arrive = resolve)));
    const box = outbox();
    box.add(verdict());
    await quiet();
    expect(box.takeOut("v1")).toBe("sent");
    const settled = box.settled("v1");
    arrive();
    await settled;
    expect(told).toEqual(["accepted v1 held"]);
    expect(box.takeOut("v1")).toBe("sent");
  });

  test("that is not there does nothing", async () => {
    const box = outbox();
    expect(box.takeOut("v1")).toBe("sent");
    await box.settled("v1");
  });
});
