import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { heardAt, serverNow } from "./clock";

const NOW = Date.parse("2026-03-28T12:00:00Z");

beforeEach(() => void vi.useFakeTimers({ now: NOW }));

afterEach(() => {
  heardAt(new Date().toUTCString());
  vi.useRealTimers();
});

test("a clock that is an hour off is put right by what the server says", () => {
  heardAt("Sat, 28 Mar 2026 13:00:00 GMT");
  expect(serverNow() - NOW).toBe(3_600_500);
  heardAt("Sat, 28 Mar 2026 11:00:00 GMT");
  expect(serverNow() - NOW).toBe(-3_599_500);
});

test("a second or two are no difference, and what cannot be read tells nothing", () => {
  heardAt("Sat, 28 Mar 2026 12:00:03 GMT");
  expect(serverNow()).toBe(NOW);
  heardAt("Sat, 28 Mar 2026 13:00:00 GMT");
  heardAt("soon");
  heardAt(null);
  expect(serverNow() - NOW).toBe(3_600_500);
});
