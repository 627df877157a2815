import { describe, expect, test } from "vitest";

import { isExact, placed, readJson } from "./strict_json";

function told(text: string): string {
  const read = readJson(text);
  if (read.ok) throw new Error(`taken: ${text}`);
  return placed(read.told);
}

describe("readJson", () => {
  test.each([
    "{}",
    "[]",
    ' {"a" : [1, -2.5e3, "x\\n\\u00e9", true, false, null]} ',
    '"😀"',
    "9007199254740991",
    "0.1",
    "1e300",
    '{"__proto__": {"polluted": true}, "constructor": 1}',
  ])("takes %s as any reader does", (text) => {
    expect(readJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
  });

  test("keeps __proto__ a key like any other", () => {
    const read = readJson('{"__proto__": {"polluted": true}}');
    if (!read.ok) throw new Error("refused");
    expect(Object.keys(read.value as object)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each([
    ["", "Line 1, column 1: There is nothing here; write a JSON value."],
    ['{"a": 1,\n "a": 2}', "Line 2, column 2: The key “a” is named twice; keep one of them."],
    ['{"a": 1, "\\u0061": 2}', "Line 1, column 10: The key “a” is named twice; keep one of them."],
    ['{\n  "a": 9007199254740992\n}', "Line 2, column 8: More than JSON carries exactly (2^53 - 1); send it as a string."],
    ["1e20", "Line 1, column 1: More than JSON carries exactly (2^53 - 1); send it as a string."],
    ["1e999", "Line 1, column 1: This number is too large for JSON; send it as a string."],
    [
      "0.12345678901234567890",
      "Line 1, column 1: More digits than JSON carries exactly; it would become 0.12345678901234568. Send it as a string.",
    ],
    ['{"a": NaN}', "Line 1, column 7: NaN is not a JSON number; send null or a string."],
    ['{"a": True}', "Line 1, column 7: JSON writes true here."],
    ['{"a": 1,}', "Line 1, column 8: A comma before } is not JSON; remove it."],
    ["[1,]", "Line 1, column 3: A comma before ] is not JSON; remove it."],
    ["{a: 1}", "Line 1, column 2: A key in quotes belongs here, not a."],
    ['{"a" 1}', "Line 1, column 6: A colon belongs after the key, not 1."],
    ['{"a": 1', "Line 1, column 8: A comma or } belongs here, but the text ends."],
    ['"abc', "Line 1, column 1: This text is not closed; a quote is missing."],
    ['"a\nb"', "Line 1, column 3: A text ends on its line; write \\n for a line break."],
    ['"\\x"', "Line 1, column 2: No such escape; a backslash itself is written \\\\."],
    ['"\\ud83d"', "Line 1, column 1: Half of a character pair, which cannot be stored; remove it."],
    ["01", "Line 1, column 1: This is not a JSON number; it has one point and no zeros before it."],
    ["{} {}", "Line 1, column 4: The value ends before this; remove what follows."],
    ["[\u00a01]", "Line 1, column 2: A value belongs here, not U+00A0."],
    ["[".repeat(65), "Line 1, column 65: Nested deeper than 64 levels; flatten it."],
  ])("refuses %j", (text, expected) => {
    expect(told(text)).toBe(expected);
  });

  test("refuses what is nested a million deep without falling over", () => {
    expect(told("[".repeat(1_000_000))).toContain("Nested deeper");
  });

  test("takes 64 levels", () => {
    expect(readJson("[".repeat(64) + "]".repeat(64)).ok).toBe(true);
  });
});

describe("isExact", () => {
  test.each(["40.00", "0.1", "-7", "1e3", "1000", "0.30", "9007199254740991", ".5", "-0.0", "1E-7"])("%s is", (written) => {
    expect(isExact(written)).toBe(true);
  });

  test.each(["9007199254740993", "0.1000000000000000055", "1e999", "1e20", "x"])("%s is not", (written) => {
    expect(isExact(written)).toBe(false);
  });
});
