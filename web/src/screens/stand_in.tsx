/** For tests: a server at the other end of `fetch`, and what jsdom lacks of a browser. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, render } from "@testing-library/react";
import type { ReactNode } from "react";
import { afterEach, beforeEach, vi } from "vitest";
import { Router } from "wouter";
import { memoryLocation } from "wouter/memory-location";

import type { Case, Checkpoint, Me, Person } from "../api/types";

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}

type Answer = (asked: Asked) => unknown;

/** An answer that is no success. */
export class Refused {
  readonly status: number;
  readonly document: Record<string, unknown>;
  constructor(status: number, document: Record<string, unknown>) {
    this.status = status;
    this.document = document;
  }
}

/** Answer `fetch` by "METHOD /path"; gives the list of all that was asked. What has no answer is 404. */
export function serve(answers: Record<string, unknown>, headers: () => Record<string, string> = () => ({})): Asked[] {
  const all: Asked[] = [];
  vi.stubGlobal("fetch", async (address: string, init: RequestInit = {}) => {
    const url = new URL(address, "http://desk.test");
    const asked: Asked = {
      method: init.method ?? "GET",
      path: url.pathname.replace("/api/v1", ""),
      query: url.searchParams,
      body: typeof init.body === "string" ? JSON.parse(init.body) : null,
    };
    all.push(asked);
    const answer = answers[`${asked.method} ${asked.path}`];
    const given = typeof answer === "function" ? await (answer as Answer)(asked) : answer;
    if (given instanceof Response) return given;
    if (given === null) return new Response(null, { status: 204 });
    const refused =
      given instanceof Refused ? given : given === undefined ? new Refused(404, { detail: `no ${asked.path}`, code: "not_found" }) : null;
    return refused ? Response.json(refused.document, { status: refused.status, headers: headers() }) : Response.json(given, { headers: headers() });
  });
  return all;
}

/** Draw it as the app does, at an address. */
export function show(element: ReactNode, at = "/") {
  const [path = "", search = ""] = at.split("?");
  const location = memoryLocation({ path, searchPath: search, record: true });
  const queries = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const drawn = render(
    <QueryClientProvider client={queries}>
      <Router hook={location.hook} searchHook={location.searchHook}>
        {element}
      </Router>
    </QueryClientProvider>,
  );
  return { ...drawn, location };
}

/** Undo after each test what a test did to the page, and give jsdom the dialogs that browsers have. */
export function browser(): void {
  beforeEach(() => {
    const proto = HTMLDialogElement.prototype;
    proto.showModal = function () {
      this.open = true;
    };
    proto.close = function () {
      if (!this.open) return;
      this.open = false;
      this.dispatchEvent(new Event("close"));
    };
  });
  afterEach(() => {
    cleanup();
    vi.useRealTimers();
    vi.unstubAllGlobals();
    vi.unstubAllEnvs();
  });
}

export const aCase = (change: Partial<Case> = {}): Case => ({
  id: "01900000-0000-7000-8000-000000000001",
  title: "Charged twice in October",
  checkpoint: "refund",
  version: 1,
  state: "waiting",
  revision: 1,
  draft_revision: 1,
  content_hash: "a".repeat(64),
  proposer: "shop-bot",
  key: "order-7",
  created_at: "2026-03-28T09:00:00Z",
  due_at: null,
  deadline_at: null,
  snoozed_until: null,
  assigned_to: null,
  opinions: 1,
  claimed_by: null,
  claim_expires_at: null,
  fence: 0,
  verdict_id: null,
  cleared_by: null,
  generation: 1,
  attempt: 0,
  tries: 0,
  reverses: null,
  ...change,
});

export const aCheckpoint = (change: Partial<Checkpoint> = {}): Checkpoint => ({
  name: "refund",
  version: 1,
  description: "Pay a customer back.",
  arguments_schema: { type: "object", properties: { order: { type: "string" }, cents: { type: "integer" } } },
  audit_share: 0,
  backoff_s: 1,
  criteria: [],
  delivery: "at_most_once",
  digest: "",
  max_tries: 5,
  opinions: 1,
  oversight: "always",
  timeout_s: 30,
  undo_s: 10,
  reasons: [],
  blind: false,
  ...change,
});

export const aPerson = (change: Partial<Person> = {}): Person => ({
  id: "grace",
  roles: ["reviewer"],
  groups: [],
  here: true,
  seen_at: "2026-03-28T11:59:00Z",
  away_since: null,
  claimed: 0,
  assigned: 0,
  ruled_today: 0,
  ...change,
});

export const aMe = (change: Partial<Me> = {}): Me => ({
  id: "grace",
  roles: ["reviewer"],
  groups: [],
  scopes: ["review", "read"],
  ...change,
});

export const aView = (change: Partial<Case> = {}) => ({
  case: aCase(change),
  checkpoint: aCheckpoint(),
  content: {
    case_id: aCase(change).id,
    revision: 1,
    arguments: { order: "7", cents: 4000 },
    author: "shop-bot",
    rationale: null,
    alternatives: [],
  },
  evidence: {},
  routing: null,
  withheld: false,
});
