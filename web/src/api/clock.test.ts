import { afterEach, expect, test } from "vitest";

import { secondsLeft } from "../screens/undo";
import { serverTime, toldTime } from "./clock";

const NOW = Date.parse("2026-03-28T12:00:00Z");
const told = (off_s: number) => toldTime(new Date(Date.now() + off_s * 1000).toUTCString());

afterEach(() => told(0));

test.each([-3600, -20, 20, 3600])("a clock that is %i s off does not end a hold, nor draw it out", (off_s) => {
  told(-off_s);
  const held = { state: "held", due_at: new Date(NOW + 10_000).toISOString() } as const;
  expect(Math.abs(secondsLeft(held, new Date(NOW + off_s * 1000)) - 10)).toBeLessThan(2);
});

test("less than two seconds are the way of the answer, and what is no time is ignored", () => {
  told(1);
  toldTime(null);
  toldTime("soon");
  expect(serverTime(NOW)).toBe(NOW);
});
