import { fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { Desk } from "../api/types";
import { useKeyboard } from "../keys/keyboard";
import People from "./people";
import { deskWords, stuckWords } from "./people_words";
import { aCase, aMe, aPerson, aView, browser, Refused, serve, show } from "./stand_in";

browser();
const NOW = new Date("2026-03-28T12:00:00Z");

function Keyed() {
  useKeyboard();
  return <People />;
}

const queue = (change: Partial<Desk["queues"][number]> = {}) => ({
  checkpoint: "refund",
  waiting: 0,
  oldest_at: null,
  claimed: 0,
  assigned: 0,
  snoozed: 0,
  ...change,
});
const A = aCase({ id: "a", title: "First", claimed_by: "linus" });
const B = aCase({ id: "b", title: "Second", assigned_to: "ada" });
const C = aCase({ id: "c", title: "Third", state: "unknown" });
const desk = (change: Partial<Desk> = {}): Desk => ({
  queues: [queue({ waiting: 12, oldest_at: "2026-03-28T09:00:00Z", claimed: 2 })],
  stuck: [
    { case: A, why: "claimed_long" },
    { case: B, why: "assigned_away" },
  ],
  unknown: [C],
  ...change,
});
const answers = (more: Record<string, unknown> = {}) => ({
  "GET /me": aMe({ roles: ["lead"] }),
  "GET /desk": desk(),
  "GET /people": { items: [aPerson({ assigned: 2, ruled_today: 31 }), aPerson({ id: "ada", here: false, away_since: "2026-03-28T08:00:00Z" })] },
  ...more,
});

describe("the desk in a sentence", () => {
  it("has its figures in words", () => {
    expect(deskWords(desk(), NOW)).toBe("12 waiting, the oldest for 3 h; 2 cases are stuck, 1 effect is unknown.");
    expect(deskWords(desk({ stuck: [], unknown: [] }), NOW)).toBe("12 waiting, the oldest for 3 h; nothing is stuck.");
    expect(deskWords({ queues: [queue()], stuck: [], unknown: [] }, NOW)).toBe("Nothing is waiting; nothing is stuck.");
  });

  it("says why a case does not get on", () => {
    expect(stuckWords({ case: A, why: "claimed_long" }, NOW)).toBe("linus has had it for a long time");
    expect(stuckWords({ case: aCase({ assigned_to: "group:night" }), why: "assigned_away" }, NOW)).toBe(
      "assigned to the group night, where nobody is here",
    );
    expect(stuckWords({ case: B, why: "assigned_away" }, NOW)).toBe(
      "assigned to ada, who is away",
    );
    expect(stuckWords({ case: aCase({ deadline_at: "2026-03-28T12:12:00Z" }), why: "deadline_near" }, NOW)).toBe("expires in 12 min");
  });
});

describe("People", () => {
  it("hands the row that has the focus over by one key, and opens it by another", async () => {
    const after = { ...B, assigned_to: "grace" };
    const asked = serve(answers({ "GET /me": aMe({ id: "lee", roles: ["lead"] }), "GET /cases/b": { ...aView(), case: B }, "POST /cases/b/hand_over": after }));
    const { location } = show(<Keyed />);
    await screen.findByRole("link", { name: "First" });
    fireEvent.keyDown(document.body, { key: "j" });
    expect(document.activeElement?.textContent).toBe("First");
    fireEvent.keyDown(document.activeElement as Element, { key: "j" });
    expect(document.activeElement?.textContent).toBe("Second");
    fireEvent.keyDown(document.activeElement as Element, { key: "f" });
    const filter = await screen.findByRole("combobox");
    await screen.findByRole("option", { name: /grace/ });
    fireEvent.submit(filter);
    await screen.findByText("Handed over to grace.");
    expect(asked.find((one) => one.method === "POST")).toMatchObject({ path: "/cases/b/hand_over", body: { to: "grace" } });
    expect(document.activeElement?.textContent).toBe("Third");
    fireEvent.keyDown(document.activeElement as Element, { key: "f" });
    await screen.findByText(/Its effect is unknown, so there is nothing to hand over/);
    fireEvent.keyDown(document.activeElement as Element, { key: "o" });
    expect(location.history?.at(-1)).toBe("/cases/c");
  });

  it("says what marking oneself away does, and does it", async () => {
    const asked = serve(answers({ "POST /me/presence": aPerson({ away_since: "2026-03-28T12:00:00Z" }) }));
    show(<People />);
    await screen.findByText("2 cases are assigned to you; marked away, you pass them on to others.");
    fireEvent.click(screen.getByRole("button", { name: "Mark me away" }));
    await waitFor(() => expect(asked.find((one) => one.method === "POST")?.body).toEqual({ away: true }));
  });

  it("lets one who is away come back", async () => {
    const asked = serve(answers({ "GET /me": aMe({ id: "ada" }), "POST /me/presence": aPerson({ id: "ada" }) }));
    show(<People />);
    fireEvent.click(await screen.findByRole("button", { name: "I am back" }));
    await waitFor(() => expect(asked.find((one) => one.method === "POST")?.body).toEqual({ away: false }));
  });

  it("tells who is here, and looks again on demand", async () => {
    const asked = serve(answers());
    show(<People />);
    const ada = await screen.findByRole("row", { name: /ada/ });
    expect(ada.textContent).toMatch(/away for \d/);
    expect(screen.getByRole("row", { name: /grace/ }).textContent).toMatch(/here.*0.*2.*31/);
    const again = screen.getByRole<HTMLButtonElement>("button", { name: "Look again" });
    await waitFor(() => expect(again.disabled).toBe(false));
    fireEvent.click(again);
    await waitFor(() => expect(asked.filter((one) => one.path === "/desk")).toHaveLength(2));
  });

  it("says why when it may not look", async () => {
    serve({ "GET /me": aMe(), "GET /desk": new Refused(403, { detail: "grace is no lead", code: "not_allowed" }), "GET /people": { items: [] } });
    show(<People />);
    await screen.findByText("grace is no lead");
  });
});
