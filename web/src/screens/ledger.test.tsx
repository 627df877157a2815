import { act, fireEvent, screen, waitFor } from "@testing-library/react";
import { describe, expect, it } from "vitest";

import type { Event } from "../api/types";
import { useKeyboard } from "../keys/keyboard";
import { Lines } from "./follow";
import Ledger from "./ledger";
import { MOST, NO_ROWS, rowsAfter } from "./ledger_rows";
import { aCheckpoint, type Asked, browser, Refused, serve, show } from "./stand_in";

browser();

const event = (seq: number, change: Partial<Event> = {}): Event => ({
  seq,
  at: "2026-03-28T09:00:00Z",
  kind: "move",
  act: "rule",
  case_id: "case-1",
  checkpoint: "refund",
  revision: 1,
  state: "held",
  actor: `person-${seq}`,
  actor_kind: "person",
  ...change,
});
const line = (one: Event) => `id: ${one.seq}\nevent: ${one.kind}\ndata: ${JSON.stringify(one)}\n\n`;

/** A stream that a test writes to. */
function stream() {
  let at: ReadableStreamDefaultController<Uint8Array> | null = null;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (at = controller) });
  return {
    response: new Response(body, { headers: { "content-type": "text/event-stream" } }),
    write: (text: string) => at?.enqueue(new TextEncoder().encode(text)),
    close: () => at?.close(),
  };
}

function Keyed() {
  useKeyboard();
  return <Ledger />;
}

describe("Lines", () => {
  it("put a stream together, wherever it was cut", () => {
    const text = `: following\nid: 7\nretry: 1000\n\n${line(event(8))}: alive\n\nid: 12\n\n${line(event(13))}`;
    for (let cut = 1; cut < text.length; cut += 1) {
      const lines = new Lines();
      const found = [...lines.take(text.slice(0, cut)), ...lines.take(text.slice(cut))];
      expect(found.map((one) => one.seq)).toEqual([8, 13]);
      expect(lines.seq).toBe(13);
    }
  });
});

describe("rowsAfter", () => {
  const come = (from: number, to: number, still: boolean) => ({
    kind: "events" as const,
    events: Array.from({ length: to - from + 1 }, (_, index) => event(from + index)),
    still,
  });

  it("keeps no more than it says, and counts what it does not keep", () => {
    let rows = rowsAfter(NO_ROWS, come(1, 700, false));
    expect([rows.shown.length, rows.shown[0]?.seq]).toEqual([MOST, 700]);
    rows = rowsAfter(rows, come(701, 1300, true));
    expect([rows.shown[0]?.seq, rows.collected.length, rows.arrived]).toEqual([700, MOST, 600]);
    rows = rowsAfter(rows, { kind: "show" });
    expect([rows.shown[0]?.seq, rows.shown.length, rows.collected.length, rows.arrived]).toEqual([1300, MOST, 0, 0]);
  });

  it("goes on collecting until somebody looks, and takes no entry twice", () => {
    let rows = rowsAfter(NO_ROWS, come(1, 3, false));
    rows = rowsAfter(rows, come(4, 4, true));
    rows = rowsAfter(rows, come(4, 5, false));
    expect(rows.shown.map((one) => one.seq)).toEqual([3, 2, 1]);
    expect(rows.collected.map((one) => one.seq)).toEqual([5, 4]);
  });
});

describe("Ledger", () => {
  const open = (answer: (asked: Asked) => unknown) => serve({ "GET /checkpoints": [aCheckpoint()], "GET /events": answer });

  it("begins 200 entries back, and collects what comes while a row has the focus", async () => {
    const first = stream();
    const second = stream();
    const asked = open(({ query }) => (query.has("after_seq") ? second.response : first.response));
    const { location } = show(<Keyed />, "/ledger");
    first.write(": following\nid: 1000\nretry: 1000\n\n");
    await waitFor(() => expect(asked.filter((one) => one.path === "/events").at(-1)?.query.get("after_seq")).toBe("800"));
    await act(async () => second.write(line(event(999)) + line(event(1000, { case_id: "case-2" }))));
    expect((await screen.findAllByRole("row")).map((row) => /person-\d+|Entry/.exec(row.textContent)?.[0])).toEqual([
      "Entry",
      "person-1000",
      "person-999",
    ]);
    fireEvent.keyDown(document.body, { key: "j" });
    await act(async () => second.write(line(event(1001))));
    await screen.findByRole("button", { name: /1 new/ });
    expect(screen.queryByText(/person-1001/)).toBeNull();
    fireEvent.keyDown(document.activeElement as Element, { key: "n" });
    await screen.findByText(/person-1001/);
    fireEvent.keyDown(document.activeElement as Element, { key: "o" });
    expect(location.history?.at(-1)).toBe("/cases/case-2");
  });

  it("stands still while it is paused, and goes on with what came", async () => {
    const only = stream();
    open(({ query }) => (query.has("after_seq") ? only.response : new Response(": following\nid: 3\n\n")));
    show(<Ledger />, "/ledger");
    await act(async () => only.write(line(event(3))));
    await screen.findByText(/person-3/);
    fireEvent.click(screen.getByRole("button", { name: "Pause" }));
    await act(async () => only.write(line(event(4))));
    await screen.findByRole("button", { name: /1 new/ });
    expect(screen.queryByText(/person-4/)).toBeNull();
    fireEvent.click(screen.getByRole("button", { name: "Go on" }));
    await screen.findByText(/person-4/);
  });

  it("follows one queue only, where the address says so", async () => {
    const asked = open(() => new Response(": following\nid: 3\n\n"));
    const { location } = show(<Ledger />, "/ledger?checkpoint=refund");
    await waitFor(() => expect(asked.find((one) => one.path === "/events")?.query.get("checkpoint")).toBe("refund"));
    fireEvent.change(screen.getByLabelText("Queue"), { target: { value: "" } });
    expect(location.history?.at(-1)).toBe("/ledger");
  });

  it("says why when it may not be read, and does not ask again", async () => {
    open(() => new Refused(403, { detail: "this token may not read", code: "not_allowed" }));
    show(<Ledger />, "/ledger");
    await screen.findByText("this token may not read");
  });

  it("goes on after a break where it stopped", async () => {
    const broken = stream();
    const next = stream();
    const after: (string | null)[] = [];
    open(({ query }) => {
      if (!query.has("after_seq")) return new Response(": following\nid: 300\n\n");
      after.push(query.get("after_seq"));
      return after.length === 1 ? broken.response : next.response;
    });
    show(<Ledger />, "/ledger");
    await waitFor(() => expect(after).toEqual(["100"]));
    await act(async () => broken.write(line(event(120))));
    await screen.findByText(/person-120/);
    await act(async () => broken.close());
    await screen.findByText("The connection broke; trying again.");
    await waitFor(() => expect(after).toEqual(["100", "120"]), { timeout: 5_000 });
  });
});
