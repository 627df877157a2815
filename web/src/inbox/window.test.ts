import { expect, test } from "vitest";

import { scrollTo, windowOf } from "./window";

test.each([
  [0, 560, 10_000, { first: 0, last: 16 }],
  [5600, 560, 10_000, { first: 94, last: 116 }],
  [559_500, 560, 10_000, { first: 9985, last: 10_000 }],
  [0, 560, 3, { first: 0, last: 3 }],
  [0, 560, 0, { first: 0, last: 0 }],
  // The list became shorter than where it was scrolled to.
  [560_000, 560, 5, { first: 4, last: 5 }],
])("scrolled by %i px with %i px in sight of %i rows, draws %o", (top, height, count, drawn) => {
  expect(windowOf(top, height, 56, count)).toEqual(drawn);
});

test.each([
  [0, 0, null],
  [9, 0, null],
  [10, 0, 56],
  [3, 560, 168],
])("row %i seen from %i px on scrolls to %o", (at, top, to) => {
  expect(scrollTo(at, top, 560, 56)).toBe(to);
});
