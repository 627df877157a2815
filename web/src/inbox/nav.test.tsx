import { fireEvent, screen } from "@testing-library/react";
import { expect, test } from "vitest";

import { signOut } from "../api/calls";
import { Desk } from "../desk/desk";
import { aMe, browser, serve, show } from "../screens/stand_in";
import { DeskContext } from "./context";
import { Nav } from "./nav";

browser();

test("who could not be signed out is told so", async () => {
  serve({
    "DELETE /session": () => {
      throw new TypeError("fetch failed");
    },
  });
  show(
    <DeskContext value={new Desk(aMe())}>
      <Nav onSignOut={signOut} />
    </DeskContext>,
  );
  fireEvent.click(screen.getByRole("button", { name: "Sign out" }));
  expect((await screen.findByText(/still signed in/)).textContent).toBe("You are still signed in. The server cannot be reached.");
});
