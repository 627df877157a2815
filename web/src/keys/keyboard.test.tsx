import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { Command } from "./commands";
import { type Handlers, keyboard, OnItsWay, type Other, useCommands, useKeyboard, useKeymap } from "./keyboard";

let done: string[];
let at = 100_000;
let ready: boolean;

const CODES: Record<string, string> = { " ": "Space", Enter: "Enter", "1": "Digit1", "/": "Slash" };

interface Press extends KeyboardEventInit {
  /** Milliseconds after the last press or release. */
  after?: number;
  target?: Element;
}

function send(kind: "keydown" | "keyup", key: string, { after = 300, target = document.body, ...init }: Press = {}): KeyboardEvent {
  const code = CODES[key] ?? `Key${key.toUpperCase()}`;
  const event = new KeyboardEvent(kind, { key, code, bubbles: true, cancelable: true, ...init });
  at += after;
  Object.defineProperty(event, "timeStamp", { value: at });
  target.dispatchEvent(event);
  return event;
}

const press = (key: string, init?: Press) => send("keydown", key, init);
const release = (key: string, init?: Press) => send("keyup", key, init);

const COMMANDS_HERE = ["next", "approve", "approve_edited", "reject", "difference", "go_inbox", "go_done", "search", "palette"] as const;

function Screen({ other, handlers }: { other?: Other; handlers?: Handlers }) {
  useKeyboard();
  const all = Object.fromEntries(COMMANDS_HERE.map((name) => [name, () => void done.push(name)]));
  useCommands(handlers ?? all, { mayRule: () => ready, ...(other && { other }) });
  return (
    <>
      <button type="button">Reject</button>
      <input aria-label="Search" />
      <input type="checkbox" aria-label="All" />
      <textarea aria-label="Note" />
      <select aria-label="Of">
        <option>any</option>
      </select>
      <Shown of="approve" />
    </>
  );
}

function Shown({ of }: { of: Command }) {
  return <kbd>{useKeymap()[of].join(", ")}</kbd>;
}

beforeEach(() => {
  done = [];
  ready = true;
  at += 10_000;
  localStorage.clear();
});

afterEach(() => {
  cleanup();
  keyboard.change({});
});

test("a key does its command, and nothing else with it", () => {
  render(<Screen />);
  expect(press("a").defaultPrevented).toBe(true);
  press("j");
  expect(press("q").defaultPrevented).toBe(false);
  expect(done).toEqual(["approve", "next"]);
});

test("a command that this screen has not leaves its key to the browser", () => {
  render(<Screen handlers={{ next: () => void done.push("next") }} />);
  expect(press("a").defaultPrevented).toBe(false);
  expect([keyboard.can("next"), keyboard.can("approve"), done]).toEqual([true, false, []]);
});

test("once the screen is gone nothing is heard", () => {
  render(<Screen />);
  cleanup();
  press("a");
  expect([done, keyboard.can("approve"), keyboard.run("approve")]).toEqual([[], false, false]);
});

test("what is in front answers first, what lies behind answers the rest", () => {
  render(<Screen />);
  render(<Front />);
  press("a");
  press("r");
  expect(done).toEqual(["in front", "reject"]);

  function Front() {
    useCommands({ approve: () => void done.push("in front") });
    return null;
  }
});

test("the newest answer counts", () => {
  const { rerender } = render(<Screen handlers={{ approve: () => void done.push("old") }} />);
  rerender(<Screen handlers={{ approve: () => void done.push("new") }} />);
  press("a");
  expect(done).toEqual(["new"]);
});

describe("a held key", () => {
  test("moves, and never rules: the browser says that it repeats", () => {
    render(<Screen />);
    press("j");
    press("j", { repeat: true, after: 30 });
    press("a", { repeat: true });
    press("r", { repeat: true, after: 600 });
    expect(done).toEqual(["next", "next"]);
  });

  test("takes one verdict back, and switches what it switches once", () => {
    const handlers = { undo: () => void done.push("undo"), select: () => void done.push("select") };
    render(<Screen handlers={handlers} />);
    for (const key of ["u", "x"]) {
      press(key);
      press(key, { repeat: true, after: 500 });
      expect(press(key, { repeat: true, after: 33 }).defaultPrevented).toBe(true);
    }
    expect(done).toEqual(["undo", "select"]);
  });

  test("never rules where each repeat is reported as release and press", () => {
    render(<Screen />);
    press("a");
    for (let time = 0; time < 20; time++) {
      release("a", { after: 33 });
      press("a", { after: 0 });
    }
    release("a", { after: 30 });
    press("a", { after: 44 });
    expect(done).toEqual(["approve"]);
  });

  test("is none if the finger was up for longer, or it is another key", () => {
    render(<Screen />);
    press("a");
    release("a", { after: 60 });
    press("a", { after: 45 });
    release("a", { after: 60 });
    press("r", { after: 1 });
    expect(done).toEqual(["approve", "approve", "reject"]);
  });

  test("does not press the button that has the focus again and again", () => {
    render(<Screen />);
    const target = screen.getByRole("button");
    expect(press("Enter", { target }).defaultPrevented).toBe(false);
    expect(press("Enter", { target, repeat: true, after: 30 }).defaultPrevented).toBe(true);
    release("Enter", { target });
    expect(press("Enter", { target, after: 20 }).defaultPrevented).toBe(true);
  });
});

describe("while the case is too new on screen", () => {
  beforeEach(() => {
    ready = false;
    render(<Screen />);
  });

  test("no key rules; others work", () => {
    expect(press("a").defaultPrevented).toBe(true);
    press("r");
    press("Enter", { ctrlKey: true });
    press("j");
    expect(done).toEqual(["next"]);
    ready = true;
    press("a");
    expect(done).toEqual(["next", "approve"]);
  });

  test("neither does a button: the second click of a double click is meant for the case before", () => {
    expect([keyboard.run("approve"), keyboard.run("next")]).toEqual([false, true]);
    ready = true;
    expect(keyboard.run("approve")).toBe(true);
    expect(done).toEqual(["next", "approve"]);
  });
});

describe("while somebody writes", () => {
  test.each(["Search", "Note", "Of"])("in %s, letters are letters", (label) => {
    render(<Screen />);
    const target = screen.getByLabelText(label);
    for (const key of ["a", "r", "j", "g", "i", "/", "1", "Enter"]) expect(press(key, { target }).defaultPrevented).toBe(false);
    expect(done).toEqual([]);
  });

  test("Ctrl and a key is a command there too, unless the screen has none", () => {
    render(<Screen />);
    const target = screen.getByLabelText("Note");
    expect(press("Enter", { target, ctrlKey: true }).defaultPrevented).toBe(true);
    expect(press("k", { target, metaKey: true }).defaultPrevented).toBe(true);
    expect(press("b", { target, ctrlKey: true }).defaultPrevented).toBe(false);
    expect(done).toEqual(["approve_edited", "palette"]);
  });

  test("a held Ctrl+Enter rules once, and not too early", () => {
    render(<Screen />);
    const target = screen.getByLabelText("Note");
    press("Enter", { target, ctrlKey: true, repeat: true });
    ready = false;
    press("Enter", { target, ctrlKey: true });
    expect(done).toEqual([]);
  });

  test("composing a word is no command, anywhere", () => {
    render(<Screen />);
    press("a", { isComposing: true });
    press("a", { keyCode: 229 });
    press("Process");
    expect(done).toEqual([]);
  });

  test("a box that is ticked is no place to write", () => {
    render(<Screen />);
    press("a", { target: screen.getByLabelText("All") });
    expect(done).toEqual(["approve"]);
  });
});

describe("two keys, one after the other", () => {
  test("are one command", () => {
    render(<Screen />);
    press("g");
    press("i");
    press("g");
    press("d", { after: 1100 });
    expect(done).toEqual(["go_inbox", "go_done"]);
  });

  test("are two when the second comes late", () => {
    render(<Screen />);
    press("g");
    press("d", { after: 1300 });
    expect(done).toEqual(["difference"]);
  });

  test("that go with nothing never rule; the next key does", () => {
    render(<Screen />);
    press("g");
    press("a");
    expect(done).toEqual([]);
    press("a");
    expect(done).toEqual(["approve"]);
  });

  test("may have Shift or Ctrl alone between them", () => {
    render(<Screen />);
    press("g");
    press("Shift", { shiftKey: true });
    press("i");
    expect(done).toEqual(["go_inbox"]);
  });

  test("do not begin in a field", () => {
    render(<Screen />);
    press("g", { target: screen.getByLabelText("Search") });
    press("d");
    expect(done).toEqual(["difference"]);
  });
});

test.each([
  ["Russian", "ф", "KeyA", "approve"],
  ["Greek", "ξ", "KeyJ", "next"],
  ["Dvorak", "a", "KeyA", "approve"],
  ["French, where a is at the place of q", "a", "KeyQ", "approve"],
])("on a %s keyboard", (_, key, code, command) => {
  render(<Screen />);
  press(key, { code });
  expect(done).toEqual([command]);
});

test("keys with Alt belong to the system", () => {
  render(<Screen />);
  expect(press("a", { altKey: true }).defaultPrevented).toBe(false);
  expect(done).toEqual([]);
});

test("while a dialog is on its way, what is typed ahead does nothing", () => {
  render(<Screen />);
  const left = vi.fn();
  const { unmount } = render(<OnItsWay onClose={left} />);
  for (const key of ["a", "r", "j"]) expect(press(key).defaultPrevented).toBe(true);
  expect(press("Tab").defaultPrevented).toBe(false);
  expect(done).toEqual([]);
  expect(left).not.toHaveBeenCalled();
  press("Escape");
  expect(left).toHaveBeenCalledOnce();
  unmount();
  press("a");
  expect(done).toEqual(["approve"]);
});

test("a dialog in front has the keyboard to itself", () => {
  render(<Screen />);
  // jsdom draws no top layer: it takes a dialog that is open and modal by its selector alone.
  const asked = document.querySelector.bind(document);
  const dialog = document.createElement("dialog");
  document.querySelector = (selector: string) => (selector === "dialog:modal" ? dialog : asked(selector));
  press("a");
  press("k", { ctrlKey: true });
  document.querySelector = asked;
  expect(done).toEqual([]);
  press("a");
  expect(done).toEqual(["approve"]);
});

test("what another listener took is not taken twice", () => {
  render(<Screen />);
  const target = screen.getByRole("button");
  target.addEventListener("keydown", (event) => event.preventDefault());
  press("a", { target });
  expect(done).toEqual([]);
});

describe("changed keys", () => {
  test("count at once, are shown, and free the old one", () => {
    render(<Screen />);
    keyboard.change({ approve: ["y"], go_inbox: ["h h"] });
    press("a");
    press("y");
    press("h");
    press("h");
    expect(done).toEqual(["approve", "go_inbox"]);
    expect(keyboard.changes).toEqual({ approve: ["y"], go_inbox: ["h h"] });
    expect(localStorage.getItem("signoff.keys")).toContain("h h");
  });

  test("Enter on a button presses that button, whatever command it is", () => {
    keyboard.change({ approve: ["Enter"], next: ["Space"] });
    render(<Screen />);
    const target = screen.getByRole("button");
    expect(press("Enter", { target }).defaultPrevented).toBe(false);
    expect(press(" ", { target }).defaultPrevented).toBe(false);
    expect(done).toEqual([]);
    press("Enter");
    press(" ");
    expect(done).toEqual(["approve", "next"]);
  });
});

describe("keys that are no commands", () => {
  const other: Other = (key) => {
    done.push(key);
    return key !== "z";
  };

  test("go to the screen, which takes them or leaves them", () => {
    render(<Screen other={other} />);
    expect(press("1").defaultPrevented).toBe(true);
    expect(press("z").defaultPrevented).toBe(false);
    expect(done).toEqual(["1", "z"]);
  });

  test("held or too early they do nothing, but Esc always leaves", () => {
    render(<Screen other={other} />);
    press("1", { repeat: true });
    press("Enter", { repeat: true });
    ready = false;
    press("1");
    press("Escape");
    press("Escape", { repeat: true });
    expect(done).toEqual(["Escape", "Escape"]);
  });

  test("Enter is the button's that has the focus", () => {
    render(<Screen other={other} />);
    press("Enter", { target: screen.getByRole("button") });
    press("Enter");
    expect(done).toEqual(["Enter"]);
  });
});
