import { act, cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Case, Checkpoint } from "../api/types";
import { Desk } from "../desk/desk";
import { EVERYTHING } from "../desk/sitting";
import { useKeyboard } from "../keys/keyboard";
import { aCase, aCheckpoint, aMe, aView, type Asked, browser, Refused, serve, show } from "../screens/stand_in";
import { Batch } from "./batch";
import { DeskContext } from "./context";

browser();
vi.setConfig({ testTimeout: 60_000 }); // axe takes its time on a busy machine

/** What jsdom has none of: it tells how much of an element is on screen. */
class Watching {
  static all: Watching[] = [];
  watched: Element | null = null;
  readonly #tell: IntersectionObserverCallback;
  constructor(tell: IntersectionObserverCallback) {
    this.#tell = tell;
    Watching.all.push(this);
  }
  observe(element: Element) {
    this.watched = element;
  }
  disconnect() {
    Watching.all = Watching.all.filter((each) => each !== this);
  }
  show(ratio: number, height = 100) {
    const entry = { isIntersecting: ratio > 0, intersectionRatio: ratio, intersectionRect: { height } };
    this.#tell([entry as IntersectionObserverEntry], this as unknown as IntersectionObserver);
  }
}

let cases: Map<string, Case>;
let asked: Asked[];
let refuse: Record<string, Refused>;

const id = (at: number) => `c${String(at).padStart(3, "0")}`;

/** A server with so many cases, as they are asked for by the desk. */
function server(count: number, checkpoint: (at: number) => Partial<Checkpoint> = () => ({}), change: (at: number) => Partial<Case> = () => ({})) {
  const all = Array.from({ length: count }, (_, at) => aCase({ id: id(at), title: `Case ${at}`, ...change(at) }));
  cases = new Map(all.map((each) => [each.id, each]));
  refuse = {};
  const answers: Record<string, unknown> = {
    "GET /queue": { items: all, after: null },
    "POST /claims": ({ body }: Asked) =>
      (body as { case_ids: string[] }).case_ids.flatMap((each) => {
        const found = cases.get(each);
        if (!found || (found.claimed_by && found.claimed_by !== "grace") || found.state !== "waiting") return [];
        const taken = { ...found, claimed_by: "grace", claim_expires_at: "2099-01-01T00:00:00Z", fence: 7 };
        cases.set(each, taken);
        return [taken];
      }),
  };
  all.forEach(({ id: each }, at) => {
    answers[`GET /cases/${each}`] = () => refuse[each] ?? { ...aView(), case: cases.get(each), checkpoint: aCheckpoint(checkpoint(at)) };
    answers[`POST /cases/${each}/verdict`] = () => ({ ...cases.get(each), state: "held" });
  });
  asked = serve(answers);
}

async function open(count: number, onClose = vi.fn()) {
  const desk = new Desk(aMe());
  await desk.open(EVERYTHING, null);
  const ids = [...cases.keys()].slice(0, count);
  for (const each of ids) desk.toggle(each);
  show(
    <DeskContext value={desk}>
      <Screen ids={ids} onClose={onClose} />
    </DeskContext>,
  );
  await screen.findByLabelText("Cases by risk").catch(() => screen.findByText(/No case is left/));
  return { desk, onClose };
}

function Screen({ ids, onClose }: { ids: readonly string[]; onClose(): void }) {
  useKeyboard();
  return <Batch ids={ids} onClose={onClose} />;
}

const cards = () => [...document.querySelectorAll<HTMLElement>("[data-member]")];
const card = (of: string) => document.querySelector<HTMLElement>(`[data-member="${of}"]`) as HTMLElement;
const opener = (of: string) => within(card(of)).getByRole("button", { expanded: card(of).classList.contains("expanded") });
const marked = () => cards().filter((each) => each.textContent?.includes("open this one")).map((each) => each.dataset["member"] ?? "");
const outs = () => within(screen.getByRole("region", { name: "Left out" })).getAllByRole("listitem").map((item) => item.textContent);
const approve = () => screen.getByRole<HTMLButtonElement>("button", { name: /^Approve all/ });
const reject = () => screen.getByRole<HTMLButtonElement>("button", { name: /^Reject all/ });
const heading = () => screen.getByRole("heading", { level: 1 }).textContent;
const verdicts = () =>
  asked
    .filter(({ path }) => path.endsWith("/verdict"))
    .map(({ path, body }) => {
      const { kind, content_hash, fence } = body as { kind: string; content_hash: string; fence: number };
      return [path.split("/")[2], kind, content_hash.slice(0, 2), fence];
    });
const press = (key: string, init: KeyboardEventInit = {}) => fireEvent.keyDown(document.activeElement ?? document.body, { key, code: `Key${key.toUpperCase()}`, ...init });

/** Open a member and have it on screen for so long. */
function look(of: string, ms = 1000, ratio = 0.6) {
  fireEvent.click(opener(of));
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  act(() => {
    Watching.all[0]?.show(ratio);
    vi.advanceTimersByTime(ms);
  });
  vi.useRealTimers();
}

function lookAtAll() {
  for (let left = marked(); left.length; left = marked()) look(left[0] ?? "");
}

async function found(): Promise<string[]> {
  const { violations } = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false } },
  });
  return violations.map(({ id: rule, nodes }) => `${rule}: ${nodes.map((node) => node.html).join(" ")}`);
}

beforeEach(() => {
  localStorage.clear();
  Watching.all = [];
  vi.stubGlobal("IntersectionObserver", Watching);
});

afterEach(cleanup);

describe("before anything is ruled on", () => {
  test("three drawn cases, or all of fewer, have to be looked at", async () => {
    server(5);
    await open(5);
    expect([heading(), marked().length, approve().disabled, reject().disabled]).toEqual(["Batch of 5 cases", 3, true, true]);
    expect(await found()).toEqual([]);
    const [first = "", second = "", third = ""] = marked();
    look(first);
    look(second);
    expect([marked(), approve().disabled]).toEqual([[third], true]);
    look(third);
    expect([marked(), approve().disabled, reject().disabled]).toEqual([[], false, false]);
    expect(verdicts()).toEqual([]);
  });

  test("of two, both", async () => {
    server(2);
    await open(2);
    expect(marked()).toEqual([id(0), id(1)]);
  });

  test("a look shorter than a second is none, nor one at a corner, nor one in a hidden tab", async () => {
    server(1);
    await open(1);
    look(id(0), 999);
    fireEvent.click(opener(id(0)));
    look(id(0), 5000, 0.2);
    fireEvent.click(opener(id(0)));
    vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
    look(id(0), 5000);
    fireEvent.click(opener(id(0)));
    vi.restoreAllMocks();
    expect(marked()).toEqual([id(0)]);
    look(id(0));
    expect(marked()).toEqual([]);
  });

  test("a case higher than the window counts once it fills half of it", async () => {
    server(1);
    await open(1);
    fireEvent.click(opener(id(0)));
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    act(() => {
      Watching.all[0]?.show(0.05, window.innerHeight / 2);
      vi.advanceTimersByTime(1000);
    });
    expect(marked()).toEqual([]);
  });

  test("looking at others than those drawn does not count for them", async () => {
    server(8);
    await open(8);
    const drawn = marked();
    for (const other of cards().map((each) => each.dataset["member"] ?? "").filter((each) => !drawn.includes(each))) look(other);
    expect([marked(), approve().disabled]).toEqual([drawn, true]);
  });

  test("taking out what was drawn draws the next", async () => {
    server(6);
    await open(6);
    const [first = ""] = marked();
    fireEvent.click(within(card(first)).getByRole("button", { name: /^Take out/ }));
    expect([heading(), marked().length, marked().includes(first)]).toEqual(["Batch of 5 cases", 3, false]);
    expect(outs()).toEqual([expect.stringContaining("You took it out.")]);
    fireEvent.click(screen.getByRole("button", { name: /^Put back/ }));
    expect([heading(), marked().includes(first)]).toEqual(["Batch of 6 cases", true]);
  });
});

describe("ruling on all", () => {
  test("needs a second step that names number, checkpoints and risks; each verdict is bound to its own content", async () => {
    server(
      4,
      (at) => (at < 3 ? { criteria: ["irreversible", "regulated"] } : { name: "send_reply", undo_s: 30 }),
      (at) => ({ content_hash: String(at).repeat(64) }),
    );
    const { onClose } = await open(4);
    lookAtAll();
    fireEvent.click(approve());
    const dialog = screen.getByRole("dialog", { name: "Approve 4 cases?" });
    expect(within(dialog).getAllByRole("listitem").map((item) => item.textContent)).toEqual([
      "3 cases at Refund: irreversible, regulated; can be taken back for 10 s",
      "1 case at Send reply: no risk named; can be taken back for 30 s",
      "3 irreversible",
      "3 regulated",
      "1 no risk named",
    ]);
    expect(document.activeElement).toBe(dialog);
    expect(await found()).toEqual([]);
    expect(verdicts()).toEqual([]);
    fireEvent.click(within(dialog).getByRole("button", { name: "Approve 4 cases" }));
    expect(onClose).toHaveBeenCalledOnce();
    await waitFor(() => expect(verdicts()).toHaveLength(4));
    expect(verdicts()).toEqual([0, 1, 2, 3].map((at) => [id(at), "approved", `${at}${at}`, 7]));
  });

  test("rejects too", async () => {
    server(2);
    const { desk, onClose } = await open(2);
    lookAtAll();
    fireEvent.click(reject());
    fireEvent.click(screen.getByRole("button", { name: "Reject 2 cases" }));
    expect([onClose.mock.calls.length, desk.snapshot().notice?.text]).toEqual([1, "Rejected 2 cases. Each can be taken back for 10 s."]);
    await waitFor(() => expect(verdicts().map(([of, kind]) => [of, kind])).toEqual([[id(0), "rejected"], [id(1), "rejected"]]));
    expect(desk.snapshot().sitting.selected.size).toBe(0);
  });

  test("can be left at the second step", async () => {
    server(2);
    const { onClose } = await open(2);
    lookAtAll();
    fireEvent.click(approve());
    fireEvent.click(screen.getByRole("button", { name: /^Back/ }));
    expect(screen.queryByRole("dialog")).toBeNull();
    expect([verdicts(), onClose.mock.calls]).toEqual([[], []]);
  });

  test("tells of a batch that became smaller while it was asked, and asks again", async () => {
    server(5);
    const { desk } = await open(5);
    lookAtAll();
    fireEvent.click(approve());
    // Taken by somebody else: one that nobody had to look at, so that no other is drawn.
    const spare = cards().find((each) => !each.textContent?.includes("looked at"))?.dataset["member"] ?? "";
    cases.set(spare, { ...(cases.get(spare) as Case), claimed_by: "ada", claim_expires_at: "2099-01-01T00:00:00Z" });
    await act(() => desk.retake(spare));
    fireEvent.click(screen.getByRole("button", { name: "Approve 5 cases" }));
    expect(screen.getByRole("dialog", { name: "Approve 4 cases?" }).textContent).toContain("The batch changed meanwhile.");
    expect(verdicts()).toEqual([]);
    fireEvent.click(screen.getByRole("button", { name: "Approve 4 cases" }));
    await waitFor(() => expect(verdicts()).toHaveLength(4));
    expect(verdicts().map(([of]) => of)).not.toContain(spare);
  });

  test("goes back to looking if another case was drawn meanwhile", async () => {
    server(5);
    const { desk } = await open(5);
    const [first = ""] = marked();
    lookAtAll();
    fireEvent.click(approve());
    cases.set(first, { ...(cases.get(first) as Case), state: "withdrawn" });
    await act(() => desk.retake(first));
    fireEvent.click(screen.getByRole("button", { name: "Approve 5 cases" }));
    expect(screen.queryByRole("dialog")).toBeNull();
    expect([verdicts(), approve().disabled, marked().length]).toEqual([[], true, 1]);
    expect(screen.getByText(/another case was drawn/)).toBeTruthy();
  });
});

describe("who is left out", () => {
  test("is shown with the reason", async () => {
    server(7, (at) => (at === 0 ? { undo_s: 0 } : {}));
    cases.set(id(1), { ...(cases.get(id(1)) as Case), claimed_by: "ada", claim_expires_at: "2099-01-01T00:00:00Z" });
    cases.set(id(2), { ...(cases.get(id(2)) as Case), state: "expired" });
    refuse[id(6)] = new Refused(404, { code: "unknown_case", detail: "There is no such case." });
    await open(7);
    await waitFor(() => expect(heading()).toBe("Batch of 3 cases"));
    expect(outs()).toEqual([
      "Case 0No undo: what cannot be taken back is ruled on one by one.",
      "Case 1ada has it.",
      "Case 2It is expired already.",
      "Case 6It could not be loaded. There is no such case.",
    ]);
    expect(cards().map((each) => each.dataset["member"])).toEqual([id(3), id(4), id(5)]);
  });

  test("a batch of nothing but cases without a hold is refused", async () => {
    server(2, () => ({ undo_s: 0 }));
    await open(2);
    expect([approve().disabled, reject().disabled, outs().length]).toEqual([true, true, 2]);
    expect(screen.getByText(/No case is left that could be ruled on in a batch/)).toBeTruthy();
    expect(await found()).toEqual([]);
  });

  test("a case that is drafted anew while the batch is open", async () => {
    server(4);
    const { desk } = await open(4);
    lookAtAll();
    cases.set(id(3), { ...(cases.get(id(3)) as Case), content_hash: "f".repeat(64), revision: 2 });
    await act(() => desk.retake(id(3)));
    expect(outs()).toEqual(["Case 3It changed while the batch was open: look at it on its own."]);
  });

  test("what is beyond two hundred stays selected", async () => {
    server(203);
    const { desk } = await open(203);
    expect([heading(), marked().length]).toEqual(["Batch of 200 cases", 20]);
    expect(screen.getByText(/The other 3 of your selection stay selected/)).toBeTruthy();
    lookAtAll();
    fireEvent.click(reject());
    fireEvent.click(screen.getByRole("button", { name: "Reject 200 cases" }));
    expect([...desk.snapshot().sitting.selected]).toEqual([id(200), id(201), id(202)]);
  }, 60_000);
});

describe("by keyboard", () => {
  const at = () => document.activeElement?.closest("[data-member]")?.getAttribute("data-member") ?? null;

  test("j and k move, o and Enter open, x takes out", async () => {
    server(4);
    await open(4);
    expect(document.activeElement).toBe(screen.getByRole("region", { name: "Batch of 4 cases" }));
    press("j");
    press("j");
    expect(at()).toBe(id(1));
    press("k");
    press("k");
    expect(at()).toBe(id(0));
    press("o");
    expect(card(id(0)).classList.contains("expanded")).toBe(true);
    expect(within(card(id(0))).getByRole("region", { name: "What the AI proposes" })).toBeTruthy();
    press("o");
    expect(card(id(0)).classList.contains("expanded")).toBe(false);
    // Enter is the browser's on a button; it must be left to it.
    expect(press("Enter", { code: "Enter" })).toBe(true);
    press("x");
    expect([heading(), at()]).toEqual(["Batch of 3 cases", id(1)]);
  });

  test("Ctrl+Enter leads to what is still to be looked at, then to the second step, never further", async () => {
    server(4);
    await open(4);
    const enter = (init: KeyboardEventInit = {}) => press("Enter", { code: "Enter", ctrlKey: true, ...init });
    enter();
    expect([at(), screen.queryByRole("dialog")]).toEqual([marked()[0], null]);
    expect(screen.getByText(/First open the cases that were drawn/)).toBeTruthy();
    lookAtAll();
    enter({ repeat: true });
    expect(screen.queryByRole("dialog")).toBeNull();
    enter();
    expect(screen.getByRole("dialog", { name: "Approve 4 cases?" })).toBeTruthy();
    enter({ repeat: true });
    enter();
    expect(verdicts()).toEqual([]);
  });

  test("Esc closes, and nothing was ruled on", async () => {
    server(3);
    const { onClose, desk } = await open(3);
    press("Escape", { code: "Escape" });
    expect([onClose.mock.calls.length, verdicts(), desk.snapshot().sitting.selected.size]).toEqual([1, [], 3]);
  });
});

test("claims are taken anew while it is open, and no longer", async () => {
  server(2);
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  await open(2);
  const claims = () => asked.filter(({ path }) => path === "/claims").length;
  const before = claims();
  await act(() => vi.advanceTimersByTimeAsync(90_000));
  expect(claims()).toBe(before + 1);
  cleanup();
  await vi.advanceTimersByTimeAsync(600_000);
  expect(claims()).toBe(before + 1);
});
