import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { beforeEach, expect, test, vi } from "vitest";

import type { Case, Checkpoint } from "../api/types";
import { Desk } from "../desk/desk";
import { useKeyboard } from "../keys/keyboard";
import { aCase, aCheckpoint, aMe, aView, type Asked, browser, serve, show } from "../screens/stand_in";
import { DeskContext } from "./context";
import { Inbox } from "./inbox";

browser();
vi.setConfig({ testTimeout: 20_000 });

const IDS = ["a", "b", "c"];
let cases: Map<string, Case>;
let asked: Asked[];
let more: Record<string, unknown>;

/** The inbox over a server with three cases, once the first may be ruled on. */
async function inbox(checkpoint: Partial<Checkpoint> = {}): Promise<Desk> {
  cases = new Map(IDS.map((id) => [id, aCase({ id, title: `Case ${id}` })]));
  const change = (id: string, to: Partial<Case>) => {
    const after = { ...(cases.get(id) as Case), ...to };
    cases.set(id, after);
    return after;
  };
  const answers: Record<string, unknown> = {
    "GET /queue": () => ({ items: [...cases.values()].filter(({ state }) => state === "waiting"), after: null }),
    "POST /claims": () => [],
    "GET /checkpoints/refund/labels": { items: [] },
  };
  for (const id of IDS) {
    answers[`GET /cases/${id}`] = () => ({ ...aView(), checkpoint: aCheckpoint(checkpoint), case: cases.get(id) });
    answers[`GET /cases/${id}/similar`] = { items: [] };
    answers[`GET /cases/${id}/history`] = { entries: [], notes: [], contents: [], routings: [], attempts: [], verdicts: [], votes: [] };
    answers[`POST /cases/${id}/verdict`] = () => change(id, { state: "held" });
    answers[`POST /cases/${id}/recall`] = () => change(id, { state: "waiting" });
    answers[`POST /cases/${id}/snooze`] = () => change(id, { snoozed_until: "2026-03-28T13:00:00Z" });
  }
  asked = serve({ ...answers, ...more });
  const desk = new Desk(aMe());
  function Screen() {
    useKeyboard();
    return <Inbox />;
  }
  show(
    <DeskContext value={desk}>
      <Screen />
    </DeskContext>,
  );
  await onScreen(desk, "a");
  return desk;
}

const onScreen = (desk: Desk, id: string) =>
  waitFor(() => expect([desk.snapshot().sitting.current, desk.settledOnScreen]).toEqual([id, true]), { timeout: 5000 });
const ruledOn = () => asked.flatMap(({ path }) => /^\/cases\/(.)\/verdict$/.exec(path)?.[1] ?? []);
const button = (name: RegExp) => screen.getByRole("button", { name });

beforeEach(() => {
  localStorage.clear();
  more = {};
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
  HTMLElement.prototype.scrollTo = () => undefined;
  vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }));
});

test("a double click approves one case, however slow it is", async () => {
  const desk = await inbox();
  fireEvent.click(button(/^Approve/), { detail: 1 });
  await onScreen(desk, "b");
  fireEvent.click(button(/^Approve/), { detail: 2 });
  expect(desk.snapshot().sitting.current).toBe("b");
  fireEvent.click(button(/^Approve/), { detail: 1 });
  await onScreen(desk, "c");
  await waitFor(() => expect(ruledOn()).toEqual(["a", "b"]));
});

test("a double click asks whether a final verdict is meant, and does not answer", async () => {
  const desk = await inbox({ undo_s: 0 });
  fireEvent.click(button(/^Approve/), { detail: 1 });
  await screen.findByRole("alertdialog");
  fireEvent.click(button(/^Approve/), { detail: 2 });
  expect(desk.snapshot().confirming).not.toBeNull();
  fireEvent.click(button(/^Approve/), { detail: 1 });
  await waitFor(() => expect(ruledOn()).toEqual(["a"]));
});


test("a dialog goes on about the case it was opened on, whatever comes on screen behind it", async () => {
  const desk = await inbox();
  fireEvent.keyDown(document.body, { key: "s" });
  const choice = await screen.findByRole("button", { name: /1 hour/ });
  act(() => desk.go("b"));
  fireEvent.click(choice);
  await waitFor(() => expect(asked.flatMap(({ path }) => (path.endsWith("/snooze") ? [path] : []))).toEqual(["/cases/a/snooze"]));
});

test("without a clipboard the link is shown, to be copied by hand", async () => {
  const desk = await inbox();
  fireEvent.keyDown(document.body, { key: "c" });
  expect(desk.snapshot().notice?.text).toBe(`${window.location.origin}/cases/a`);
});

test("the seconds that are left are not read out one by one", async () => {
  const desk = await inbox();
  act(() => desk.approve());
  await waitFor(() => expect(ruledOn()).toEqual(["a"]));
  act(() => desk.go("a"));
  const seconds = await screen.findByText(/it takes effect in/);
  expect(seconds.closest("[role=status], [aria-live]")).toBeNull();
});

test("an edit that was made on a draft before this one says so", async () => {
  const desk = await inbox();
  act(() => desk.draft("a", { cents: 5 }));
  await screen.findByText("There is an edit of yours that was not sent.");
  cases.set("a", { ...(cases.get("a") as Case), revision: 2, content_hash: "b".repeat(64) });
  await act(() => desk.retake("a"));
  await screen.findByText(/made on a draft before this one/);
});

test("a dialog that closes late does not close the next one", async () => {
  await inbox();
  fireEvent.keyDown(document.body, { key: "s" });
  const first = await screen.findByRole<HTMLDialogElement>("dialog");
  act(() => {
    // The browser has closed it and will say so in a moment; by then the next key is there.
    first.removeAttribute("open");
    fireEvent.keyDown(document.body, { key: "f" });
    first.dispatchEvent(new Event("close"));
  });
  await screen.findByRole("dialog", { name: "Hand over" });
});

test("keys are the page's from the moment a dialog closes, though the focus is in it still", async () => {
  const desk = await inbox();
  fireEvent.keyDown(document.body, { key: "f" });
  const dialog = await screen.findByRole<HTMLDialogElement>("dialog", { name: "Hand over" });
  const field = dialog.querySelector("input") as HTMLInputElement;
  act(() => void fireEvent.keyDown(field, { key: "j" }));
  expect(desk.snapshot().sitting.current).toBe("a");
  act(() => {
    dialog.removeAttribute("open");
    fireEvent.keyDown(field, { key: "j" });
  });
  expect(desk.snapshot().sitting.current).toBe("b");
});
