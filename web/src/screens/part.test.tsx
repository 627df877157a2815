import { screen } from "@testing-library/react";
import { lazy } from "react";
import { beforeEach, expect, test, vi } from "vitest";

import { Part } from "./part";
import { browser, show } from "./stand_in";

browser();
beforeEach(() => void vi.spyOn(console, "error").mockImplementation(() => undefined));

test("a part that cannot be loaded says so, and leaves the rest of the page", async () => {
  const Gone = lazy(() => Promise.reject<{ default: () => null }>(new TypeError("Failed to fetch dynamically imported module")));
  const { rerender } = show(
    <>
      <p>The case</p>
      <Part of="edit a">
        <Gone />
      </Part>
    </>,
  );
  expect((await screen.findByRole("alert")).textContent).toContain("what you wrote is kept");
  expect(screen.getByText("The case")).toBeTruthy();
  expect(screen.getByRole("button", { name: "Load the page again" })).toBeTruthy();
  rerender(
    <Part of="edit b">
      <p>Another one</p>
    </Part>,
  );
  expect(screen.getByText("Another one")).toBeTruthy();
});
