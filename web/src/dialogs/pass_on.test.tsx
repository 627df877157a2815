import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { aCase, aMe, aPerson, aView, browser, Refused, serve, show } from "../screens/stand_in";
import { addressees, matching } from "./addressees";
import { HandOver } from "./hand_over";
import { Redraft } from "./redraft";
import { Snooze } from "./snooze";
import { fieldValue, snoozeChoices } from "./snooze_choices";

browser();
const ID = aCase().id;

describe("snoozeChoices", () => {
  beforeEach(() => vi.stubEnv("TZ", "Europe/Berlin"));
  afterEach(() => vi.unstubAllEnvs());
  const until = (now: string) => snoozeChoices(new Date(now)).map((choice) => choice.until.toISOString());

  it("keep to the clock on the wall when it goes forward", () => {
    // Saturday noon; the next night has 23 hours.
    expect(until("2026-03-28T11:00:00Z")).toEqual([
      "2026-03-28T12:00:00.000Z",
      "2026-03-28T14:00:00.000Z",
      "2026-03-29T07:00:00.000Z",
      "2026-03-30T07:00:00.000Z",
      "2026-04-04T10:00:00.000Z",
    ]);
  });

  it("keep to it when it goes back, and never take today for the next Monday", () => {
    expect(until("2026-10-19T22:30:00Z").slice(2)).toEqual([
      "2026-10-21T07:00:00.000Z",
      "2026-10-26T08:00:00.000Z",
      "2026-10-26T23:30:00.000Z",
    ]);
    expect(until("2026-10-26T05:00:00Z")[3]).toBe("2026-11-02T08:00:00.000Z");
  });

  it("are written as the field has them", () => {
    expect(fieldValue(new Date("2026-03-28T11:05:00Z"))).toBe("2026-03-28T12:05");
  });
});

describe("Snooze", () => {
  beforeEach(() => {
    vi.stubEnv("TZ", "Europe/Berlin");
    vi.useFakeTimers({ now: new Date("2026-03-28T11:00:00Z"), toFake: ["Date"] });
  });

  it("snoozes by one key, until the time that was shown when it opened", async () => {
    const after = aCase({ snoozed_until: "2026-03-29T07:00:00Z" });
    const asked = serve({ [`POST /cases/${ID}/snooze`]: after });
    const onDone = vi.fn();
    show(<Snooze caseView={aView()} onDone={onDone} onClose={vi.fn()} />);
    expect(screen.getByRole("button", { name: /Tomorrow morning tomorrow/ }).textContent).toMatch(/9:00/);
    vi.setSystemTime(new Date("2026-03-29T22:30:00Z"));
    fireEvent.keyDown(screen.getByRole("dialog"), { key: "3" });
    await waitFor(() => expect(onDone).toHaveBeenCalledWith(after));
    expect(asked[0]?.body).toEqual({ until: "2026-03-29T07:00:00.000Z" });
  });

  it("takes another time, and says it in words; a digit typed there is no choice", async () => {
    const asked = serve({ [`POST /cases/${ID}/snooze`]: aCase() });
    const onDone = vi.fn();
    show(<Snooze caseView={aView()} onDone={onDone} onClose={vi.fn()} />);
    fireEvent.keyDown(screen.getByRole("dialog"), { key: "6" });
    const field = screen.getByLabelText(/Another time/);
    expect(document.activeElement).toBe(field);
    fireEvent.keyDown(field, { key: "1" });
    expect(asked).toHaveLength(0);
    fireEvent.change(field, { target: { value: "2026-03-27T10:00" } });
    expect(screen.getByText("That time is over; choose a later one.")).toBeTruthy();
    fireEvent.change(field, { target: { value: "2026-03-29T10:00" } });
    expect(screen.getByText(/^Until tomorrow 10:00/)).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "Snooze" }));
    await waitFor(() => expect(onDone).toHaveBeenCalled());
    expect(asked[0]?.body).toEqual({ until: "2026-03-29T08:00:00.000Z" });
  });

  it("keeps the keys from the page behind, and says what went wrong", async () => {
    serve({ [`POST /cases/${ID}/snooze`]: new Refused(409, { detail: "ada holds it now", code: "claim_lost" }) });
    const behind = vi.fn();
    window.addEventListener("keydown", behind);
    show(<Snooze caseView={aView()} onDone={vi.fn()} onClose={vi.fn()} />);
    fireEvent.keyDown(screen.getByRole("dialog"), { key: "1" });
    await screen.findByText("ada holds it now");
    window.removeEventListener("keydown", behind);
    expect(behind).not.toHaveBeenCalled();
  });
});

describe("HandOver", () => {
  const people = [
    aPerson({ id: "ada", roles: ["lead"], here: false, away_since: "2026-03-28T08:00:00Z" }),
    aPerson({ id: "grace", claimed: 3 }),
    aPerson({ id: "linus", groups: ["billing"] }),
    aPerson({ id: "auditor", roles: ["auditor"] }),
  ];

  it("offers those who may rule, who are here first, then their groups", () => {
    const all = addressees(people, { asking: null, holder: null });
    expect(all.map((one) => one.to)).toEqual(["linus", "grace", "group:billing", "group:lead", "ada"]);
    const own = addressees(people, { asking: "linus", holder: "grace" });
    expect(own.map((one) => one.to)).toEqual(["group:billing", "group:lead", "ada", "linus", "grace"]);
    expect(matching(all, "BILL").map((one) => one.to)).toEqual(["group:billing", "linus"]);
  });

  it("hands over by filter, arrow and Enter, with a note", async () => {
    const after = aCase({ assigned_to: "group:billing" });
    const asked = serve({ "GET /me": aMe({ id: "ada" }), "GET /people": { items: people }, [`POST /cases/${ID}/hand_over`]: after });
    const onDone = vi.fn();
    show(<HandOver caseView={aView()} onDone={onDone} onClose={vi.fn()} />);
    const filter = screen.getByRole("combobox");
    await screen.findByRole("option", { name: /ada.*away/ });
    fireEvent.change(filter, { target: { value: "bill" } });
    fireEvent.keyDown(filter, { key: "ArrowDown" });
    expect(screen.getByRole("option", { selected: true }).textContent).toContain("linus");
    fireEvent.keyDown(filter, { key: "ArrowUp" });
    expect(screen.getByRole("option", { selected: true }).textContent).toContain("group:billing");
    fireEvent.change(screen.getByLabelText("Note (optional)"), { target: { value: "Knows the customer" } });
    fireEvent.submit(filter);
    await waitFor(() => expect(onDone).toHaveBeenCalledWith(after));
    expect(asked.at(-1)?.body).toEqual({ to: "group:billing", note: "Knows the customer" });
  });

  it("takes a name that is not listed only as it is written, and says so before", async () => {
    const asked = serve({ "GET /me": aMe({ id: "ada" }), "GET /people": { items: people }, [`POST /cases/${ID}/hand_over`]: aCase() });
    const onDone = vi.fn();
    show(<HandOver caseView={aView()} onDone={onDone} onClose={vi.fn()} />);
    await screen.findByRole("option", { name: /linus/ });
    const filter = screen.getByRole("combobox");
    fireEvent.change(filter, { target: { value: "group:night" } });
    expect(screen.getByText(/It goes to “group:night”, exactly as it is written/)).toBeTruthy();
    fireEvent.submit(filter);
    await waitFor(() => expect(onDone).toHaveBeenCalled());
    expect(asked.at(-1)?.body).toEqual({ to: "group:night", note: null });
  });

  it("takes nobody for meant who is not here, unless somebody chose them", async () => {
    const asked = serve({ "GET /me": aMe({ id: "grace" }), "GET /people": { items: people.slice(0, 2) }, [`POST /cases/${ID}/hand_over`]: aCase() });
    const onDone = vi.fn();
    show(<HandOver caseView={aView()} onDone={onDone} onClose={vi.fn()} />);
    await screen.findByRole("option", { name: /grace \(you\)/ });
    const filter = screen.getByRole("combobox");
    fireEvent.submit(filter);
    expect(screen.queryByRole("option", { selected: true })).toBeNull();
    fireEvent.keyDown(filter, { key: "ArrowDown" });
    fireEvent.keyDown(filter, { key: "ArrowDown" });
    fireEvent.submit(filter);
    await waitFor(() => expect(onDone).toHaveBeenCalled());
    expect(asked.filter((one) => one.method === "POST").map((one) => one.body)).toEqual([{ to: "ada", note: null }]);
  });

  it("never offers the proposer", async () => {
    serve({ "GET /me": aMe(), "GET /people": { items: people } });
    show(<HandOver caseView={aView({ proposer: "linus" })} onDone={vi.fn()} onClose={vi.fn()} />);
    await screen.findByRole("option", { name: /grace/ });
    expect(screen.queryByRole("option", { name: /linus/ })).toBeNull();
  });
});

describe("Redraft", () => {
  it("needs a note, says that nothing is approved, and goes by Ctrl+Enter", async () => {
    const asked = serve({ [`POST /cases/${ID}/redraft`]: aCase({ revision: 2 }) });
    const onDone = vi.fn();
    show(<Redraft caseView={aView()} onDone={onDone} onClose={vi.fn()} />);
    const note = screen.getByLabelText("What should be different");
    expect(document.activeElement).toBe(note);
    expect(screen.getByText(/Nothing is approved by this/)).toBeTruthy();
    fireEvent.change(note, { target: { value: "   " } });
    fireEvent.keyDown(note, { key: "Enter", ctrlKey: true });
    expect(asked).toHaveLength(0);
    fireEvent.change(note, { target: { value: "Say sorry first" } });
    fireEvent.keyDown(note, { key: "Enter", ctrlKey: true });
    await waitFor(() => expect(onDone).toHaveBeenCalledWith(aCase({ revision: 2 })));
    expect(asked[0]?.body).toEqual({ note: "Say sorry first" });
  });

  it("closes without a word to the server", () => {
    const asked = serve({});
    const onClose = vi.fn();
    show(<Redraft caseView={aView()} onDone={vi.fn()} onClose={onClose} />);
    act(() => screen.getByRole<HTMLDialogElement>("dialog").close());
    expect(onClose).toHaveBeenCalledOnce();
    expect(asked).toHaveLength(0);
  });
});
