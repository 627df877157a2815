import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { describe, expect, it, vi } from "vitest";

import type { Case, Entry, History } from "../api/types";
import CasePage from "./case_page";
import { aCase, aCheckpoint, aMe, aView, browser, Refused, serve, show } from "./stand_in";

browser();
const ID = aCase().id;

const entry = (seq: number, act: string, change: Partial<Entry> = {}): Entry => ({
  seq,
  at: `2026-03-28T09:00:0${seq}Z`,
  kind: "move",
  act,
  case_id: ID,
  checkpoint: "refund",
  revision: 1,
  actor: "grace",
  actor_kind: "person",
  facts: {},
  ...change,
});

const aHistory = (change: Partial<Case> = {}, more: Partial<History> = {}): History => ({
  case: aCase(change),
  checkpoint: aCheckpoint(),
  entries: [entry(1, "propose", { actor: "shop-bot", actor_kind: "service" })],
  contents: [aView(change).content],
  evidence: {},
  routings: [],
  verdicts: [],
  votes: [],
  attempts: [],
  audit: null,
  notes: [],
  ...more,
});

const answers = (history: History, more: Record<string, unknown> = {}) => ({
  "GET /me": aMe(),
  "GET /checkpoints": [aCheckpoint()],
  [`GET /cases/${ID}/history`]: history,
  [`GET /cases/${ID}`]: { ...aView(), case: history.case, content: history.contents.at(-1) },
  ...more,
});

describe("CasePage", () => {
  it("tells what happened in words, with what changed and what counts no more", async () => {
    const edited = { ...aView().content, revision: 2, arguments: { order: "7", cents: 3000 }, author: "grace" };
    const history = aHistory(
      { state: "waiting", revision: 2 },
      {
        contents: [aView().content, edited],
        entries: [
          entry(1, "propose", { actor: "shop-bot", actor_kind: "service" }),
          entry(2, "rule", { revision: 2, facts: { verdict: "v1", kind: "edited" } }),
          entry(3, "recall", { revision: 2, facts: { verdict: "v1" } }),
          entry(4, "hand_over", { kind: "handover", revision: 2, facts: { to: "group:billing" } }),
        ],
        verdicts: [
          {
            id: "v1",
            case_id: ID,
            revision: 1,
            draft_revision: 1,
            kind: "edited",
            content_hash: "b".repeat(64),
            reviewer: "grace",
            ruled_at: "2026-03-28T09:00:02Z",
            seconds: 12.4,
            voided_at: "2026-03-28T09:00:03Z",
          },
        ],
        notes: [{ case_id: ID, number: 1, about: "hand_over", author: "grace", written_at: "2026-03-28T09:00:04Z", text: "They know him" }],
      },
    );
    serve(answers(history));
    show(<CasePage caseId={ID} />);
    await screen.findByRole("heading", { name: "Charged twice in October" });
    const line = (await screen.findByText(/edited and approved it/)).closest("li") as HTMLElement;
    expect(line.textContent).toContain("grace edited and approved it");
    expect(line.textContent).toContain("It was on screen for 12.4 s.");
    expect(line.textContent).toContain("counts no more");
    expect(line.querySelector("del")?.textContent).toContain("4000");
    expect(line.querySelector("ins")?.textContent).toContain("3000");
    expect(within(line).getAllByTitle("2026-03-28 09:00:02 UTC")).toHaveLength(1);
    expect(screen.getByText("They know him").closest("li")?.textContent).toContain("handed it over to the group billing");
    expect(screen.getByRole("link", { name: "Open in the inbox" }).getAttribute("href")).toBe(`/?case=${ID}`);
  });

  it("undoes one's own verdict while it is held, and nobody else's", async () => {
    const held = aHistory(
      { state: "held", verdict_id: "v1", due_at: new Date(Date.now() + 60_000).toISOString() },
      {
        verdicts: [
          { id: "v1", case_id: ID, revision: 1, draft_revision: 1, kind: "approved", content_hash: "", reviewer: "grace", ruled_at: "2026-03-28T09:00:02Z" },
        ],
      },
    );
    const asked = serve(answers(held, { [`POST /cases/${ID}/recall`]: aCase() }));
    const { unmount } = show(<CasePage caseId={ID} />);
    fireEvent.click(await screen.findByRole("button", { name: /^Undo/ }));
    await waitFor(() => expect(asked.some((one) => one.path === `/cases/${ID}/recall`)).toBe(true));
    unmount();

    serve(answers(held, { "GET /me": aMe({ id: "ada", roles: ["lead"] }) }));
    show(<CasePage caseId={ID} />);
    await screen.findByText("Held");
    await screen.findByText(/What happened/);
    expect(screen.queryByRole("button", { name: /^Undo/ })).toBeNull();
  });

  it("resolves an unknown effect only after a second step that says what follows", async () => {
    const unknown = aHistory(
      { state: "unknown", attempt: 1 },
      {
        attempts: [
          {
            case_id: ID,
            attempt: 1,
            generation: 1,
            key: `${ID}.1`,
            worker: "host:1",
            started_at: "2026-03-28T09:00:05Z",
            lease_until: "2026-03-28T09:00:35Z",
            finished_at: "2026-03-28T09:00:35Z",
            ending: "timed_out",
            problem: "no answer from pay.example",
          },
        ],
      },
    );
    const asked = serve(answers(unknown, { "GET /me": aMe({ roles: ["lead"] }), [`POST /cases/${ID}/resolve`]: aCase({ state: "failed" }) }));
    show(<CasePage caseId={ID} />);
    await screen.findByText("no answer from pay.example");
    expect(screen.getByText(`${ID}.1`)).toBeTruthy();
    expect(screen.getByText(/no answer came in time, so it may have happened/)).toBeTruthy();
    const on = await screen.findByRole<HTMLButtonElement>("button", { name: "Continue…" });
    expect(on.disabled).toBe(true);
    fireEvent.click(screen.getByRole("radio", { name: /It did not happen; send it again/ }));
    expect(screen.getByText(/under a new idempotency key. If the first one did arrive after all, it happens twice/)).toBeTruthy();
    fireEvent.click(screen.getByRole("radio", { name: /and shall not/ }));
    fireEvent.change(screen.getByLabelText("How you know (optional)"), { target: { value: "Asked the bank" } });
    fireEvent.click(on);
    expect(asked.some((one) => one.method === "POST")).toBe(false);
    const yes = screen.getByRole("button", { name: "Yes, record that" });
    expect(document.activeElement).toBe(yes);
    fireEvent.click(yes);
    await waitFor(() => expect(asked.find((one) => one.method === "POST")?.body).toEqual({ move: "confirm_failed", note: "Asked the bank" }));
  });

  it("offers no way out of an unknown effect to those who may not take it", async () => {
    serve(answers(aHistory({ state: "unknown" })));
    show(<CasePage caseId={ID} />);
    await screen.findByText("A lead or an admin says what became of it.");
    expect(screen.queryByRole("radio")).toBeNull();
  });

  it("reverses what is done where there is a reversal, with a reason; and says where there is none", async () => {
    const done = aHistory({ state: "done" });
    const reversal = aCase({ id: "reversal-1", checkpoint: "take_back", reverses: ID });
    const asked = serve(
      answers(done, {
        "GET /checkpoints": [aCheckpoint(), aCheckpoint({ name: "take_back", reverses: "refund" })],
        [`POST /cases/${ID}/reverse`]: reversal,
      }),
    );
    const { unmount } = show(<CasePage caseId={ID} />);
    fireEvent.click(await screen.findByRole("button", { name: "Reverse…" }));
    const send = screen.getByRole<HTMLButtonElement>("button", { name: "Reverse it" });
    expect(send.disabled).toBe(true);
    fireEvent.change(screen.getByLabelText("Why"), { target: { value: "Paid twice" } });
    fireEvent.click(send);
    expect((await screen.findByRole("link", { name: "its case" })).getAttribute("href")).toBe("/cases/reversal-1");
    expect(asked.find((one) => one.method === "POST")?.body).toEqual({ reason: "Paid twice" });
    unmount();

    serve(answers(done));
    show(<CasePage caseId={ID} />);
    await screen.findByText(/refund has no reversal, so this cannot be undone from here/);
  });

  it("withholds what the policy says until there is a verdict", async () => {
    const history = aHistory(
      { revision: 2 },
      {
        contents: [aView().content, { ...aView().content, revision: 2, arguments: { order: "7", cents: 1 } }],
        entries: [entry(1, "propose"), entry(2, "redraft", { revision: 2 })],
      },
    );
    serve(answers(history, { [`GET /cases/${ID}`]: { ...aView(), case: history.case, withheld: true } }));
    show(<CasePage caseId={ID} />);
    expect(await screen.findAllByText("Withheld until you have ruled.")).toHaveLength(2);
    expect(document.querySelector("ins, del")).toBeNull();
  });

  it("says calmly that there is no such case, with a way back", async () => {
    serve({ "GET /me": aMe(), "GET /cases/gone/history": new Refused(404, { detail: "there is no case gone", code: "unknown_case" }) });
    show(<CasePage caseId="gone" />);
    await screen.findByRole("heading", { name: "There is no such case" });
    expect(screen.getByRole("link", { name: "To the inbox" }).getAttribute("href")).toBe("/");
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("copies ids, and says when it may not", async () => {
    serve(answers(aHistory()));
    const writeText = vi.fn(async () => undefined);
    vi.stubGlobal("navigator", { ...navigator, clipboard: { writeText } });
    show(<CasePage caseId={ID} />);
    fireEvent.click(await screen.findByRole("button", { name: "Copy the content hash" }));
    await screen.findByText("Copied the content hash.");
    expect(writeText).toHaveBeenCalledWith("a".repeat(64));
    writeText.mockRejectedValueOnce(new Error("not allowed"));
    fireEvent.click(screen.getByRole("button", { name: "Copy link to this case" }));
    await screen.findByText("The browser does not let this page copy.");
  });

  it("asks only, and decides nothing, by being opened", async () => {
    const asked = serve(answers(aHistory()));
    show(<CasePage caseId={ID} />);
    await screen.findByText("What happened");
    expect(new Set(asked.map((one) => one.method))).toEqual(new Set(["GET"]));
  });
});
