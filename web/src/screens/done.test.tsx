import { fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import { useKeyboard } from "../keys/keyboard";
import Done from "./done";
import { aCase, aCheckpoint, type Asked, browser, serve, show } from "./stand_in";

browser();

function Keyed() {
  useKeyboard();
  return <Done />;
}

const soon = () => new Date(Date.now() + 60_000).toISOString();
const page = (items: unknown[], after: string | null = null) => ({ items, after });
const base = { "GET /checkpoints": [aCheckpoint(), aCheckpoint({ name: "reply" })] };

describe("Done", () => {
  it("takes what it shows from the address, and writes it there", async () => {
    const asked = serve({ ...base, "GET /cases": page([aCase({ state: "failed" })]) });
    const { location } = show(<Done />, "/done?checkpoint=refund&state=failed&text=October");
    await screen.findByRole("link", { name: "Charged twice in October" });
    const { query } = asked.find((one) => one.path === "/cases") as Asked;
    expect(query.getAll("state")).toEqual(["failed"]);
    expect([query.get("checkpoint"), query.get("text"), query.get("newest_first")]).toEqual(["refund", "October", "true"]);
    const outcome = screen.getByLabelText("Outcome");
    fireEvent.change(outcome, { target: { value: "done" } });
    expect(location.history?.at(-1)).toBe("/done?checkpoint=refund&state=done&text=October");
    expect(screen.getByLabelText("Outcome")).toBe(outcome); // keeps the focus
    fireEvent.change(screen.getByLabelText("Text"), { target: { value: "" } });
    fireEvent.click(screen.getByRole("button", { name: "Search" }));
    expect(location.history?.at(-1)).toBe("/done?checkpoint=refund&state=done");
  });

  it("never lists what waits, whatever the address asks for", async () => {
    const asked = serve({ ...base, "GET /cases": page([]) });
    show(<Done />, "/done?state=waiting");
    await screen.findByText("Nothing is decided yet.");
    const states = asked.find((one) => one.path === "/cases")?.query.getAll("state");
    expect(states).toHaveLength(10);
    expect(states).not.toContain("waiting");
  });

  it("loads older ones by `after`", async () => {
    const asked = serve({
      ...base,
      "GET /cases": ({ query }: Asked) =>
        query.get("after") === "b" ? page([aCase({ id: "c", title: "Third", state: "done" })]) : page([aCase({ id: "b", title: "Second", state: "done" })], "b"),
    });
    show(<Done />);
    fireEvent.click(await screen.findByRole("button", { name: "Show older ones" }));
    await screen.findByRole("link", { name: "Third" });
    expect(screen.getByRole("link", { name: "Second" })).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Show older ones" })).toBeNull();
    expect(asked.filter((one) => one.path === "/cases")).toHaveLength(2);
  });

  it("undoes what is held by one key, and says why it cannot undo the rest", async () => {
    let state: "held" | "waiting" = "held";
    const asked = serve({
      ...base,
      "GET /cases": () =>
        page([...(state === "held" ? [aCase({ id: "a", title: "First", state, due_at: soon() })] : []), aCase({ id: "b", title: "Second", state: "done" })]),
      "POST /cases/a/recall": () => {
        state = "waiting";
        return aCase({ id: "a", state });
      },
    });
    const { location } = show(<Keyed />);
    await screen.findByRole("link", { name: "First" });
    expect(screen.getByText(/^\d+ s/)).toBeTruthy();
    fireEvent.keyDown(document.body, { key: "j" });
    fireEvent.keyDown(document.activeElement as Element, { key: "u" });
    await screen.findByText("Taken back: First. It waits again.");
    await waitFor(() => expect(screen.queryByRole("link", { name: "First" })).toBeNull());
    fireEvent.keyDown(document.body, { key: "j" });
    fireEvent.keyDown(document.activeElement as Element, { key: "u" });
    await screen.findByText(/Its hold is over; open it to see whether there is a reversal/);
    expect(asked.filter((one) => one.method === "POST")).toHaveLength(1);
    fireEvent.keyDown(document.activeElement as Element, { key: "o" });
    expect(location.history?.at(-1)).toBe("/cases/b");
  });

  it("draws what is hidden in a title", async () => {
    serve({ ...base, "GET /cases": page([aCase({ title: "Refund \u202e04", state: "done" })]) });
    show(<Done />);
    const link = await screen.findByRole("link", { name: /Refund/ });
    expect(link.textContent).not.toContain("\u202e");
  });
});
