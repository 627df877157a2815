/** What the inbox asks of the server, one function for each route. */
import { request } from "./request";
import type {
  Arguments,
  Assigned,
  Case,
  CaseView,
  Checkpoint,
  Desk,
  Entry,
  History,
  Me,
  Page,
  Person,
  QueuePage,
  Similar,
  State,
  VerdictKind,
} from "./types";

export interface QueueQuery {
  checkpoint?: string | null;
  assigned?: Assigned | null;
  text?: string | null;
  after?: string | null;
  limit?: number;
  /** Whether to give the first case as a whole, too. */
  with_first?: boolean;
}

export interface CasesQuery {
  state?: State[];
  checkpoint?: string | null;
  text?: string | null;
  after?: string | null;
  limit?: number;
  newest_first?: boolean;
}

export interface VerdictSent {
  id: string;
  kind: VerdictKind;
  revision: number;
  content_hash: string;
  fence?: number | null;
  arguments?: Arguments;
  reason?: string;
  seconds?: number;
}

const at = (id: string) => `/cases/${encodeURIComponent(id)}`;

export const me = () => request<Me>("GET", "/me");
export const signIn = (account: string, password: string) =>
  request<Me>("POST", "/session", { body: { account, password } });
export const signOut = () => request<undefined>("DELETE", "/session");

export const queue = (query: QueueQuery, signal?: AbortSignal) =>
  request<QueuePage>("GET", "/queue", { query: { ...query }, ...(signal && { signal }) });
export const cases = (query: CasesQuery, signal?: AbortSignal) =>
  request<Page<Case>>("GET", "/cases", { query: { ...query }, ...(signal && { signal }) });
export const counts = () =>
  request<{ checkpoints: Record<string, Partial<Record<State, number>>> }>("GET", "/counts");
export const checkpoints = () => request<Checkpoint[]>("GET", "/checkpoints");
export const labels = (checkpoint: string) =>
  request<{ items: { label: string; cases: number }[] }>("GET", `/checkpoints/${encodeURIComponent(checkpoint)}/labels`);

export const view = (id: string, signal?: AbortSignal) => request<CaseView>("GET", at(id), signal && { signal });
export const history = (id: string) => request<History>("GET", `${at(id)}/history`);
export const similar = (id: string) => request<{ items: Similar[] }>("GET", `${at(id)}/similar`);

export const claim = (case_ids: string[], hold_s: number) =>
  request<Case[]>("POST", "/claims", { body: { case_ids, hold_s } });
export const claimCase = (id: string, hold_s: number) => request<Case>("POST", `${at(id)}/claim`, { body: { hold_s } });
export const renew = (case_ids: string[], hold_s: number) =>
  request<{ held: Case[]; lost: string[] }>("POST", "/claims/renew", { body: { case_ids, hold_s } });
export const release = (case_ids: string[], keepalive = false) =>
  request<Case[]>("POST", "/claims/release", { body: { case_ids }, keepalive });

export const rule = (id: string, verdict: VerdictSent) =>
  request<Case>("POST", `${at(id)}/verdict`, { body: verdict });
export const recall = (id: string) => request<Case>("POST", `${at(id)}/recall`);
export const giveReason = (id: string, verdict_id: string, reason: string) =>
  request<Case>("POST", `${at(id)}/reason`, { body: { verdict_id, reason } });
export const redraft = (id: string, note: string) => request<Case>("POST", `${at(id)}/redraft`, { body: { note } });
export const handOver = (id: string, to: string, note: string | null) =>
  request<Case>("POST", `${at(id)}/hand_over`, { body: { to, note } });
export const snooze = (id: string, for_s: number) => request<Case>("POST", `${at(id)}/snooze`, { body: { for_s } });
export const snoozeUntil = (id: string, until: Date) =>
  request<Case>("POST", `${at(id)}/snooze`, { body: { until: until.toISOString() } });
export const resolve = (id: string, move: "confirm_done" | "send_again" | "confirm_failed", note: string | null) =>
  request<Case>("POST", `${at(id)}/resolve`, { body: { move, note } });
export const reverse = (id: string, reason: string | null) =>
  request<Case>("POST", `${at(id)}/reverse`, { body: { reason } });

export const people = () => request<{ items: Person[] }>("GET", "/people");
export const presence = (away: boolean | null) => request<Person>("POST", "/me/presence", { body: { away } });
export const desk = () => request<Desk>("GET", "/desk");

export type { Entry };
