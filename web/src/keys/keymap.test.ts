import { beforeEach, describe, expect, test } from "vitest";

import { COMMANDS, type Command } from "./commands";
import { conflicts, keymap, named, type Pressed, shown, storeChanges, storedChanges } from "./keymap";

const pressed = (change: Partial<Pressed>): Pressed => ({
  key: "a",
  code: "KeyA",
  shiftKey: false,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...change,
});

beforeEach(() => localStorage.clear());

describe("a key press is named", () => {
  test.each([
    ["a letter", {}, "a"],
    ["a letter with Shift", { key: "R", code: "KeyR", shiftKey: true }, "Shift+R"],
    ["a letter under Caps Lock", { key: "A" }, "a"],
    ["a letter with Shift under Caps Lock", { key: "r", code: "KeyR", shiftKey: true }, "Shift+R"],
    ["with Ctrl", { key: "k", code: "KeyK", ctrlKey: true }, "Ctrl+k"],
    ["with Cmd", { key: "k", code: "KeyK", metaKey: true }, "Ctrl+k"],
    ["with Ctrl and Shift", { key: "K", code: "KeyK", ctrlKey: true, shiftKey: true }, "Ctrl+Shift+K"],
    ["Ctrl+Enter", { key: "Enter", code: "Enter", ctrlKey: true }, "Ctrl+Enter"],
    ["an arrow with Shift", { key: "ArrowDown", code: "ArrowDown", shiftKey: true }, "Shift+ArrowDown"],
    ["a sign that needs Shift", { key: "?", code: "Slash", shiftKey: true }, "?"],
    ["a sign of a German keyboard", { key: "/", code: "Digit7", shiftKey: true }, "/"],
    ["a digit", { key: "1", code: "Digit1" }, "1"],
    ["a digit on a French keyboard", { key: "1", code: "Digit1", shiftKey: true }, "1"],
    ["Space", { key: " ", code: "Space" }, "Space"],
    ["Dvorak, by what is printed", { key: "j", code: "KeyC" }, "j"],
    ["Russian, by its place", { key: "ф", code: "KeyA" }, "a"],
    ["Russian with Shift", { key: "К", code: "KeyR", shiftKey: true }, "Shift+R"],
    ["Greek", { key: "ξ", code: "KeyJ" }, "j"],
    ["Hebrew", { key: "ח", code: "KeyJ" }, "j"],
    ["Arabic", { key: "ش", code: "KeyA" }, "a"],
    ["Arabic digits", { key: "٣", code: "Digit3" }, "3"],
    ["a German letter that is nowhere else", { key: "ö", code: "Semicolon" }, "ö"],
  ])("%s", (_, change, name) => {
    expect(named(pressed(change))).toBe(name);
  });

  test.each([
    ["Shift", { key: "Shift", shiftKey: true }],
    ["Ctrl", { key: "Control", ctrlKey: true }],
    ["a dead key", { key: "Dead" }],
    ["an input method at work", { key: "Process" }],
    ["Alt with a letter", { altKey: true }],
    ["AltGr, which Windows reports as Ctrl+Alt", { key: "@", code: "KeyQ", altKey: true, ctrlKey: true }],
  ])("but not %s", (_, change) => {
    expect(named(pressed(change))).toBeNull();
  });
});

test.each([
  ["j", "j"],
  ["ArrowDown", "↓"],
  ["Ctrl+Enter", "Ctrl+↵"],
  ["Ctrl+k", "Ctrl+k"],
  ["Shift+R", "Shift+R"],
  ["Shift+ArrowUp", "Shift+↑"],
  ["g i", "g then i"],
  ["Escape", "Esc"],
  ["Space", "Space"],
  ["Ctrl+Space", "Ctrl+Space"],
  ["?", "?"],
  ["+", "+"],
  ["Ctrl++", "Ctrl++"],
])("%s is shown as %s", (key, text) => {
  expect(shown(key)).toBe(text);
});

describe("conflicts", () => {
  test("there are none among the keys everybody begins with", () => {
    expect(conflicts(keymap({}))).toEqual([]);
  });

  test("two commands on one key are named with it", () => {
    expect(conflicts(keymap({ snooze: ["a"] }))).toEqual([{ key: "a", commands: ["approve", "snooze"] }]);
  });

  test("a key that begins another's two is one, for it would never be certain", () => {
    const [found] = conflicts(keymap({ approve: ["g"] }));
    expect(found?.key).toBe("g");
    expect(found?.commands).toContain("approve");
    expect(found?.commands).toContain("go_inbox");
    expect(conflicts(keymap({ approve: ["a"], go_inbox: ["a i"] }))[0]?.commands.sort()).toEqual(["approve", "go_inbox"]);
  });

  test("a key with and without Ctrl or Shift is two keys", () => {
    expect(conflicts(keymap({ approve: ["Shift+A"], snooze: ["Ctrl+a"] }))).toEqual([]);
  });
});

describe("changes", () => {
  const changes = { approve: ["y"], go_inbox: ["h h"], snooze: [] };

  test("are kept, and put over the keys there are", () => {
    storeChanges(changes);
    expect(storedChanges()).toEqual(changes);
    const keys = keymap(storedChanges());
    expect([keys.approve, keys.go_inbox, keys.snooze, keys.reject]).toEqual([["y"], ["h h"], [], ["r"]]);
    expect(Object.keys(keys)).toEqual(Object.keys(COMMANDS));
  });

  test("are gone when all are taken back", () => {
    storeChanges(changes);
    storeChanges({});
    expect(localStorage.length).toBe(0);
    expect(storedChanges()).toEqual({});
  });

  test.each([
    ["no JSON", "{"],
    ["null", "null"],
    ["a list", '["a"]'],
    ["keys that are none", '{"approve": "y", "reject": [1], "snooze": [""]}'],
    ["a command there is not", '{"delete_all": ["y"], "toString": ["z"]}'],
    ["two commands on one key", '{"approve": ["r"]}'],
  ])("that were stored as %s are left", (_, text) => {
    localStorage.setItem("signoff.keys", text);
    expect(storedChanges()).toEqual({});
  });

  test("of an older version leave the others in place", () => {
    localStorage.setItem("signoff.keys", '{"delete_all": ["y"], "approve": ["z"]}');
    expect(storedChanges()).toEqual({ approve: ["z"] });
  });
});

test("every command has a name and at least one key", () => {
  for (const command of Object.keys(COMMANDS) as Command[]) {
    expect(COMMANDS[command].name).not.toBe("");
    expect(COMMANDS[command].keys.length).toBeGreaterThan(0);
  }
});
