import { act, cleanup, fireEvent, screen, waitFor, within } from "@testing-library/react";
import axe from "axe-core";
import { afterEach, describe, expect, test, vi } from "vitest";

import { aCheckpoint, browser, Refused, serve, show } from "../screens/stand_in";
import { COMMANDS, type Command } from "./commands";
import { Help } from "./help";
import { keyboard, useCommands, useKeyboard } from "./keyboard";
import KeysPage from "./keys_page";
import { Palette } from "./palette";

browser();
vi.setConfig({ testTimeout: 60_000 }); // axe takes its time on a busy machine

let done: string[] = [];

afterEach(() => {
  done = [];
  cleanup();
  keyboard.change({});
});

const CHECKPOINTS = [aCheckpoint(), aCheckpoint({ name: "send_reply" })];

function Behind({ commands }: { commands: Command[] }) {
  useKeyboard();
  useCommands(Object.fromEntries(commands.map((name) => [name, () => void done.push(name)])));
  return null;
}

const press = (key: string, init: KeyboardEventInit = {}) =>
  fireEvent.keyDown(document.activeElement ?? document.body, { key, code: `Key${key.toUpperCase()}`, ...init });

/** What axe finds; jsdom computes no colours and has no top layer. */
async function found(): Promise<string[]> {
  const { violations } = await axe.run(document.body, {
    rules: { "color-contrast": { enabled: false }, region: { enabled: false }, "page-has-heading-one": { enabled: false } },
  });
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}

describe("the palette", () => {
  const open = (commands: Command[] = ["next", "approve", "go_done", "palette"], answers: Record<string, unknown> = {}) => {
    const onClose = vi.fn();
    serve({ "GET /checkpoints": CHECKPOINTS, ...answers });
    show(<Behind commands={commands} />);
    return { onClose, ...show(<Palette onClose={onClose} />) };
  };
  const names = () => screen.queryAllByRole("option").map((option) => option.firstElementChild?.textContent);
  const chosen = () => screen.getByRole("option", { selected: true }).firstElementChild?.textContent;
  const field = () => screen.getByRole("combobox");
  const write = (value: string) => fireEvent.change(field(), { target: { value } });

  test("shows what this screen can do, with its keys, and every queue", async () => {
    keyboard.change({ approve: ["y"] });
    open();
    await screen.findByText("Send reply");
    expect(names()).toEqual(["Next case", "Approve", "Decided cases", "Refund", "Send reply"]);
    const [next, approve, decided] = screen.getAllByRole("option");
    expect(within(next as HTMLElement).getAllByText(/^[j↓]$/)).toHaveLength(2);
    expect(approve?.textContent).toContain("y");
    expect(decided?.textContent).toContain("g then d");
    expect(document.activeElement).toBe(field());
    expect(await found()).toEqual([]);
  });

  test("finds by any words of the name or the group, and says when there is nothing", async () => {
    open();
    await screen.findByText("Send reply");
    write("REP  se");
    expect(names()).toEqual(["Send reply"]);
    write("queue");
    expect(names()).toEqual(["Refund", "Send reply"]);
    write("nothing like it");
    expect(names()).toEqual([]);
    expect(screen.getByRole("status").textContent).toContain("Nothing here is called that.");
    expect(field().getAttribute("aria-expanded")).toBe("false");
    expect(await found()).toEqual([]);
    press("Enter");
    expect(done).toEqual([]);
  });

  test("is worked by arrows and Enter; the screen reader is told which one it is on", async () => {
    const { onClose } = open();
    await screen.findByText("Send reply");
    press("ArrowDown");
    expect(chosen()).toBe("Approve");
    expect(field().getAttribute("aria-activedescendant")).toBe(screen.getByRole("option", { selected: true }).id);
    press("ArrowUp");
    press("ArrowUp");
    expect(chosen()).toBe("Send reply");
    press("ArrowDown");
    press("ArrowDown");
    press("Enter", { repeat: true });
    expect(onClose).not.toHaveBeenCalled();
    press("Enter");
    expect(onClose).toHaveBeenCalledOnce();
    await waitFor(() => expect(done).toEqual(["approve"]));
  });

  test("leads to a queue", async () => {
    const { location, onClose } = open([], { "GET /checkpoints": [aCheckpoint({ name: "a&b c" })] });
    await screen.findByText("A&b c");
    press("Enter");
    await waitFor(() => expect(location.history.at(-1)).toBe("/?checkpoint=a%26b%20c"));
    expect(onClose).toHaveBeenCalledOnce();
  });

  test("goes on from the first when what is typed changes", async () => {
    open();
    await screen.findByText("Send reply");
    press("ArrowDown");
    press("ArrowDown");
    write("e");
    expect(chosen()).toBe("Next case");
  });

  test("takes a click", async () => {
    open();
    fireEvent.click(screen.getByText("Decided cases"));
    await waitFor(() => expect(done).toEqual(["go_done"]));
  });

  test("leaves Enter to a word that is being composed", () => {
    const { onClose } = open();
    fireEvent.keyDown(field(), { key: "Enter", isComposing: true });
    expect(onClose).not.toHaveBeenCalled();
  });

  test("is left with Esc, as the browser closes a dialog", () => {
    const { onClose } = open();
    act(() => screen.getByRole<HTMLDialogElement>("dialog").close());
    expect([onClose.mock.calls.length, done]).toEqual([1, []]);
  });

  test("works without the queues, and says so", async () => {
    open(["next"], { "GET /checkpoints": new Refused(500, { detail: "The ledger is broken.", code: "ledger_broken" }) });
    await waitFor(() => expect(screen.getByRole("status").textContent).toContain("The queues could not be read. The ledger is broken."));
    expect(names()).toEqual(["Next case"]);
  });
});

describe("the help", () => {
  test("has every command with the keys it has now, and the rules", async () => {
    keyboard.change({ approve: ["y"], snooze: [] });
    const onClose = vi.fn();
    show(<Help onClose={onClose} />);
    for (const { name } of Object.values(COMMANDS)) expect(screen.getAllByText(name).length).toBeGreaterThan(0);
    expect(screen.getByText("Approve").parentElement?.textContent).toBe("Approvey");
    expect(screen.getByText("Snooze").parentElement?.textContent).toBe("Snoozenone");
    expect(screen.getByText("Verdict keys ignore a held key and the first quarter of a second of a case.")).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Change keys" })).toBeNull();
    expect(await found()).toEqual([]);
    fireEvent.click(screen.getByRole("button", { name: "Close" }));
    expect(onClose).toHaveBeenCalledOnce();
  });

  test("leads to the page on which keys are changed", async () => {
    const onClose = vi.fn();
    show(<Behind commands={["go_keys"]} />);
    show(<Help onClose={onClose} />);
    fireEvent.click(screen.getByRole("button", { name: "Change keys" }));
    expect(onClose).toHaveBeenCalledOnce();
    await waitFor(() => expect(done).toEqual(["go_keys"]));
  });
});

describe("changing keys", () => {
  const open = () => {
    show(
      <>
        <Behind commands={["approve", "reject", "snooze"]} />
        <KeysPage />
      </>,
    );
  };
  const button = (name: string) => screen.getByRole("button", { name });
  const begin = (name: string) => {
    button(`Change ${name}`).focus();
    fireEvent.click(button(`Change ${name}`));
  };
  const said = () => screen.getByRole("status").textContent;
  const keysOf = (name: string) => screen.getByRole("rowheader", { name }).nextElementSibling?.textContent;

  test("shows each command with its keys", async () => {
    open();
    expect(screen.getAllByRole("rowheader").map((cell) => cell.textContent)).toEqual(
      expect.arrayContaining(Object.values(COMMANDS).map(({ name }) => name)),
    );
    expect(keysOf("Next case")).toBe("j or ↓");
    expect(await found()).toEqual([]);
  });

  test("takes the next press, which counts from then on and does nothing now", async () => {
    open();
    begin("Approve");
    expect(said()).toContain("Press the new key for Approve");
    press("s");
    expect([done, keysOf("Approve"), said()]).toEqual([[], "s …", expect.stringContaining("press Enter to keep it")]);
    press("Escape");
    begin("Approve");
    press("y");
    press("Enter");
    expect([keysOf("Approve"), said()]).toEqual(["y", "Approve is y now."]);
    expect(keyboard.changes).toEqual({ approve: ["y"] });
    expect(document.activeElement).toBe(button("Change Approve"));
    press("y");
    expect(done).toEqual(["approve"]);
    expect(await found()).toEqual([]);
  });

  test("takes two presses", () => {
    open();
    begin("Snooze");
    press("z");
    press("z", { repeat: true });
    press("s");
    expect(keyboard.changes).toEqual({ snooze: ["z s"] });
    expect(keysOf("Snooze")).toBe("z then s");
  });

  test("keeps by a button too, and the second key of a command stays", () => {
    open();
    begin("Next case");
    press("m");
    fireEvent.click(button("Keep m"));
    expect(keyboard.changes).toEqual({ next: ["m", "ArrowDown"] });
    begin("Next case");
    press("ArrowDown", { code: "ArrowDown" });
    press("Enter");
    expect(keyboard.changes).toEqual({ next: ["ArrowDown"] });
  });

  test("the first key again is no change", () => {
    open();
    begin("Approve");
    press("a");
    press("Enter");
    expect(keyboard.changes).toEqual({});
  });

  test.each([
    ["Escape", (): unknown => press("Escape")],
    ["the button", (): unknown => fireEvent.click(button("Leave Approve"))],
  ])("%s leaves it as it is", (_, leave) => {
    open();
    begin("Approve");
    press("y");
    leave();
    expect([keyboard.changes, keysOf("Approve"), said()]).toEqual([{}, "a", "Nothing was changed."]);
    press("a");
    expect(done).toEqual(["approve"]);
  });

  test("a key that is another's is refused with both named, and one can try again", () => {
    open();
    begin("Snooze");
    press("a");
    press("Enter");
    expect(said()).toBe("Not changed: a would belong to “Approve” and “Snooze”. Choose another key.");
    expect([keyboard.changes, keysOf("Snooze")]).toEqual([{}, "…"]);
    press("z");
    press("Enter");
    expect(keyboard.changes).toEqual({ snooze: ["z"] });
  });

  test("so is one that begins another's two", () => {
    open();
    begin("Approve");
    press("g");
    press("Enter");
    expect(said()).toMatch(/^Not changed: g would belong to “Approve”.*“Inbox”/);
    begin("Snooze");
    press("a");
    press("s");
    expect(said()).toContain("“Approve” and “Snooze”");
    expect(keyboard.changes).toEqual({});
  });

  test.each([
    ["1", "Digit1", "Digits choose"],
    ["Enter", "Enter", "Enter confirms"],
    ["Tab", "Tab", "Tab moves"],
  ])("%s is no key for a command", (key, code, words) => {
    open();
    begin("Approve");
    press(key, { code });
    expect([said(), keyboard.changes]).toEqual([expect.stringContaining(words), {}]);
    expect(keysOf("Approve")).toBe("…");
  });

  test("puts one back, and all", () => {
    keyboard.change({ approve: ["y"], snooze: ["z"], reject: ["w"] });
    open();
    fireEvent.click(button("Put back Approve"));
    expect([keysOf("Approve"), said()]).toEqual(["a", "Approve has its first keys again."]);
    expect(document.activeElement).toBe(button("Change Approve"));
    expect(keyboard.changes).toEqual({ snooze: ["z"], reject: ["w"] });
    fireEvent.click(button("Put all back"));
    expect([keyboard.changes, localStorage.length]).toEqual([{}, 0]);
    expect(button("Put all back")).toHaveProperty("disabled", true);
  });

  test("does not put one back onto a key that was given away", () => {
    keyboard.change({ approve: ["y"], snooze: ["a"] });
    open();
    fireEvent.click(button("Put back Approve"));
    expect(said()).toContain("a would belong to “Approve” and “Snooze”");
    expect(keyboard.changes).toEqual({ approve: ["y"], snooze: ["a"] });
  });

  test("says so when the browser keeps nothing", () => {
    open();
    vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    begin("Approve");
    press("y");
    press("Enter");
    expect([said(), keyboard.changes]).toEqual([expect.stringContaining("until this page closes"), { approve: ["y"] }]);
  });
});
