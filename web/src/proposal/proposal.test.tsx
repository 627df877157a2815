import { cleanup, render, screen, within } from "@testing-library/react";
import { afterEach, beforeAll, expect, test } from "vitest";

import type { Arguments, CaseView, Checkpoint, Content, Evidence, Schema } from "../api/types";
import { loadFinding, Proposal } from "./proposal";

afterEach(cleanup);
beforeAll(() => Promise.all([import("../text/difference"), loadFinding()]));

interface Given {
  arguments: Arguments;
  schema?: Schema;
  evidence?: Record<string, Evidence>;
  checkpoint?: Partial<Checkpoint>;
  content?: Partial<Content>;
}

function viewOf({ arguments: args, schema = {}, evidence = {}, checkpoint = {}, content = {} }: Given): CaseView {
  return {
    case: {
      id: "0190",
      checkpoint: "refund",
      content_hash: "ab",
      created_at: "2026-10-12T09:00:00Z",
      state: "waiting",
      proposer: "agent",
      version: 1,
      attempt: 0,
      draft_revision: 1,
      fence: 0,
      generation: 1,
      opinions: 1,
      revision: 1,
      tries: 0,
      title: "Refund",
    },
    checkpoint: {
      name: "refund_order",
      description: "Refund an order.",
      criteria: [],
      undo_s: 10,
      arguments_schema: schema,
      audit_share: 0,
      backoff_s: 1,
      delivery: "at_most_once",
      digest: "",
      max_tries: 5,
      opinions: 1,
      oversight: "always",
      timeout_s: 30,
      version: 1,
      reasons: [],
      blind: false,
      ...checkpoint,
    },
    content: { arguments: args, author: "agent", case_id: "0190", revision: 1, ...content },
    evidence,
    routing: null,
    withheld: false,
  };
}

const draw = (given: Given, compareWith?: Arguments) =>
  render(<Proposal view={viewOf(given)} {...(compareWith && { compareWith })} />).container;

const text = (value: string): Record<string, Evidence> => ({ message: { media_type: "text/plain", value } });
const marked = (root: ParentNode) =>
  [...root.querySelectorAll("mark")].map((each) => each.textContent.replace(" (not in the evidence)", ""));

test("draws the arguments in the order of the schema, under its titles or their names in words", () => {
  const schema: Schema = {
    properties: { note: { title: "Note" }, order_id: { title: "Order Id" }, amount: { title: "Sum to pay back" } },
    required: ["order_id", "amount"],
  };
  const container = draw({ schema, arguments: { extra_fact: 1, amount: 40, note: null, order_id: "ORD-1" } });
  expect([...container.querySelectorAll("dt")].map((each) => each.textContent)).toEqual([
    "Order id",
    "Sum to pay back",
    "Note",
    "Extra fact",
  ]);
  expect([...container.querySelectorAll("dd")].map((each) => each.textContent)).toEqual(["ORD-1", "40", "none", "1"]);
});

test("says numbers, days, moments, yes and no, and nothing plainly", () => {
  const schema: Schema = {
    properties: {
      on: { anyOf: [{ type: "string", format: "date" }, { type: "null" }] },
      at: { $ref: "#/$defs/At" },
    },
    $defs: { At: { type: "string", format: "date-time" } },
  };
  const container = draw({
    schema,
    arguments: {
      on: "2026-10-12",
      at: "2026-10-12T09:30:00Z",
      paid: true,
      late: false,
      empty: "",
      price: 1234.5,
      bad: "2026-02-31",
    },
  });
  expect(container.querySelectorAll("dd")[0]?.textContent).toMatch(/\p{L}.*12.*2026|12.*\p{L}.*2026/u);
  expect(container.querySelector("time")?.getAttribute("title")).toBe("2026-10-12");
  expect(container.querySelectorAll("dd")[1]?.textContent).toMatch(/(?:12.*2026|2026.*12).*:30/);
  expect([...container.querySelectorAll("dd")].slice(2).map((each) => each.textContent)).toEqual([
    "yes",
    "no",
    "empty",
    "1234.5",
    "2026-02-31",
  ]);
});

test("draws lists, rows, records and deeper values each as what they are", () => {
  const container = draw({
    arguments: {
      tags: ["a", "b"],
      items: [{ sku: "x", count: 2 }],
      address: { city: "Trier" },
      deep: { a: { b: [1] } },
    },
  });
  expect([...container.querySelectorAll(".proposal-list li")].map((each) => each.textContent)).toEqual(["a", "b"]);
  expect(screen.getByRole("columnheader", { name: "Sku" })).toBeTruthy();
  expect(container.querySelector(".evidence-fields")?.textContent).toBe("CityTrier");
  expect(container.querySelector("details summary")?.textContent).toContain("1 field");
});

test("says what it does and what weighs more, by a shape and a word", () => {
  const criteria: Checkpoint["criteria"] = ["irreversible", "affects_rights", "regulated", "legal_liability"];
  const container = draw({ arguments: {}, checkpoint: { criteria, undo_s: 0 } });
  expect(container.textContent).toContain("Refund an order.");
  const weights = within(screen.getByRole("list")).getAllByRole("listitem");
  expect(weights.map((each) => each.textContent)).toEqual([
    "Cannot be undone once it ran",
    "Affects a person’s rights",
    "Regulated by law",
    "May make us liable",
    "Sends at once: no undo",
  ]);
  expect(new Set(weights.map((each) => each.querySelector("path")?.getAttribute("d"))).size).toBe(5);
  cleanup();
  expect(draw({ arguments: {}, checkpoint: { undo_s: 10 } }).textContent).toContain("You can undo it for 10 s");
});

test("marks what the evidence does not say, also within values, and counts it", () => {
  const container = draw({
    evidence: text("I paid $40 for ORD-1234. Anna Smith"),
    arguments: {
      amount: 45,
      body: "Dear Karen,\n\nWe refund 40,00 € for ORD-9999.",
      items: [{ sku: "AB-77", count: 40 }],
      order: "ORD-1234",
    },
  });
  expect(marked(container)).toEqual(["45", "Karen", "ORD-9999", "AB-77"]);
  expect(container.querySelector(".proposal-legend .visually-hidden")?.textContent).toBe("4 marked values");
  expect(container.querySelector(".proposal-legend")?.textContent).toContain("occur nowhere in the evidence.");
});

test("marks no label and no choice, and says what was not searched", () => {
  const picture: Evidence = { media_type: "image/png", value: "data:image/png;base64,AAAA" };
  const container = draw({
    evidence: { ...text("Where is my kettle?"), picture },
    schema: { properties: { plan: { enum: ["Gold Star", "Silver Star"] } } },
    arguments: { category: "Order Status", plan: "Gold Star", to: "anna@example.com" },
    checkpoint: { label: "category" },
  });
  expect(marked(container)).toEqual(["anna@example.com"]);
  expect(container.querySelector(".proposal-legend")?.textContent).toContain(
    "pictures and attachments were not searched",
  );
});

test("marks nothing where there is nothing to compare with", () => {
  expect(marked(draw({ arguments: { amount: 45 } }))).toEqual([]);
});

test("keeps the AI's words apart and at the end", () => {
  const container = draw({
    arguments: { a: 1 },
    content: { rationale: "Trust me. <script>alert(1)</script>\u202e" },
  });
  const words = screen.getByRole("region", { name: "The AI’s own words — not checked" });
  expect(words).toBe(container.querySelector(".proposal")?.lastElementChild);
  expect(words.textContent).toContain("<script>alert(1)</script>RLO");
  expect(container.querySelector("script")).toBeNull();
  cleanup();
  draw({ arguments: { a: 1 }, content: { rationale: null } });
  expect(screen.queryByRole("region")).toBeNull();
});

test("shows what changed, word by word, and the rest as ever", async () => {
  const container = draw(
    { arguments: { body: "We refund 45 euros.", same: "as before", list: [1, 2] } },
    { body: "We refund 40 euros.", same: "as before", list: [1], gone: "bye" },
  );
  await screen.findByText("45");
  expect([...container.querySelectorAll("del")].map((each) => each.textContent)).toContain("40");
  expect([...container.querySelectorAll("ins")].map((each) => each.textContent)).toContain("45");
  expect([...container.querySelectorAll("del")].map((each) => each.textContent)).toContain("bye");
  expect([...container.querySelectorAll("dd")][1]?.querySelector("ins, del")).toBeNull();
});

test("draws hidden characters and a megabyte without harm", () => {
  const body = `Hi \u202e ${"word ".repeat(200_000)}`;
  const container = draw({
    arguments: { body, name: "pay\u200bpal", deep: { a: ["\u202e"] } },
    evidence: text("nothing"),
  });
  expect(container.textContent.length).toBeLessThan(25_000);
  expect(container.textContent).not.toMatch(/[\u202e\u200b]/);
  expect(screen.getByRole("button", { name: "Show all (1.0 MB)" })).toBeTruthy();
});
