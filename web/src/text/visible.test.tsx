import { cleanup, render } from "@testing-library/react";
import { afterEach, expect, test } from "vitest";

import { pieces } from "./hidden";
import { Visible, visible } from "./visible";

afterEach(cleanup);

test.each([
  ["a right-to-left override", "photo\u202egpj.exe", "photo⟦RLO⟧gpj.exe"],
  ["every embedding", "\u202a\u202b\u202c\u202d", "⟦LRE⟧⟦RLE⟧⟦PDF⟧⟦LRO⟧"],
  ["isolates", "\u2066\u2067\u2068\u2069", "⟦LRI⟧⟦RLI⟧⟦FSI⟧⟦PDI⟧"],
  ["direction marks", "a\u200e\u200f\u061cb", "a⟦LRM⟧⟦RLM⟧⟦ALM⟧b"],
  ["zero width", "pay\u200bpal\ufeff\u2060", "pay⟦ZWSP⟧pal⟦BOM⟧⟦WJ⟧"],
  ["a joiner between Latin letters", "a\u200db\u200cc", "a⟦ZWJ⟧b⟦ZWNJ⟧c"],
  ["a soft hyphen", "re\u00adfund", "re⟦SHY⟧fund"],
  ["Hangul fillers", "\u3164\uffa0\u115f\u1160", "⟦HF⟧⟦HF⟧⟦HF⟧⟦HF⟧"],
  ["controls", "a\u0000b\u001b[31m\u0085\u009b", "a⟦NUL⟧b⟦ESC⟧[31m⟦NEL⟧⟦U+009B⟧"],
  ["a carriage return alone", "paid\rnot paid", "paid⟦CR⟧not paid"],
  ["half a surrogate pair", "a\ud83db\udc00", "a⟦U+D83D⟧b⟦U+DC00⟧"],
  ["separators", "a\u2028b\u2029", "a⟦LS⟧b⟦PS⟧"],
  ["an empty Braille cell", "a\u2800b", "a⟦BLANK⟧b"],
  ["a run of one kind", "a\u200b\u200b\u200bb", "a⟦ZWSP ×3⟧b"],
  ["a selector that chooses nothing", "a\ufe0fb", "a⟦VS ×1⟧b"],
  ["data in variation selectors", "😀\ufe01\ufe02\u{e0101}", "😀⟦VS ×3⟧"],
  ["words in tags", "hi\u{e0069}\u{e0067}\u{e006e}", "hi⟦TAGS: ign⟧"],
  ["tags that only look like a flag", "🏴\u{e0061}\u{e007f}", "🏴⟦TAGS: a⟧"],
  ["accents without end", `e${"\u0301".repeat(60)}x`, `e${"\u0301".repeat(5)}⟦+55⟧x`],
])("shows %s", (_, text, drawn) => {
  expect(visible(text)).toBe(drawn);
});

test.each([
  ["plain words", "Hi team,\n\tplease refund 40 €."],
  ["lines as mail has them", "one\r\ntwo"],
  ["a family of four", "👨‍👩‍👧‍👦"],
  ["a heart on fire, skin tones, a keycap", "❤️‍🔥 🤷🏽‍♀️ 1️⃣ ☺️"],
  ["the flag of Scotland", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"],
  ["Persian with its joiners", "می‌خواهم"],
  ["Hindi and Malayalam with theirs", "क्‍ष ന്‍ "],
  ["Hebrew, Arabic, Chinese with a variant", "שָׁלוֹם مرحبا 葛\u{e0100}"],
  ["Vietnamese in pieces, and Burmese", "Việt မြို့"],
  ["Braille", "⠓⠀⠊"],
])("leaves alone %s", (_, text) => {
  expect(pieces(text)).toEqual([text]);
});

test("draws marks with words for those who listen, and not the character", () => {
  const { container } = render(<Visible text={"a\u202eb"} />);
  expect(container.querySelector("bdi")?.getAttribute("dir")).toBe("auto");
  const mark = container.querySelector(".text-mark");
  expect(mark?.getAttribute("aria-label")).toBe("right-to-left override (U+202E)");
  expect(mark?.getAttribute("title")).toBe("right-to-left override (U+202E)");
  expect(container.textContent).toBe("aRLOb");
});

test("keeps a megabyte of nothing but hidden characters to a few elements", () => {
  const { container } = render(<Visible text={"\u202e\u202d".repeat(500_000)} />);
  expect(container.querySelectorAll("*").length).toBeLessThan(500);
  expect(container.textContent).not.toMatch(/[\u202d\u202e]/);
});

test("draws a megabyte of plain text as one piece", () => {
  const text = "All is well. ".repeat(80_000);
  expect(pieces(text)).toEqual([text]);
});
