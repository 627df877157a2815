import { describe, expect, test } from "vitest";

import type { CaseView, Checkpoint } from "../api/types";
import { NEW_SITTING, OPEN, type Outgoing, type Sitting, type Standing } from "../desk/sitting";
import { aCase, aCheckpoint, aView } from "../screens/stand_in";
import { byRisk, drawnFrom, grouped, type Member, members, risks, shuffled, toOpen } from "./batch_members";

const HASH = "a".repeat(64);

interface Given {
  standing?: Standing;
  checkpoint?: Partial<Checkpoint>;
  view?: Partial<CaseView> | null;
  sitting?: Partial<Sitting>;
  hash?: string;
  taken_out?: boolean;
  listed?: boolean;
}

function parted({ standing = OPEN, checkpoint, view = {}, sitting, hash = HASH, taken_out = false, listed = true }: Given) {
  const whole = { ...aView({ id: "a" }), checkpoint: aCheckpoint(checkpoint), ...view } as CaseView;
  const now: Sitting = {
    ...NEW_SITTING,
    rows: listed ? [{ case: aCase({ id: "a" }), standing }] : [],
    views: view === null ? {} : { a: whole },
    ...sitting,
  };
  return members(["a"], now, new Map([["a", hash]]), new Set(taken_out ? ["a"] : []));
}

const verdict = { id: "v", case_id: "a", kind: "approved" } as Outgoing;

describe("a case is in the batch", () => {
  test.each<[string, Given]>([
    ["that waits", {}],
    ["whose last verdict was refused", { standing: { kind: "refused", words: "Look again.", verdict } }],
    ["whose suggestion is withheld, where that is no category", { view: { withheld: true } }],
    ["with a category that is shown", { checkpoint: { label: "category" } }],
  ])("%s", (_, given) => {
    expect(parted(given)).toMatchObject({ in: [{ id: "a" }], out: [] });
  });
});

describe("a case is left out, and it says why", () => {
  test.each<[Given, string]>([
    [{ listed: false }, "It is not in the list any more."],
    [{ standing: { kind: "claimed", by: "ada" } }, "ada has it."],
    [{ standing: { kind: "sending", verdict } }, "You have ruled on it."],
    [{ standing: { kind: "ruled", verdict, until: 1 } }, "You have ruled on it."],
    [{ standing: { kind: "elsewhere", words: "It was withdrawn." } }, "It was withdrawn."],
    [{ standing: { kind: "passed_on", words: "Snoozed." } }, "Snoozed."],
    [{ standing: { kind: "changed", before: {}, words: "" } }, "It changed while the batch was open: look at it on its own."],
    [{ hash: "b".repeat(64) }, "It changed while the batch was open: look at it on its own."],
    [{ view: null }, "It is being loaded."],
    [{ view: null, sitting: { missing: { a: "No such case." } } }, "It could not be loaded. No such case."],
    [{ checkpoint: { undo_s: 0 } }, "No undo: what cannot be taken back is ruled on one by one."],
    [{ checkpoint: { label: "category" }, view: { withheld: true } }, "Its category is hidden until you have chosen one yourself."],
    [{ sitting: { drafts: { a: { arguments: { cents: 5 }, content_hash: "" } } } }, "An edit of yours waits there: send or drop it first."],
  ])("%j", (given, why) => {
    const checkpointed = given.view ? { ...given, view: { checkpoint: aCheckpoint(given.checkpoint), ...given.view } } : given;
    expect(parted(checkpointed)).toEqual({ in: [], out: [{ id: "a", why, own: false }] });
  });

  test("the person took it out, and may put it back", () => {
    expect(parted({ taken_out: true })).toEqual({ in: [], out: [{ id: "a", why: "You took it out.", own: true }] });
    expect(parted({ taken_out: true, standing: { kind: "claimed", by: "ada" } }).out[0]).toMatchObject({ own: false });
  });
});

test.each([
  [0, 0],
  [1, 1],
  [2, 2],
  [3, 3],
  [12, 3],
  [30, 3],
  [31, 4],
  [200, 20],
])("of %i, %i have to be opened", (count, open) => {
  expect(toOpen(count)).toBe(open);
});

describe("the draw", () => {
  const ids = Array.from({ length: 40 }, (_, at) => `c${at}`);
  const all = (left: readonly string[]): Member[] => left.map((id) => ({ id, view: aView({ id }) as CaseView }));

  test("puts all of them into another order, and none twice", () => {
    const order = shuffled(ids);
    expect([...order].sort()).toEqual([...ids].sort());
    expect(shuffled([])).toEqual([]);
  });

  test("follows the dice: every order can come, and each die is thrown for what is left", () => {
    const orders = new Set<string>();
    const asked: number[] = [];
    for (const three of [0, 1, 2]) {
      for (const two of [0, 1]) {
        const dice = [three, two];
        orders.add(shuffled(["a", "b", "c"], (below) => (asked.push(below), dice.shift() ?? 0)).join(""));
      }
    }
    expect(orders.size).toBe(6);
    expect(asked.slice(0, 2)).toEqual([3, 2]);
  });

  test("gains nobody anything by taking out what was drawn: the next comes in", () => {
    const drawn = drawnFrom(ids, all(ids));
    expect(drawn).toEqual(["c0", "c1", "c2", "c3"]);
    expect(drawnFrom(ids, all(ids.slice(4)))).toEqual(["c4", "c5", "c6", "c7"]);
    expect(drawnFrom(ids, all(["c39", "c5"]))).toEqual(["c5", "c39"]);
  });
});

describe("counts", () => {
  const member = (id: string, checkpoint: Partial<Checkpoint>): Member => ({
    id,
    view: { ...aView({ id }), checkpoint: aCheckpoint(checkpoint) } as CaseView,
  });
  const groups = grouped([
    member("a", { name: "mail" }),
    member("b", { name: "refund", criteria: ["irreversible", "legal_liability"] }),
    member("c", { name: "mail" }),
    member("d", { name: "close", criteria: ["irreversible"] }),
  ]);

  test("are by checkpoint", () => {
    expect(groups.map((group) => [group.checkpoint.name, group.members.map(({ id }) => id)])).toEqual([
      ["mail", ["a", "c"]],
      ["refund", ["b"]],
      ["close", ["d"]],
    ]);
  });

  test("and by risk, those without one last", () => {
    expect(byRisk(groups)).toEqual([
      ["irreversible", 2],
      ["legal liability", 1],
      ["no risk named", 2],
    ]);
    expect(byRisk([])).toEqual([]);
  });

  test("a checkpoint names its risks in words", () => {
    expect(risks(aCheckpoint({ criteria: ["affects_rights", "regulated"] }))).toEqual(["affects rights", "regulated"]);
  });
});
