import { describe, expect, test } from "vitest";

import type { Arguments, Case, CaseView, Event } from "../api/types";
import { aCase, aView } from "../screens/stand_in";
import {
  accepted,
  claimed,
  extend,
  following,
  indexOf,
  lastRuled,
  listed,
  loaded,
  mayBeRuled,
  near,
  NEW_SITTING,
  noticed,
  OPEN,
  type Outgoing,
  refused,
  relisted,
  rowOf,
  select,
  sent,
  type Sitting,
  stand,
  type Standing,
  step,
  settled,
  takenBack,
  toClaim,
  trimmed,
  without,
  withRow,
} from "./sitting";

const NOW = 1_000_000;

const verdict = (case_id: string, change: Partial<Outgoing> = {}): Outgoing => ({
  id: `v-${case_id}`,
  case_id,
  kind: "approved",
  revision: 1,
  content_hash: "a".repeat(64),
  fence: 1,
  seconds: 2,
  hold_s: 10,
  title: "Charged twice",
  ...change,
});

const view = (change: Partial<Case>): CaseView => aView(change) as CaseView;

const STANDINGS: Record<Standing["kind"], Standing> = {
  open: OPEN,
  claimed: { kind: "claimed", by: "ada" },
  sending: { kind: "sending", verdict: verdict("b") },
  ruled: { kind: "ruled", verdict: verdict("b"), until: NOW + 1 },
  elsewhere: { kind: "elsewhere", words: "It was withdrawn." },
  passed_on: { kind: "passed_on", words: "Snoozed." },
  changed: { kind: "changed", before: {}, words: "The draft changed." },
  refused: { kind: "refused", words: "Look again.", verdict: verdict("b") },
};

/** A sitting of these ids, the first on screen; "b:ruled" says how b stands. */
function sitting(text: string, change: Partial<Sitting> = {}): Sitting {
  const rows = text.split(" ").map((each) => {
    const [id = "", kind = "open"] = each.split(":");
    const standing = STANDINGS[kind as Standing["kind"]];
    const own = "verdict" in standing ? { ...standing, verdict: verdict(id) } : standing;
    return { case: aCase({ id }), standing: own };
  });
  return { ...NEW_SITTING, rows, listed: "yes", current: rows[0]?.case.id ?? null, ...change };
}

const kinds = (now: Sitting) => now.rows.map((row) => `${row.case.id}:${row.standing.kind}`).join(" ");
const page = (...ids: string[]) => ids.map((id) => aCase({ id }));

const event = (act: string, change: Partial<Event> = {}): Event => ({
  act,
  actor: "ada",
  actor_kind: "person",
  at: "2026-03-28T09:00:00Z",
  case_id: "b",
  checkpoint: "refund",
  kind: "move",
  revision: 1,
  seq: 1,
  state: null,
  ...change,
});

test("a record without a name leaves the others and itself alone", () => {
  const before = { a: 1, b: 2 };
  expect(without(before, "a")).toEqual({ b: 2 });
  expect(before).toEqual({ a: 1, b: 2 });
  expect(without(before, "c")).toEqual(before);
});

test.each([
  ["open", true],
  ["changed", true],
  ["refused", true],
  ["claimed", false],
  ["sending", false],
  ["ruled", false],
  ["elsewhere", false],
  ["passed_on", false],
] as const)("a case that is %s may be ruled: %s", (kind, may) => {
  expect(mayBeRuled(STANDINGS[kind])).toBe(may);
});

test("rows are found by id, and only there", () => {
  const now = sitting("a b c");
  expect([indexOf(now, "b"), indexOf(now, "z"), indexOf(now, null)]).toEqual([1, -1, -1]);
  expect(rowOf(now, "c")?.case.id).toBe("c");
  expect(rowOf(now, null)).toBeUndefined();
});

test("a row is changed without touching the sitting it came from", () => {
  const before = sitting("a b");
  const after = withRow(before, "b", (row) => ({ ...row, case: aCase({ id: "b", fence: 7 }) }));
  expect(rowOf(after, "b")?.case.fence).toBe(7);
  expect(rowOf(before, "b")?.case.fence).toBe(0);
  expect(withRow(before, "z", (row) => row)).toBe(before);
  expect(kinds(stand(before, "a", STANDINGS.elsewhere))).toBe("a:elsewhere b:open");
});

test.each([
  ["a b c", "a", 1, "b"],
  ["a b c", "c", 1, null],
  ["a b c", "b", -1, "a"],
  ["a b c", "a", -1, null],
  ["a:ruled b:elsewhere", "a", 1, "b"],
  ["a b c", "gone", 1, "a"],
  ["a b c", null, -1, "a"],
] as const)("in %s on %s, a step of %i leads to %s", (rows, current, by, to) => {
  expect(step(sitting(rows, { current }), by)).toBe(to);
});

test.each([
  ["a b c", "a", "b"],
  ["a b:claimed c", "a", "c"],
  ["a b:changed", "a", "b"],
  ["a:refused b:ruled c", "c", "a"],
  ["a:ruled b", "b", null],
  ["a b", "gone", "a"],
] as const)("in %s after %s comes %s", (rows, id, to) => {
  expect(following(sitting(rows), id)).toBe(to);
});

describe("what is kept in memory", () => {
  test.each([
    ["a b c d e f g h", "b", ["b", "c", "d", "e", "f", "g", "a"]],
    ["a b:ruled c:claimed d:elsewhere e", "a", ["a", "c", "e"]],
    ["a", "a", ["a"]],
    ["a b", "linked", ["linked", "a", "b"]],
    ["a b", null, []],
  ] as const)("of %s, on %s: %j", (rows, current, ids) => {
    expect(near(sitting(rows, { current }))).toEqual(ids);
  });

  test("claims are asked for what may be ruled, and for a case from a link", () => {
    expect(toClaim(sitting("a b:claimed c:refused d"))).toEqual(["a", "c", "d"]);
    expect(toClaim(sitting("a:ruled b"))).toEqual(["b"]);
    expect(toClaim(sitting("a", { current: "linked" }))).toEqual(["linked", "a"]);
  });

  test("a long sitting forgets what is far, never what is near, chosen or on its way", () => {
    const ids = Array.from({ length: 60 }, (_, at) => `c${String(at).padStart(2, "0")}`);
    const views = Object.fromEntries(ids.map((id) => [id, view({ id })]));
    const rows = ids.map((id) => (id === "c03" ? "c03:sending" : id)).join(" ");
    const now = trimmed(sitting(rows, { current: "c30", views, selected: new Set(["c01"]) }));
    for (const id of ["c30", "c31", "c35", "c29", "c01", "c03", "c59"]) expect(now.views).toHaveProperty(id);
    expect(now.views).not.toHaveProperty("c10");
    const few = sitting("a", { views: { a: view({ id: "a" }) } });
    expect(trimmed(few)).toBe(few);
  });
});

describe("the list", () => {
  test("a page is put at the end, and what is there keeps its place and standing", () => {
    const now = listed(sitting("a:ruled b", { arrived: new Set(["c", "z"]) }), page("b", "c"), "c");
    expect(kinds(now)).toBe("a:ruled b:open c:open");
    expect([now.after, now.listed, [...now.arrived]]).toEqual(["c", "yes", ["z"]]);
  });

  test("at the end of the queue nothing is new any more", () => {
    expect(listed(sitting("a", { arrived: new Set(["z"]) }), page("b"), null).arrived.size).toBe(0);
  });

  test("a claim that lapsed keeps nobody from a case: the queue offers no other", () => {
    const lapsed = aCase({ id: "b", claimed_by: "ada", claim_expires_at: "2020-01-01T00:00:00Z" });
    expect(kinds(listed(sitting("a"), [lapsed], null))).toBe("a:open b:open");
  });

  test("begun anew, it shows what waits in the queue's order, keeps what can be taken back, and the case on screen", () => {
    const before = sitting("a b:ruled c d:elsewhere e:sending f:refused g:claimed", {
      current: "a",
      arrived: new Set(["h"]),
      selected: new Set(["a"]),
      anchor: "a",
    });
    expect(kinds(relisted(before, page("c"), null, NOW))).toBe("a:open b:ruled c:open e:sending f:refused");
    const now = relisted(before, page("h", "c", "d", "g"), null, NOW + 1);
    expect(kinds(now)).toBe("a:open c:open d:open e:sending f:refused g:open h:open");
    expect([now.arrived.size, now.selected.size, now.anchor]).toEqual([0, 0, null]);
  });
});

describe("a case is loaded", () => {
  test("its view and row are taken in, and it is missing no more", () => {
    const now = loaded(sitting("a", { missing: { a: "no answer" } }), view({ id: "a", fence: 3 }));
    expect(now.views["a"]?.case.fence).toBe(3);
    expect(rowOf(now, "a")?.case.fence).toBe(3);
    expect(now.missing).toEqual({});
    expect(kinds(now)).toBe("a:open");
  });

  test("another draft under one's eyes is told with what stood there", () => {
    const before = loaded(sitting("a b"), view({ id: "a" }));
    const now = loaded(before, view({ id: "a", content_hash: "b".repeat(64), revision: 2 }));
    expect(rowOf(now, "a")?.standing).toMatchObject({ kind: "changed", before: { order: "7", cents: 4000 } });
  });

  test("another draft elsewhere in the list is nothing to tell", () => {
    const before = loaded(sitting("a b"), view({ id: "b" }));
    expect(kinds(loaded(before, view({ id: "b", content_hash: "b".repeat(64) })))).toBe("a:open b:open");
  });

  test("a case that was ruled stays ruled", () => {
    const before = loaded(sitting("a:ruled"), view({ id: "a" }));
    expect(kinds(loaded(before, view({ id: "a", content_hash: "b".repeat(64) })))).toBe("a:ruled");
  });
});

test("claims bring newer numbers, free what was claimed, and name what must be loaded again", () => {
  const views = { a: view({ id: "a" }), b: view({ id: "b" }) };
  const cases = [aCase({ id: "a", fence: 4 }), aCase({ id: "b", content_hash: "b".repeat(64) }), aCase({ id: "c", fence: 2 })];
  const found = claimed(sitting("a b c:claimed", { views }), cases);
  expect(found.stale).toEqual(["b"]);
  expect(found.sitting.views["a"]?.case.fence).toBe(4);
  expect(found.sitting.views["b"]?.case.content_hash).toBe("a".repeat(64));
  expect(kinds(found.sitting)).toBe("a:open b:open c:open");
  expect(claimed(sitting("a", { views }), [aCase({ id: "a", revision: 2 })]).stale).toEqual(["a"]);
});

describe("a verdict", () => {
  test("sent, it shows at once and the next case is on screen", () => {
    const now = sent(sitting("a b", { selected: new Set(["a", "b"]) }), verdict("a"));
    expect(kinds(now)).toBe("a:sending b:open");
    expect([now.current, now.ruled, [...now.selected]]).toEqual(["b", 1, ["b"]]);
  });

  test("on the last case, that case stays on screen", () => {
    expect(sent(sitting("a b:ruled"), verdict("a")).current).toBe("a");
  });

  test("on a case that is not on screen, the screen stays as it is", () => {
    expect(sent(sitting("a b c"), verdict("b")).current).toBe("a");
  });

  test("accepted, it can be undone until then; an answer to another verdict changes nothing", () => {
    const now = sitting("a:sending b");
    const after = aCase({ id: "a", state: "held" });
    expect(rowOf(accepted(now, verdict("a"), after, NOW), "a")).toMatchObject({
      case: { state: "held" },
      standing: { kind: "ruled", until: NOW },
    });
    expect(accepted(now, verdict("a", { id: "older" }), after, NOW)).toEqual(now);
    expect(kinds(accepted(sitting("a"), verdict("a"), after, NOW))).toBe("a:open");
  });

  const on = ({ content_hash }: Outgoing, args: Arguments) => ({ arguments: args, content_hash });

  test("refused, the case is back with what was typed", () => {
    const typed = verdict("a", { kind: "edited", arguments: { cents: 5 } });
    const now = refused(sitting("a:sending", { ruled: 1 }), typed, { kind: "refused", words: "Look again.", verdict: typed });
    expect([kinds(now), now.drafts, now.ruled]).toEqual(["a:refused", { a: on(typed, { cents: 5 }) }, 0]);
    const gone = refused(sitting("a:sending"), typed, STANDINGS.elsewhere);
    expect([kinds(gone), gone.drafts, gone.ruled]).toEqual(["a:elsewhere", {}, 0]);
  });

  test("taken back, the case waits with its edits; a category is no edit", () => {
    const typed = verdict("a", { kind: "edited", arguments: { cents: 5 } });
    const now = takenBack(sitting("a:ruled b", { ruled: 3 }), typed);
    expect([kinds(now), now.drafts, now.ruled]).toEqual(["a:open b:open", { a: on(typed, { cents: 5 }) }, 2]);
    const draft = on(typed, { cents: 7 });
    expect(takenBack(sitting("a:ruled"), verdict("a", { draft })).drafts).toEqual({ a: draft });
    expect(takenBack(sitting("a:ruled"), { ...typed, label: "billing" }).drafts).toEqual({});
  });
});

describe("undo takes back", () => {
  const [a, b] = [verdict("a"), verdict("b")];
  const both = sent(sent(sitting("a b c"), a), b);
  const held = (now: Sitting, each: Outgoing, until: number | null) => accepted(now, each, aCase({ id: each.case_id }), until);

  test.each<[string, Sitting, number, string | undefined]>([
    ["the newest", both, NOW, "v-b"],
    ["the newest, in whatever order they were answered", held(held(both, b, NOW + 1), a, NOW + 1), NOW, "v-b"],
    ["an older one, once the newest took effect", held(held(both, b, NOW), a, NOW + 1), NOW, "v-a"],
    ["none that took effect, though a clock goes back", settled(held(held(both, b, NOW + 9), a, null), b), NOW - 9, undefined],
    ["none that was refused", refused(both, b, STANDINGS.claimed), NOW, "v-a"],
    ["none that was taken back", takenBack(both, b), NOW, "v-a"],
    ["none that has no hold", sent(sitting("a b"), verdict("a", { hold_s: 0 })), NOW, undefined],
    ["what was given in another queue", { ...sitting("x y"), recallable: both.recallable }, NOW, "v-b"],
  ])("%s", (_, now, at, id) => {
    expect(lastRuled(now, at)?.id).toBe(id);
  });

  test("none that is being taken back already", () => {
    expect(lastRuled(both, NOW, new Set(["v-b"]))?.id).toBe("v-a");
  });
});

describe("what happened elsewhere", () => {
  test("a claim that another takes, or that is given back, is this person's no more", () => {
    const mine = aCase({ id: "b", claimed_by: "grace", fence: 3 });
    const before = sitting("a b", { views: { b: { ...aView(), case: mine } } });
    const taken = noticed(before, event("claim", { actor: "ada" }), "grace").sitting;
    expect([taken.views["b"]?.case.claimed_by, rowOf(taken, "b")?.case.claimed_by]).toEqual(["ada", "ada"]);
    // Also by oneself, in another tab.
    const given = noticed(before, event("release", { actor: "grace" }), "grace").sitting;
    expect([given.views["b"]?.case.claimed_by, kinds(given)]).toEqual([null, "a:open b:open"]);
  });

  const row = (standing: string) => `a b:${standing}`;
  test.each([
    // act, how b stood, how it stands, whether to look again
    ["claim", "open", "claimed", false],
    ["claim", "changed", "claimed", false],
    ["claim", "ruled", "ruled", false],
    ["release", "claimed", "open", false],
    ["snooze", "claimed", "open", false],
    ["release", "open", "open", false],
    ["rule", "open", "open", true],
    ["rule", "claimed", "claimed", true],
    ["rule", "sending", "sending", true],
    ["rule", "ruled", "ruled", false],
    ["recall", "ruled", "ruled", true],
    ["recall", "elsewhere", "elsewhere", true],
    ["reject", "open", "open", false],
    ["redraft", "open", "open", true],
    ["hand_over", "open", "open", true],
    ["pass_on", "claimed", "claimed", true],
    ["hand_over", "ruled", "ruled", false],
    ["withdraw", "open", "elsewhere", false],
    ["expire", "claimed", "elsewhere", false],
    ["route", "refused", "elsewhere", false],
    ["withdraw", "ruled", "ruled", false],
    ["start", "open", "open", false],
  ] as const)("%s by another: %s becomes %s, look again %s", (act, before, after, again) => {
    const found = noticed(sitting(row(before)), event(act), "grace");
    expect(kinds(found.sitting)).toBe(`a:open b:${after}`);
    expect(found.look).toEqual(again ? ["b"] : []);
  });

  test.each([
    ["claim", "open", false],
    // in another tab of the same person
    ["rule", "open", true],
    ["rule", "sending", false],
    ["rule", "ruled", false],
    ["recall", "ruled", true],
    ["recall", "elsewhere", true],
    ["hand_over", "open", false],
  ] as const)("%s by oneself on a case that is %s: look again %s", (act, before, again) => {
    const found = noticed(sitting(row(before)), event(act, { actor: "grace" }), "grace");
    expect(kinds(found.sitting)).toBe(`a:open b:${before}`);
    expect(found.look).toEqual(again ? ["b"] : []);
  });

  test.each(["clear", "reject"])("once it took effect (%s) it cannot be undone any more", (act) => {
    const found = noticed(sitting("b:ruled"), event(act), "grace");
    expect(rowOf(found.sitting, "b")?.standing).toMatchObject({ kind: "ruled", until: null });
  });

  test.each([
    ["propose", {}, {}, ["b"]],
    ["propose", { checkpoint: "refund" }, {}, ["b"]],
    ["propose", { checkpoint: "labels" }, {}, []],
    ["propose", { assigned: "me" as const }, {}, []],
    ["propose", { text: "october" }, {}, []],
    ["propose", {}, { case_id: null }, []],
    ["rule", {}, {}, []],
  ] as const)("%s of a case that is not listed, under %j %j: new are %j", (act, filter, change, arrived) => {
    const now = sitting("a", { filter: { ...NEW_SITTING.filter, ...filter } });
    const found = noticed(now, event(act, change), "grace");
    expect([...found.sitting.arrived]).toEqual(arrived);
    expect(found.look).toEqual([]);
  });

  test("a new case is counted once", () => {
    const once = noticed(sitting("a"), event("propose"), "grace").sitting;
    expect(noticed(once, event("propose"), "grace").sitting).toBe(once);
  });

  test.each(["route", "rule", "withdraw", "expire"])(
    "a new case is not announced any longer after %s: the list would not show it",
    (act) => {
      const found = noticed(sitting("a", { arrived: new Set(["b", "c"]) }), event(act), "grace");
      expect([...found.sitting.arrived]).toEqual(["c"]);
    },
  );
});

describe("the selection", () => {
  test("a case is chosen, and no longer", () => {
    const once = select(sitting("a b"), "a");
    expect([[...once.selected], once.anchor]).toEqual([["a"], "a"]);
    expect([...select(once, "a").selected]).toEqual([]);
  });

  test("it is extended by a step, and stops at the end", () => {
    const twice = extend(extend(sitting("a b c"), 1), 1);
    expect([[...twice.selected], twice.current, twice.anchor]).toEqual([["a", "b", "c"], "c", "a"]);
    expect(extend(twice, 1)).toBe(twice);
    const none = sitting("a", { current: null });
    expect(extend(none, 1)).toBe(none);
  });
});
