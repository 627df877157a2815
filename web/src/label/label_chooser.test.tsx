import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import axe from "axe-core";
import { afterEach, describe, expect, test, vi } from "vitest";

import type { CaseView } from "../api/types";
import { useKeyboard } from "../keys/keyboard";
import { matching, type Known, offers, sameLabel, tidied } from "./label_choice";
import { focusLabelField, LabelChooser, labelKeys } from "./label_chooser";

afterEach(cleanup);

const KNOWN: Known[] = [
  { label: "Shipping", cases: 3 },
  { label: "Billing", cases: 40 },
  { label: "Account access", cases: 12 },
  { label: "Refund", cases: 7 },
];

function viewOf({
  id = "c1",
  suggestion = "Refund",
  alternatives = [["Billing", 0.2]] as [string, number][],
  confidence = 0.71 as number | null,
  withheld = false,
  schema = { type: "string" } as object,
} = {}): CaseView {
  return {
    case: { id, checkpoint: "triage", title: "Charged twice" } as CaseView["case"],
    checkpoint: {
      name: "triage",
      label: "category",
      arguments_schema: { type: "object", properties: { category: schema } },
    } as unknown as CaseView["checkpoint"],
    content: {
      case_id: id,
      revision: 1,
      author: "ai",
      arguments: withheld ? {} : { category: suggestion },
      alternatives: withheld ? [] : alternatives.map(([category, sure]) => ({ arguments: { category }, confidence: sure })),
    },
    evidence: {},
    routing: withheld ? null : ({ confidence } as CaseView["routing"]),
    withheld,
  };
}

function shown(view: CaseView, labels: Known[] = KNOWN, disabled = false) {
  const onChoose = vi.fn<(label: string, named: boolean) => void>();
  function Host({ now }: { now: CaseView }) {
    useKeyboard();
    return <LabelChooser view={now} labels={labels} onChoose={onChoose} disabled={disabled} />;
  }
  const drawn = render(<Host now={view} />);
  return { ...drawn, onChoose, go: (next: CaseView) => drawn.rerender(<Host now={next} />) };
}

const field = () => screen.getByRole<HTMLInputElement>("combobox");
const choices = () => screen.queryAllByRole("button").map((one) => one.textContent);
const options = () => screen.queryAllByRole("option");
const press = (key: string, element: Element = document.body, more: object = {}) => fireEvent.keyDown(element, { key, ...more });

function type(text: string) {
  act(() => field().focus());
  fireEvent.change(field(), { target: { value: text } });
}

describe("offers", () => {
  test("are the suggestion, the alternatives, and then what is used most, each once", () => {
    expect(offers(viewOf({ alternatives: [["billing ", 0.2], ["Fraud", 0.1]] }), KNOWN)).toEqual([
      { label: "Refund", confidence: 0.71, suggested: true },
      { label: "billing ", confidence: 0.2, suggested: false },
      { label: "Fraud", confidence: 0.1, suggested: false },
      { label: "Billing", confidence: null, suggested: false },
      { label: "Account access", confidence: null, suggested: false },
      { label: "Shipping", confidence: null, suggested: false },
    ]);
  });

  test("say nothing of how sure a drafter is that has no idea", () => {
    const view = viewOf({ confidence: 0, alternatives: [["Billing", 0], ["Fraud", 0]] });
    expect(offers(view, []).map(({ label, confidence }) => [label, confidence])).toEqual([
      ["Billing", null],
      ["Fraud", null],
    ]);
  });

  test("tell nothing while the suggestion is withheld, even if the server let it slip", () => {
    const view = { ...viewOf(), withheld: true };
    expect(offers(view, KNOWN).map((one) => one.label)).toEqual(["Billing", "Account access", "Refund", "Shipping"]);
    expect(offers(view, KNOWN).every((one) => one.confidence === null && !one.suggested)).toBe(true);
  });

  test("leave out what is no text and no share", () => {
    const view = viewOf({ confidence: Number.NaN });
    view.content.alternatives = [{ arguments: null }, {}, { arguments: { category: 3 } }, { arguments: { category: "X" }, confidence: 7 }];
    expect(offers(view, [])).toEqual([
      { label: "Refund", confidence: null, suggested: true },
      { label: "X", confidence: null, suggested: false },
    ]);
  });

  test("do not take what every object has for a label", () => {
    const view = viewOf();
    view.checkpoint = { ...view.checkpoint, label: "constructor" };
    expect(offers(view, [])).toEqual([]);
  });
});

describe("labelKeys", () => {
  test.each([
    ["1", "Refund"],
    ["2", "Billing"],
    ["4", "Shipping"],
    ["5", null],
    ["0", null],
    ["Enter", "Refund"],
    ["a", null],
  ])("%s is %s", (key, label) => {
    expect(labelKeys(viewOf(), KNOWN, key)).toBe(label);
  });

  test("Enter accepts nothing where nothing is suggested", () => {
    expect(labelKeys(viewOf({ withheld: true }), KNOWN, "Enter")).toBeNull();
    expect(labelKeys(viewOf({ withheld: true }), KNOWN, "1")).toBe("Billing");
  });
});

describe("matching", () => {
  const all = offers(viewOf({ withheld: true }), [
    { label: "Payment method", cases: 1 },
    { label: "Method of payment", cases: 2 },
    { label: "Repayment", cases: 3 },
    { label: "Straße", cases: 0 },
    { label: "Café", cases: 0 },
  ]);
  test.each([
    ["pay", ["Payment method", "Method of payment", "Repayment"]],
    ["pm", ["Payment method"]],
    ["meth pay", ["Method of payment", "Payment method"]],
    ["rpmt", ["Repayment"]],
    ["CAFE\u0301", ["Café"]],
    ["zzz", []],
  ])("%s finds %j", (text, labels) => {
    expect(matching(text, all).map((one) => one.label)).toEqual(labels);
  });

  test("other case, blanks and forms of a character are the same label", () => {
    expect(sameLabel("Café  au lait", " cafe\u0301 AU lait ")).toBe(true);
    expect(sameLabel("Cafe", "Café")).toBe(false);
    expect(tidied("  Cafe\u0301\u00a0 au\tlait ")).toBe("Café au lait");
  });
});

describe("LabelChooser", () => {
  test("shows each offer with its key and how sure the drafter is", () => {
    shown(viewOf());
    expect(choices()).toEqual(["1Refundsuggested ↵71 % percent sure", "2Billing20 % percent sure", "3Account access", "4Shipping"]);
    expect(document.activeElement).toBe(document.body);
  });

  test("shows neither suggestion nor confidence while they are withheld", () => {
    const { container } = shown(viewOf({ withheld: true }));
    expect(choices()).toEqual(["1Billing", "2Account access", "3Refund", "4Shipping"]);
    expect(container.textContent).not.toContain("suggested");
    expect(container.querySelector("progress")).toBeNull();
  });

  test("takes digits by name and by place, and Enter", () => {
    const { onChoose } = shown(viewOf());
    press("2");
    press("&", document.body, { code: "Digit1" });
    press("Enter");
    expect(onChoose.mock.calls).toEqual([
      ["Billing", false],
      ["Refund", false],
      ["Refund", false],
    ]);
  });

  test("leaves Shift with a digit, held keys and unknown digits alone", () => {
    const { onChoose } = shown(viewOf());
    press("!", document.body, { code: "Digit1", shiftKey: true });
    press("1", document.body, { repeat: true });
    press("9");
    expect(onChoose).not.toHaveBeenCalled();
  });

  test("chooses nothing while it is disabled", () => {
    const { onChoose } = shown(viewOf(), KNOWN, true);
    press("1");
    press("Enter");
    fireEvent.click(screen.getAllByRole("button")[0] as HTMLElement);
    expect(focusLabelField()).toBe(false);
    expect(onChoose).not.toHaveBeenCalled();
  });

  test("finds a label by typing, with arrows and Enter", () => {
    const { onChoose } = shown(viewOf());
    act(() => void focusLabelField());
    expect(document.activeElement).toBe(field());
    type("i");
    expect(options().map((one) => one.textContent)).toEqual(["Billing20 % percent sure", "Shipping", "New category “i”"]);
    press("ArrowDown", field());
    expect(options()[1]?.getAttribute("aria-selected")).toBe("true");
    expect(field().getAttribute("aria-activedescendant")).toBe(options()[1]?.id);
    press("Enter", field());
    expect(onChoose.mock.calls).toEqual([["Shipping", false]]);
    expect(document.activeElement).toBe(document.body);
    expect(field().value).toBe("");
  });

  test("a digit typed into the field is text", () => {
    const { onChoose } = shown(viewOf());
    type("1");
    press("1", field());
    expect(onChoose).not.toHaveBeenCalled();
  });

  test("names a new category after it was confirmed", () => {
    const { onChoose } = shown(viewOf());
    type("  Chargeback   fraud ");
    press("Enter", field());
    expect(onChoose).not.toHaveBeenCalled();
    expect(screen.getByRole("status").textContent).toContain("Press ↵ again to name it “Chargeback fraud”.");
    press("Enter", field(), { repeat: true });
    expect(onChoose).not.toHaveBeenCalled();
    press("Enter", field());
    expect(onChoose.mock.calls).toEqual([["Chargeback fraud", true]]);
  });

  test("another text, an arrow or Esc takes the question back", () => {
    const { onChoose } = shown(viewOf());
    type("Chargeback");
    press("Enter", field());
    type("Chargebacks");
    press("Enter", field());
    press("Escape", field());
    expect(field().value).toBe("Chargebacks");
    press("Enter", field());
    expect(onChoose).not.toHaveBeenCalled();
    press("Escape", field());
    press("Escape", field());
    expect(document.activeElement).toBe(document.body);
  });

  test.each(["refund", "REFUND ", " re\u200bfund", "Refund"])("offers %j as what there is", (text) => {
    const { onChoose } = shown(viewOf());
    type(text);
    expect(screen.queryByText(/New category/)).toBeNull();
    press("Enter", field());
    expect(onChoose.mock.calls).toEqual([["Refund", false]]);
  });

  test("tells labels apart that differ only in case, by what was typed", () => {
    const { onChoose } = shown(viewOf({ schema: { enum: ["PO", "po"] }, suggestion: "PO", alternatives: [["po", 0.1]] }), []);
    type("po");
    press("Enter", field());
    type("PO");
    press("Enter", field());
    expect(onChoose.mock.calls).toEqual([
      ["po", false],
      ["PO", false],
    ]);
  });

  test("finds the existing label in the other form of its characters", () => {
    const { onChoose } = shown(viewOf({ suggestion: "Café" }));
    type("cafe\u0301");
    press("Enter", field());
    expect(onChoose.mock.calls).toEqual([["Café", false]]);
  });

  test("does nothing while a word is being composed", () => {
    const { onChoose } = shown(viewOf());
    type("りゅう");
    press("Enter", field(), { isComposing: true });
    press("Enter", field(), { keyCode: 229 });
    expect(screen.getByRole("status").textContent).not.toContain("again");
    expect(onChoose).not.toHaveBeenCalled();
  });

  test("offers no new category where the schema names all of them", () => {
    const { onChoose } = shown(viewOf({ schema: { enum: ["Refund", "Billing"] } }));
    type("Fraud");
    press("Enter", field());
    press("Enter", field());
    expect(onChoose).not.toHaveBeenCalled();
    expect(screen.getByRole("status").textContent).toContain("takes no new ones");
  });

  test("keeps nothing that was typed for the case before", () => {
    const { go, onChoose } = shown(viewOf());
    type("Fraud");
    press("Enter", field());
    go(viewOf({ id: "c2" }));
    expect(field().value).toBe("");
    press("Enter", field());
    expect(onChoose).not.toHaveBeenCalled();
  });

  test("serves five hundred labels with a few elements", () => {
    const many = Array.from({ length: 500 }, (_, at) => ({ label: `Label ${at}`, cases: 500 - at }));
    const { onChoose, container } = shown(viewOf({ withheld: true }), many);
    expect(choices()).toHaveLength(9);
    type("label");
    expect(options()).toHaveLength(51);
    expect(container.textContent).toContain("And 450 more");
    type("499");
    press("Enter", field());
    expect(onChoose.mock.calls).toEqual([["Label 499", false]]);
  });

  test("draws hostile and endless labels whole where they matter", () => {
    const long = "x".repeat(10_000);
    const { onChoose, container } = shown(viewOf({ suggestion: long, alternatives: [["evil\u202egnp.exe", 0.1], ["", 0.1]] }));
    expect(container.textContent).toContain("9,800 more characters");
    expect(container.textContent).not.toContain("\u202e");
    press("1");
    press("2");
    expect(onChoose.mock.calls).toEqual([
      [long, false],
      ["evil\u202egnp.exe", false],
    ]);
    type("y".repeat(10_000));
    expect(screen.getByRole("status").textContent).toContain("at most 200 characters");
    expect(options()).toHaveLength(0);
  });

  test("passes the accessibility checks, closed, open and asking", async () => {
    const { container } = shown(viewOf());
    const violations = async () =>
      (await axe.run(container, { rules: { "color-contrast": { enabled: false } } })).violations.map((one) => one.id);
    expect(await violations()).toEqual([]);
    type("i");
    expect(await violations()).toEqual([]);
    type("Fraud");
    press("Enter", field());
    expect(await violations()).toEqual([]);
  });
});

test("the second click of a double one chooses nothing, and names nothing", () => {
  const { onChoose } = shown(viewOf());
  fireEvent.click(screen.getAllByRole("button")[0] as HTMLElement, { detail: 2 });
  type("Chargeback");
  const fresh = () => options().at(-1) as HTMLElement;
  fireEvent.click(fresh(), { detail: 1 });
  fireEvent.click(fresh(), { detail: 2 });
  expect(onChoose).not.toHaveBeenCalled();
  fireEvent.click(fresh(), { detail: 1 });
  expect(onChoose).toHaveBeenCalledWith("Chargeback", true);
});
