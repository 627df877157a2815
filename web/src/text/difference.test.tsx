import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, test } from "vitest";

import { Difference } from "./difference";
import { runs } from "./difference_runs";

afterEach(cleanup);

/** Half of a pair: with the u flag, whole pairs do not match. */
const HALF = /[\uD800-\uDFFF]/u;

const texts = {
  before: (before: string, after: string) =>
    runs(before, after)
      .filter((run) => run.kind !== "inserted")
      .map((run) => run.text)
      .join(""),
  after: (before: string, after: string) =>
    runs(before, after)
      .filter((run) => run.kind !== "deleted")
      .map((run) => run.text)
      .join(""),
};

function told(before: string, after: string): string {
  return runs(before, after)
    .map((run) => ({ same: run.text, deleted: `[-${run.text}-]`, inserted: `[+${run.text}+]` })[run.kind])
    .join("");
}

/** The same numbers each time, so that a failure can be seen again. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648;
  };
}

describe("runs", () => {
  test.each([
    ["nothing", "", "", ""],
    ["all new", "", "Hello", "[+Hello+]"],
    ["all gone", "Hello", "", "[-Hello-]"],
    ["equal", "Hello you", "Hello you", "Hello you"],
    ["a word, not letters", "We refund 40.00 now", "We refund 45.00 now", "We refund [-40.00-][+45.00+] now"],
    ["an addition", "one two", "one small two", "one [+small +]two"],
    ["neighbours together", "a big dog ran", "a small cat ran", "a [-big dog-][+small cat+] ran"],
    ["the end", "Dear Ada", "Dear Ada, thanks", "Dear Ada[+, thanks+]"],
    ["a blank", "a  b", "a b", "a [- -]b"],
  ])("%s", (_, before, after, expected) => {
    expect(told(before, after)).toBe(expected);
  });

  test("cuts a script without blanks by words", () => {
    const found = runs("我们今天退款给您", "我们明天退款给您");
    expect(found.filter((run) => run.kind === "same").map((run) => run.text).join("")).toContain("退款");
    expect(found.some((run) => run.kind === "deleted" && run.text.includes("退款"))).toBe(false);
  });

  test("never parts an emoji, a pair of halves or a letter from its marks", () => {
    for (const [before, after] of [
      ["👩‍👩‍👧", "👩‍👩‍👦"],
      ["𝒜𝒝", "𝒜𝒞"],
      ["e\u0301", "e\u0300"],
      [`${"x".repeat(500)}😀`, `${"x".repeat(500)}😃`],
    ] as const)
      for (const run of runs(before, after)) expect(run.text).not.toMatch(HALF);
  });

  test("gives back both texts whatever they are", () => {
    const roll = dice(7);
    const alphabet = ["a", "b", " ", "\n", "שלום ", "é", "e\u0301", "😀", "好", "\u202e", ".", "word ", "\u0000"];
    const made = (length: number) =>
      Array.from({ length }, () => alphabet[Math.floor(roll() * alphabet.length)] ?? "").join("");
    for (let round = 0; round < 300; round++) {
      const before = made(Math.floor(roll() * 60));
      const at = Math.floor(roll() * before.length);
      const after = round % 2 ? made(Math.floor(roll() * 60)) : before.slice(0, at) + made(3) + before.slice(at + 2);
      expect(texts.before(before, after)).toBe(before);
      expect(texts.after(before, after)).toBe(after);
    }
  });

  test("gives back texts that are too different for a comparison by words, and keeps their equal lines", () => {
    const roll = dice(3);
    const noise = () => Array.from({ length: 700 }, () => Math.floor(roll() * 1e9).toString(36)).join(" ");
    const before = `${noise()}\nThis line stays.\n${noise()}`;
    const after = `${noise()}\nThis line stays.\n${noise()}`;
    expect(texts.before(before, after)).toBe(before);
    expect(texts.after(before, after)).toBe(after);
    expect(runs(before, after)).toContainEqual({ kind: "same", text: "This line stays.\n" });
  });

  test("takes a megabyte with a change in the middle", () => {
    const line = "The quick brown fox jumps over the lazy dog.\n";
    const before = line.repeat(25_000);
    const after = `${before.slice(0, 500_000)}NEW${before.slice(500_000)}`;
    const found = runs(before, after);
    expect(texts.after(before, after)).toBe(after);
    expect(found.filter((run) => run.kind === "same").reduce((sum, run) => sum + run.text.length, 0)).toBeGreaterThan(
      before.length - 100,
    );
  });
});

describe("Difference", () => {
  test("marks changes by elements that say what they are", () => {
    const { container } = render(<Difference before="We refund 40.00 now" after="We refund 45.00 now" />);
    expect(container.querySelector("del")?.textContent).toBe("40.00");
    expect(container.querySelector("ins")?.textContent).toBe("45.00");
  });

  test("shows a changed line break", () => {
    const { container } = render(<Difference before="one two" after={"one\ntwo"} />);
    expect(container.querySelector("ins")?.textContent).toBe("↵\n");
  });

  test("folds long unchanged text on demand, and opens it", () => {
    const long = "all is well and as it was before. ".repeat(60);
    const { container, rerender } = render(<Difference before={`${long}old ${long}`} after={`${long}new ${long}`} fold />);
    const buttons = screen.getAllByRole("button", { name: /characters unchanged/ });
    expect(buttons).toHaveLength(2);
    expect(container.textContent.length).toBeLessThan(700);
    act(() => fireEvent.click(buttons[0] as HTMLElement));
    expect(screen.getAllByRole("button")).toHaveLength(1);
    rerender(<Difference before={`${long}old ${long}`} after={`${long}new ${long}`} />);
    expect(container.textContent).toContain(`${long}oldnew ${long}`);
  });

  test("draws a bounded part of a megabyte, and counts the rest", () => {
    const text = "The quick brown fox jumps.\n".repeat(40_000);
    const { container } = render(<Difference before={`${text}Old end.`} after={`${text}${"\u202e new\n".repeat(40_000)}`} />);
    expect(container.querySelectorAll("*").length).toBeLessThan(5_000);
    expect(container.textContent).toMatch(/1,0\d\d,\d{3} characters unchanged/);
    expect(container.querySelector("ins")?.textContent).toMatch(/23\d,\d{3} more characters$/);
  });

  test("folds within no character", () => {
    const long = "😀".repeat(600);
    const { container } = render(<Difference before={`${long} a`} after={`${long} b`} fold />);
    expect(container.textContent).not.toMatch(HALF);
    expect(screen.getByRole("button")).toBeDefined();
  });
});
