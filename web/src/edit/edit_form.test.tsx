import { act, cleanup, fireEvent, render, screen, within } from "@testing-library/react";
import axe from "axe-core";
import { useState } from "react";
import { afterEach, describe, expect, test, vi } from "vitest";

import type { Arguments, CaseView, Schema } from "../api/types";
import { EditForm } from "./edit_form";

afterEach(cleanup);

let cases = 0;

/** A case of its own each time, since what is left unfinished is kept by case. */
function viewOf(schema: Schema | undefined, proposed: Arguments): CaseView {
  const id = `0198-${++cases}`;
  return {
    case: { id, checkpoint: "send_reply", title: "Charged twice" } as CaseView["case"],
    checkpoint: { name: "send_reply", arguments_schema: schema } as unknown as CaseView["checkpoint"],
    content: { case_id: id, revision: 1, arguments: proposed, author: "ai", alternatives: [] },
    evidence: {},
    routing: null,
    withheld: false,
  };
}

const REPLY: Schema = {
  type: "object",
  additionalProperties: false,
  required: ["to", "body", "amount", "days", "urgent", "tone", "cc", "note", "due", "address"],
  properties: {
    to: { type: "string", title: "To", format: "email" },
    body: { type: "string", title: "Body", minLength: 1, maxLength: 2_000_000 },
    amount: {
      title: "Amount",
      anyOf: [{ type: "number" }, { type: "string", pattern: "^(?!^[-+.]*$)[+-]?0*\\d*\\.?\\d*$" }],
    },
    days: { type: "integer", title: "Days", minimum: 0 },
    urgent: { type: "boolean", title: "Urgent" },
    tone: { $ref: "#/$defs/Tone" },
    cc: { type: "array", title: "Cc", items: { type: "string" } },
    note: { title: "Note", anyOf: [{ type: "string" }, { type: "null" }], description: "Seen by colleagues only." },
    due: { type: "string", format: "date", title: "Due" },
    address: { $ref: "#/$defs/Address" },
  },
  $defs: {
    Tone: { type: "string", enum: ["warm", "plain"], title: "Tone" },
    Address: {
      type: "object",
      title: "Address",
      required: ["city"],
      properties: { city: { type: "string", title: "City" }, zip: { type: "string", title: "Zip" } },
    },
  },
};

const PROPOSED: Arguments = {
  to: "ada@example.org",
  body: "Hello Ada,\nwe refund 40.00 today.",
  amount: "40.00",
  days: 3,
  urgent: false,
  tone: "warm",
  cc: ["bob@example.org"],
  note: null,
  due: "2026-10-03",
  address: { city: "Paris", zip: "75001" },
};

function shown(view: CaseView, draft: Arguments | null = null) {
  const onChange = vi.fn<(draft: Arguments, problems: string[]) => void>();
  const onApprove = vi.fn();
  const onCancel = vi.fn();
  function Host() {
    const [kept, setKept] = useState(draft);
    return (
      <EditForm
        view={view}
        draft={kept}
        onChange={(now, problems) => {
          setKept(now);
          onChange(now, problems);
        }}
        onApprove={onApprove}
        onCancel={onCancel}
      />
    );
  }
  const drawn = render(<Host />);
  return { ...drawn, onChange, onApprove, onCancel, last: () => onChange.mock.lastCall as [Arguments, string[]] };
}

function type(element: HTMLElement, value: string) {
  act(() => void fireEvent.change(element, { target: { value } }));
}

const field = (name: string | RegExp) => screen.getByLabelText<HTMLInputElement>(name);
const press = (element: Element, key: string, more: object = {}) => fireEvent.keyDown(element, { key, ...more });

describe("the form", () => {
  test("draws one control for each argument, and says nothing before anything is typed", () => {
    const { onChange } = shown(viewOf(REPLY, PROPOSED));
    expect(field("To").value).toBe("ada@example.org");
    expect(field("Body").tagName).toBe("TEXTAREA");
    expect(field("Amount").value).toBe("40.00");
    expect(field("Days").value).toBe("3");
    expect(field("Urgent").checked).toBe(false);
    expect(field("Tone").tagName).toBe("SELECT");
    expect(field("Due").type).toBe("date");
    expect(field(/^City/).value).toBe("Paris");
    expect(screen.getByRole("group", { name: "Cc" })).toBeDefined();
    expect(onChange).not.toHaveBeenCalled();
  });

  test("puts the cursor into the longest text", () => {
    shown(viewOf(REPLY, PROPOSED));
    expect(document.activeElement).toBe(field("Body"));
  });

  test("gives all arguments with every change, and nothing that was not typed", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    type(field("Body"), "Hello");
    expect(last()).toEqual([{ ...PROPOSED, body: "Hello" }, []]);
  });

  test("keeps money as the digits it was typed with", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    type(field("Amount"), "45.10");
    expect(last()[0].amount).toBe("45.10");
    type(field("Amount"), "45.1000000000000000000000001");
    expect(last()).toEqual([{ ...PROPOSED, amount: "45.1000000000000000000000001" }, []]);
  });

  test.each([
    ["7", 7, []],
    ["7.0", 7, []],
    ["-1", -1, ["Days: Too small: at least 0."]],
    ["7.5", 7.5, ["Days: Enter a whole number."]],
    ["7 days", "7 days", ["Days: Enter a whole number."]],
    ["", "", ["Days: Enter a whole number."]],
    ["9007199254740993", "9007199254740993", ["Days: Has more digits than a number carries exactly; shorten it."]],
    ["1,5", "1,5", ["Days: Enter a number with a point, such as 40.5."]],
  ])("takes %j as a number or keeps it as it stands", (text, value, problems) => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    type(field("Days"), text);
    expect(last()).toEqual([{ ...PROPOSED, days: value }, problems]);
    expect(field("Days").value).toBe(text);
  });

  test("ties an error to its field", () => {
    shown(viewOf(REPLY, PROPOSED));
    type(field("Days"), "many");
    const described = (field("Days").getAttribute("aria-describedby") ?? "").split(" ");
    expect(field("Days").getAttribute("aria-invalid")).toBe("true");
    expect(described.map((id) => document.getElementById(id)?.textContent).join()).toContain("Enter a whole number.");
  });

  test("has no value, and gives back the one before", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    const none = screen.getByRole("checkbox", { name: "No value for Note" });
    expect((none as HTMLInputElement).checked).toBe(true);
    fireEvent.click(none);
    expect(last()[0].note).toBe("");
    type(field("Note"), "Regular customer");
    fireEvent.click(none);
    expect(last()[0].note).toBeNull();
    fireEvent.click(none);
    expect(last()[0].note).toBe("Regular customer");
  });

  test("adds, fills and removes entries of a list", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    const cc = within(screen.getByRole("group", { name: "Cc" }));
    fireEvent.click(cc.getByRole("button", { name: "Add to Cc" }));
    expect(last()[0].cc).toEqual(["bob@example.org", ""]);
    type(cc.getAllByRole("textbox")[1] as HTMLElement, "eve@example.org");
    expect(last()[0].cc).toEqual(["bob@example.org", "eve@example.org"]);
    fireEvent.click(cc.getByRole("button", { name: "Move entry 2 up" }));
    expect(last()[0].cc).toEqual(["eve@example.org", "bob@example.org"]);
    fireEvent.click(cc.getByRole("button", { name: "Remove entry 1" }));
    expect(last()[0].cc).toEqual(["bob@example.org"]);
  });

  test("changes a choice, a yes, a day and a field within", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    fireEvent.change(field("Tone"), { target: { value: "1" } });
    fireEvent.click(field("Urgent"));
    type(field("Due"), "2026-12-01");
    type(field(/^Zip/), "75002");
    expect(last()).toEqual([
      { ...PROPOSED, tone: "plain", urgent: true, due: "2026-12-01", address: { city: "Paris", zip: "75002" } },
      [],
    ]);
  });

  test("keeps the line ends a text came with", () => {
    const { last } = shown(viewOf(REPLY, { ...PROPOSED, body: "one\r\ntwo" }));
    type(field("Body"), "one\ntwo\nthree");
    expect(last()[0].body).toBe("one\r\ntwo\r\nthree");
  });

  test("asks for an argument that was withheld", () => {
    const { last, onApprove } = shown(viewOf(REPLY, { ...PROPOSED, tone: undefined }));
    press(field("Body"), "Enter", { ctrlKey: true });
    expect(onApprove).not.toHaveBeenCalled();
    fireEvent.change(field("Tone"), { target: { value: "0" } });
    expect(last()[1]).toEqual([]);
    press(field("Body"), "Enter", { ctrlKey: true });
    expect(onApprove).toHaveBeenCalledOnce();
  });

  test("takes a megabyte, emoji and writing from the right", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    const text = "שלום 👩‍👩‍👧 ".repeat(70_000);
    type(field("Body"), text);
    expect(last()).toEqual([{ ...PROPOSED, body: text }, []]);
    expect(field("Body").getAttribute("dir")).toBe("auto");
  });

  test("starts from a draft and shows what it changes", () => {
    shown(viewOf(REPLY, PROPOSED), { ...PROPOSED, days: 5, body: "Hello Ada,\nwe refund 45.00 in the next days." });
    const changes = within(screen.getByRole("region", { name: "Your changes" }));
    expect(changes.getByText("45.00 in the next days", { exact: false }).tagName).toBe("INS");
    expect(changes.getByText("Days").closest("dt")?.nextElementSibling?.textContent).toBe("3 → 5");
    expect(changes.queryByText("Tone")).toBeNull();
  });

  test("passes the accessibility checks, with and without problems", async () => {
    const { container } = shown(viewOf(REPLY, PROPOSED));
    const violations = async () =>
      (await axe.run(container, { rules: { "color-contrast": { enabled: false } } })).violations.map((one) => one.id);
    expect(await violations()).toEqual([]);
    type(field("Days"), "x");
    press(field("Days"), "Enter", { ctrlKey: true });
    expect(await violations()).toEqual([]);
  });
});

describe("keys", () => {
  test("Ctrl+Enter and Cmd+Enter approve, Esc goes back", () => {
    const { onApprove, onCancel } = shown(viewOf(REPLY, PROPOSED));
    press(field("Body"), "Enter", { ctrlKey: true });
    press(field("Body"), "Enter", { metaKey: true });
    expect(onApprove).toHaveBeenCalledTimes(2);
    press(field("Body"), "Enter");
    press(field("Body"), "Enter", { ctrlKey: true, repeat: true });
    expect(onApprove).toHaveBeenCalledTimes(2);
    press(field("Body"), "Escape");
    expect(onCancel).toHaveBeenCalledOnce();
  });

  test("neither works while a word is being composed", () => {
    const { onApprove, onCancel } = shown(viewOf(REPLY, PROPOSED));
    for (const composing of [{ isComposing: true }, { keyCode: 229 }]) {
      press(field("Body"), "Enter", { ctrlKey: true, ...composing });
      press(field("Body"), "Escape", composing);
    }
    expect(onApprove).not.toHaveBeenCalled();
    expect(onCancel).not.toHaveBeenCalled();
  });

  test("what was handled here goes no further", () => {
    const heard = vi.fn();
    window.addEventListener("keydown", heard);
    shown(viewOf(REPLY, PROPOSED));
    press(field("Body"), "Enter", { ctrlKey: true });
    press(field("Body"), "Escape");
    expect(heard).not.toHaveBeenCalled();
    press(field("Body"), "x");
    expect(heard).toHaveBeenCalledOnce();
    window.removeEventListener("keydown", heard);
  });

  test("a refused approval lists what is wrong and leads there", () => {
    const { onApprove } = shown(viewOf(REPLY, PROPOSED));
    type(field("Days"), "x");
    type(field(/^City/), "");
    type(field("Body"), "");
    press(field("Body"), "Enter", { ctrlKey: true });
    expect(onApprove).not.toHaveBeenCalled();
    const list = screen.getByRole("group", { name: "Problems" });
    expect(document.activeElement).toBe(list);
    expect(list.textContent).toContain("Body: Must not be empty.");
    fireEvent.click(within(list).getByRole("link", { name: "Days" }));
    expect(document.activeElement).toBe(field("Days"));
    type(field("Days"), "4");
    expect(list.textContent).not.toContain("Days");
  });
});

describe("JSON", () => {
  const whole = () => screen.getByLabelText<HTMLTextAreaElement>(/as JSON$/);

  test("switches there and back and loses nothing", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    type(field("Days"), "12a");
    fireEvent.click(screen.getByRole("button", { name: "Edit as JSON" }));
    expect(JSON.parse(whole().value)).toEqual({ ...PROPOSED, days: "12a" });
    type(whole(), JSON.stringify({ ...PROPOSED, days: 12 }));
    expect(last()).toEqual([{ ...PROPOSED, days: 12 }, []]);
    fireEvent.click(screen.getByRole("button", { name: "Edit as a form" }));
    expect(field("Days").value).toBe("12");
  });

  test("keeps what cannot be read, does not approve it, and does not let go of it", () => {
    const view = viewOf(REPLY, PROPOSED);
    const { last, onApprove, unmount } = shown(view);
    fireEvent.click(screen.getByRole("button", { name: "Edit as JSON" }));
    type(whole(), '{"a": 1,\n "a": 2}');
    expect(last()).toEqual([
      PROPOSED,
      ["The arguments: Line 2, column 2: The key “a” is named twice; keep one of them."],
    ]);
    fireEvent.click(screen.getByRole("button", { name: "Edit as a form" }));
    expect(whole().value).toBe('{"a": 1,\n "a": 2}');
    press(whole(), "Enter", { ctrlKey: true });
    expect(onApprove).not.toHaveBeenCalled();
    unmount();
    shown(view);
    expect(whole().value).toBe('{"a": 1,\n "a": 2}');
  });

  test("takes only an object", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    fireEvent.click(screen.getByRole("button", { name: "Edit as JSON" }));
    type(whole(), "[1]");
    expect(last()).toEqual([PROPOSED, ["The arguments: The arguments are an object: { … }."]]);
  });

  test("checks against the schema", () => {
    const { last } = shown(viewOf(REPLY, PROPOSED));
    fireEvent.click(screen.getByRole("button", { name: "Edit as JSON" }));
    type(whole(), JSON.stringify({ ...PROPOSED, tone: "rude", extra: 1, address: {} }));
    expect(last()[1]).toEqual([
      "Tone: Choose one of warm, plain.",
      "Address, City: Is needed.",
      "The arguments: “extra” does not belong here; remove it.",
    ]);
  });

  test.each<[string, Schema | undefined, Arguments]>([
    ["no schema", undefined, { a: 1 }],
    ["a boolean schema", true as unknown as Schema, { a: 1 }],
    ["an argument the schema does not know", { type: "object", properties: { a: { type: "string" } } }, { a: "", b: 1 }],
    [
      "__proto__ within an argument",
      { type: "object", properties: { data: {} } },
      JSON.parse('{"data": [{"__proto__": {"x": 1}}]}') as Arguments,
    ],
    ["the argument __proto__", { type: "object", properties: {} }, JSON.parse('{"__proto__": {"x": 1}}') as Arguments],
    [
      "the parameter __proto__",
      JSON.parse('{"type": "object", "properties": {"__proto__": {"type": "string"}}}') as Schema,
      JSON.parse('{"__proto__": "x"}') as Arguments,
    ],
    ["patterns for names", { type: "object", properties: {}, patternProperties: { "^x": {} } }, {}],
  ])("is the way for %s", (_, schema, proposed) => {
    const { last } = shown(viewOf(schema, proposed));
    expect(JSON.parse(whole().value)).toEqual(proposed);
    expect(screen.queryByRole("button", { name: "Edit as a form" })).toBeNull();
    type(whole(), '{"__proto__": {"polluted": 1}, "a": "x"}');
    expect(Object.keys(last()[0])).toEqual(["__proto__", "a"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each<[string, Schema, unknown]>([
    ["alternatives without a type", { oneOf: [{ minLength: 1 }, { minimum: 1 }] }, "x"],
    ["alternatives that are objects", { anyOf: [{ type: "object" }, { type: "array" }] }, {}],
    ["an unknown type", { type: "money" }, 1],
    ["anything at all", {}, [1]],
    ["a boolean schema", true as unknown as Schema, 1],
    ["free names", { type: "object", additionalProperties: { type: "string" } }, { a: "b" }],
    ["a tuple", { type: "array", prefixItems: [{ type: "string" }] }, ["a"]],
    ["a broken reference", { $ref: "#/$defs/Nowhere" }, 1],
  ])("is one field within the form for %s", (_, part, value) => {
    const schema: Schema = { type: "object", properties: { body: { type: "string" }, part } };
    const { last, onApprove } = shown(viewOf(schema, { body: "x", part: value }));
    expect(JSON.parse(field(/^Part/).value)).toEqual(value);
    type(field(/^Part/), '{"a": ');
    expect(last()[0].part).toEqual(value);
    expect(last()[1][0]).toBe("Part: Line 1, column 7: A value belongs here, but the text ends.");
    press(field(/^Part/), "Enter", { ctrlKey: true });
    expect(onApprove).not.toHaveBeenCalled();
    expect(field(/^Part/).value).toBe('{"a": ');
    type(field(/^Part/), '{"a": 1}');
    expect(last()[0].part).toEqual({ a: 1 });
  });

  test("serves what of a schema refers to itself", () => {
    const schema: Schema = {
      type: "object",
      properties: { node: { $ref: "#/$defs/Node" } },
      $defs: {
        Node: {
          type: "object",
          properties: { name: { type: "string" }, inner: { type: "array", items: { $ref: "#/$defs/Node" } } },
        },
      },
    };
    const { last } = shown(viewOf(schema, { node: { name: "a", inner: [{ name: "b", inner: [] }] } }));
    expect(JSON.parse(field(/^Inner/).value)).toEqual([{ name: "b", inner: [] }]);
    type(field(/^Name/), "c");
    type(field(/^Inner/), '[{"name": 7}]');
    expect(last()).toEqual([{ node: { name: "c", inner: [{ name: 7 }] } }, ["Node, Inner, entry 1, Name: Must be text."]]);
  });

  test("draws what is nested to the deepest level that is taken", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(60)}1${"}".repeat(60)}`) as Arguments;
    const { last } = shown(viewOf({ type: "object", additionalProperties: true }, deep));
    expect(JSON.parse(whole().value)).toEqual(deep);
    type(whole(), "[".repeat(100_000));
    expect(last()[1][0]).toContain("Nested deeper than 64 levels");
  });
});
