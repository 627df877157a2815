/** The sitting: what one person sees of the queue, as a value. Nothing here asks the server or knows the time. */
import type { Arguments, Assigned, Case, CaseView, Event, VerdictKind } from "../api/types";

export interface Filter {
  checkpoint: string | null;
  assigned: Assigned | null;
  text: string | null;
}

export const EVERYTHING: Filter = { checkpoint: null, assigned: null, text: null };

/** An edit that was not sent, and the content it was made on: another draft may have come since. */
export interface Draft {
  arguments: Arguments;
  content_hash: string;
}

/** A verdict on its way to the server. `id` makes it safe to send twice. */
export interface Outgoing {
  id: string;
  case_id: string;
  kind: VerdictKind;
  revision: number;
  content_hash: string;
  fence: number | null;
  arguments?: Arguments;
  reason?: string;
  seconds: number;
  /** Seconds the server holds it before it takes effect; without a hold it is never kept for later. */
  hold_s: number;
  title: string;
  /** The chosen category, where the queue is one of labels. */
  label?: string;
  /** An edit that was not sent with it; it is back if the verdict is taken back. */
  draft?: Draft;
}

/** A verdict that may be taken back: on its way still, or until then. */
export interface Recallable {
  verdict: Outgoing;
  until: number | null;
}

/** Where a case stands for this person. */
export type Standing =
  | { kind: "open" }
  | { kind: "claimed"; by: string }
  | { kind: "sending"; verdict: Outgoing }
  | { kind: "ruled"; verdict: Outgoing; until: number | null }
  | { kind: "elsewhere"; words: string }
  | { kind: "passed_on"; words: string }
  | { kind: "changed"; before: Arguments; words: string }
  | { kind: "refused"; words: string; verdict: Outgoing };

export interface Row {
  case: Case;
  standing: Standing;
}

export interface Sitting {
  filter: Filter;
  rows: readonly Row[];
  /** Id after which the next page begins; null when the end of the queue is loaded. */
  after: string | null;
  listed: "no" | "loading" | "yes" | "failed";
  current: string | null;
  views: Readonly<Record<string, CaseView>>;
  /** Why a case could not be loaded. */
  missing: Readonly<Record<string, string>>;
  drafts: Readonly<Record<string, Draft>>;
  selected: ReadonlySet<string>;
  /** Where a selection that is extended began. */
  anchor: string | null;
  arrived: ReadonlySet<string>;
  /** Verdicts of this sitting that stand. */
  ruled: number;
  /** The newest last, whichever queue they were given in. */
  recallable: readonly Recallable[];
}

export const NEW_SITTING: Sitting = {
  filter: EVERYTHING,
  rows: [],
  after: null,
  listed: "no",
  current: null,
  views: {},
  missing: {},
  drafts: {},
  selected: new Set(),
  anchor: null,
  arrived: new Set(),
  ruled: 0,
  recallable: [],
};

export const OPEN: Standing = { kind: "open" };

export function without<T>(record: Readonly<Record<string, T>>, id: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== id));
}

/** Whether a verdict of this person could count. */
export function mayBeRuled(standing: Standing): boolean {
  return standing.kind === "open" || standing.kind === "changed" || standing.kind === "refused";
}

/** Whether the person still has something to do there. */
function waits(standing: Standing): boolean {
  return mayBeRuled(standing) || standing.kind === "claimed";
}

export function indexOf(sitting: Sitting, id: string | null): number {
  return id === null ? -1 : sitting.rows.findIndex((row) => row.case.id === id);
}

export function rowOf(sitting: Sitting, id: string | null): Row | undefined {
  return sitting.rows[indexOf(sitting, id)];
}

/** Give the same sitting with one row changed; a case that is not listed stays so. */
export function withRow(sitting: Sitting, id: string, change: (row: Row) => Row): Sitting {
  const at = indexOf(sitting, id);
  const row = sitting.rows[at];
  if (!row) return sitting;
  const rows = sitting.rows.slice();
  rows[at] = change(row);
  return { ...sitting, rows };
}

export function stand(sitting: Sitting, id: string, standing: Standing): Sitting {
  return withRow(sitting, id, (row) => ({ ...row, standing }));
}

/** The row a step away, whatever it stands at. */
export function step(sitting: Sitting, by: 1 | -1): string | null {
  const at = indexOf(sitting, sitting.current);
  if (at < 0) return sitting.rows[0]?.case.id ?? null;
  return sitting.rows[at + by]?.case.id ?? null;
}

/** Where to go once the case on screen is ruled: the next that can be, else the first one before it. */
export function following(sitting: Sitting, id: string): string | null {
  const at = indexOf(sitting, id);
  const open = (row: Row) => mayBeRuled(row.standing) && row.case.id !== id;
  const next = sitting.rows.slice(at + 1).find(open) ?? sitting.rows.slice(0, Math.max(at, 0)).find(open);
  return next?.case.id ?? null;
}

const AHEAD = 5;

/** The cases to have in memory: the one on screen first, then the next five and the previous one. */
export function near(sitting: Sitting): string[] {
  const at = indexOf(sitting, sitting.current);
  if (sitting.current === null) return [];
  // A case that is not listed, come to by a link, is followed by the list's first.
  const ahead = sitting.rows.slice(at + 1).filter((row) => waits(row.standing));
  const behind = sitting.rows[at - 1];
  return [sitting.current, ...[...ahead.slice(0, AHEAD), behind].flatMap((row) => (row ? [row.case.id] : []))];
}

/** Of those, the ones to hold a claim on: what this person could rule. */
export function toClaim(sitting: Sitting): string[] {
  return near(sitting).filter((id) => {
    const row = rowOf(sitting, id);
    return row === undefined || mayBeRuled(row.standing);
  });
}

/** The order of the queue: ids rise with the time of proposal. */
function inOrder(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => (a.case.id < b.case.id ? -1 : 1));
}

/** Have a case in the list that a link led to, though the queue does not offer it, or not yet. */
export function placed(sitting: Sitting, found: Case): Sitting {
  if (rowOf(sitting, found.id)) return sitting;
  return { ...sitting, rows: inOrder([...sitting.rows, { case: found, standing: OPEN }]) };
}

/**
 * Put a page of the queue at the end; what is there already keeps its place.
 *
 * Args:
 *     before: The new cases that were known of when the page was asked for; those that came since may not be in it.
 */
export function listed(sitting: Sitting, page: readonly Case[], after: string | null, before = sitting.arrived): Sitting {
  const known = new Set(sitting.rows.map((row) => row.case.id));
  // The queue offers nothing that somebody else holds: another's claim that is named there has lapsed.
  const added = page.filter((found) => !known.has(found.id)).map((found) => ({ case: found, standing: OPEN }));
  const arrived = new Set(sitting.arrived);
  for (const found of page) arrived.delete(found.id);
  if (after === null) for (const id of before) arrived.delete(id);
  return { ...sitting, rows: inOrder([...sitting.rows, ...added]), after, listed: "yes", arrived };
}

/**
 * Begin the list anew with what waits now, on the person's own wish.
 *
 * The case on screen stays, and so do verdicts that can still be taken back.
 */
export function relisted(
  sitting: Sitting,
  page: readonly Case[],
  after: string | null,
  now: number,
  before = sitting.arrived,
): Sitting {
  const fresh = new Set(page.map((found) => found.id));
  const keeps = (row: Row) =>
    row.case.id === sitting.current ||
    row.standing.kind === "sending" ||
    row.standing.kind === "refused" ||
    (row.standing.kind === "ruled" && row.standing.until !== null && row.standing.until > now) ||
    (mayBeRuled(row.standing) && fresh.has(row.case.id));
  const kept = { ...sitting, rows: sitting.rows.filter(keeps) };
  const next = listed(kept, page, after, before);
  const arrived = new Set([...next.arrived].filter((id) => !before.has(id)));
  return { ...next, arrived, selected: new Set(), anchor: null };
}

/** Take in a case as it was loaded; tells what changed under the person's eyes, if they may have read it. */
export function loaded(sitting: Sitting, view: CaseView, read = true): Sitting {
  const id = view.case.id;
  const before = sitting.views[id];
  let next: Sitting = { ...sitting, missing: without(sitting.missing, id), views: { ...sitting.views, [id]: view } };
  next = withRow(next, id, (row) => ({ ...row, case: view.case }));
  const row = rowOf(next, id);
  const changed = before !== undefined && before.case.content_hash !== view.case.content_hash;
  if (changed && read && id === sitting.current && row && mayBeRuled(row.standing)) {
    next = stand(next, id, {
      kind: "changed",
      before: before.content.arguments as Arguments,
      words: "The draft changed while you were looking. This is the new one.",
    });
  }
  return next;
}

/** Take in claims: a newer number of the claim, and a draft that was made anew at that moment must be loaded again. */
export function claimed(sitting: Sitting, cases: readonly Case[]): { sitting: Sitting; stale: string[] } {
  let next = sitting;
  const stale: string[] = [];
  for (const found of cases) {
    const view = next.views[found.id];
    next = withRow(next, found.id, (row) => ({
      case: found,
      standing: row.standing.kind === "claimed" ? OPEN : row.standing,
    }));
    if (!view) continue;
    if (view.case.content_hash === found.content_hash && view.case.revision === found.revision) {
      next = { ...next, views: { ...next.views, [found.id]: { ...view, case: found } } };
    } else {
      stale.push(found.id);
    }
  }
  return { sitting: next, stale };
}

/** Put a verdict on the row and go on to the next case, before the server has answered. */
export function sent(sitting: Sitting, verdict: Outgoing): Sitting {
  const on = following(sitting, verdict.case_id);
  const selected = new Set(sitting.selected);
  selected.delete(verdict.case_id);
  const recallable = verdict.hold_s > 0 ? [...sitting.recallable, { verdict, until: null }] : sitting.recallable;
  const next = stand({ ...sitting, selected, recallable, ruled: sitting.ruled + 1 }, verdict.case_id, { kind: "sending", verdict });
  return sitting.current === verdict.case_id ? { ...next, current: on ?? verdict.case_id } : next;
}

/** The server has it. */
export function accepted(sitting: Sitting, verdict: Outgoing, after: Case, until: number | null): Sitting {
  const recallable =
    until === null
      ? notRecallable(sitting, verdict.id)
      : sitting.recallable.map((each) => (each.verdict.id === verdict.id ? { verdict, until } : each));
  return withRow({ ...sitting, recallable }, verdict.case_id, (row) => {
    const mine = row.standing.kind === "sending" && row.standing.verdict.id === verdict.id;
    return mine ? { case: after, standing: { kind: "ruled", verdict, until } } : row;
  });
}

/** What was typed for a verdict; a chosen category is no text somebody would miss. */
function typedIn({ arguments: typed, label, content_hash }: Outgoing): Draft | undefined {
  return typed && label === undefined ? { arguments: typed, content_hash } : undefined;
}

/** The server refused it: the case is back, with what was typed, and says why. */
export function refused(sitting: Sitting, verdict: Outgoing, standing: Standing): Sitting {
  const typed = standing.kind === "elsewhere" ? undefined : typedIn(verdict);
  const drafts = typed ? { ...sitting.drafts, [verdict.case_id]: typed } : sitting.drafts;
  const recallable = notRecallable(sitting, verdict.id);
  return stand({ ...sitting, drafts, recallable, ruled: Math.max(0, sitting.ruled - 1) }, verdict.case_id, standing);
}

/** A verdict was taken back: the case waits again, with its edits. */
export function takenBack(sitting: Sitting, verdict: Outgoing): Sitting {
  const edited = typedIn(verdict) ?? verdict.draft;
  const drafts = edited ? { ...sitting.drafts, [verdict.case_id]: edited } : sitting.drafts;
  const recallable = notRecallable(sitting, verdict.id);
  return stand({ ...sitting, drafts, recallable, ruled: Math.max(0, sitting.ruled - 1) }, verdict.case_id, OPEN);
}

/** A verdict took effect: nothing is left to take back. */
export function settled(sitting: Sitting, verdict: Outgoing): Sitting {
  return withRow({ ...sitting, recallable: notRecallable(sitting, verdict.id) }, verdict.case_id, (row) => {
    const mine = row.standing.kind === "ruled" && row.standing.verdict.id === verdict.id;
    return mine ? { ...row, standing: { kind: "ruled", verdict, until: null } } : row;
  });
}

function notRecallable({ recallable }: Sitting, verdict_id: string): readonly Recallable[] {
  return recallable.filter((each) => each.verdict.id !== verdict_id);
}

/** The verdict `undo` takes back: the newest that has not taken effect, and is not being taken back already. */
export function lastRuled({ recallable }: Sitting, now: number, recalling: ReadonlySet<string> = new Set()): Outgoing | null {
  const open = ({ verdict, until }: Recallable) => !recalling.has(verdict.id) && (until === null || until > now);
  return recallable.findLast(open)?.verdict ?? null;
}

const SAID: Partial<Record<string, string>> = {
  withdraw: "was withdrawn by its proposer",
  expire: "expired: nobody ruled before its deadline",
  route: "was let through by policy",
};

/** After these a new case waits for nobody. */
const OVER: ReadonlySet<string> = new Set(["route", "rule", "withdraw", "expire"]);

/** Count a case that is not listed as new, or no longer; false if nothing changes. */
function arrive(arrived: Set<string>, { act, case_id, checkpoint }: Event, filter: Filter): boolean {
  if (!case_id) return false;
  if (OVER.has(act)) return arrived.delete(case_id);
  const fits = filter.checkpoint === null || filter.checkpoint === checkpoint;
  if (act !== "propose" || !fits || filter.assigned === "me" || filter.text !== null || arrived.has(case_id)) return false;
  arrived.add(case_id);
  return true;
}

/**
 * Take in many events at once: an import of thousands is one change of the sitting.
 *
 * Gives, by id, the newest event of each case to look at again.
 */
export function noticedAll(sitting: Sitting, events: readonly Event[], me: string): { sitting: Sitting; look: Map<string, Event> } {
  const listed = new Set(sitting.rows.map((row) => row.case.id));
  const arrived = new Set(sitting.arrived);
  const look = new Map<string, Event>();
  let next = sitting;
  let changed = false;
  for (const event of events) {
    if (!event.case_id) continue;
    if (!listed.has(event.case_id)) {
      changed = arrive(arrived, event, sitting.filter) || changed;
      continue;
    }
    const found = noticed(next, event, me);
    next = found.sitting;
    for (const id of found.look) look.set(id, event);
  }
  return { sitting: changed ? { ...next, arrived } : next, look };
}

/**
 * Take in what happened elsewhere, as the event stream tells it.
 *
 * Gives the ids of cases to look at again.
 */
export function noticed(sitting: Sitting, event: Event, me: string): { sitting: Sitting; look: string[] } {
  const id = event.case_id;
  if (!id) return { sitting, look: [] };
  const row = rowOf(sitting, id);
  const nothing = { sitting, look: [] };
  if (!row) {
    const arrived = new Set(sitting.arrived);
    return arrive(arrived, event, sitting.filter) ? { sitting: { ...sitting, arrived }, look: [] } : nothing;
  }
  const others = event.actor !== me;
  const open = waits(row.standing);
  switch (event.act) {
    case "claim":
      return others && open && event.actor
        ? { sitting: stand(inHandsOf(sitting, id, event.actor), id, { kind: "claimed", by: event.actor }), look: [] }
        : nothing;
    case "release":
    case "snooze": {
      // One's own too: another tab gave it back, and with it the claim of this one.
      const free = inHandsOf(sitting, id, null);
      return { sitting: row.standing.kind === "claimed" ? stand(free, id, OPEN) : free, look: [] };
    }
    case "rule":
      // One's own, on a case that is open here, was given in another tab.
      // On one that is over it tells by whom.
      return open || (others && ["sending", "elsewhere"].includes(row.standing.kind)) ? { sitting, look: [id] } : nothing;
    case "clear":
    case "reject":
      return row.standing.kind === "ruled" ? { sitting: settled(sitting, row.standing.verdict), look: [] } : nothing;
    // One's own may have been taken back in another tab, or on the case's page.
    case "recall":
    case "redraft":
      return { sitting, look: [id] };
    case "hand_over":
    case "pass_on":
      return others && open ? { sitting, look: [id] } : nothing;
    default: {
      const words = SAID[event.act];
      return words && open ? { sitting: stand(sitting, id, { kind: "elsewhere", words: `It ${words}.` }), look: [] } : nothing;
    }
  }
}

/** Take in who has the claim now, so that a number of a claim that is gone is not sent with a verdict. */
function inHandsOf(sitting: Sitting, id: string, who: string | null): Sitting {
  const change = (found: Case): Case => ({ ...found, claimed_by: who, claim_expires_at: null });
  const view = sitting.views[id];
  const views = view ? { ...sitting.views, [id]: { ...view, case: change(view.case) } } : sitting.views;
  return withRow({ ...sitting, views }, id, (row) => ({ ...row, case: change(row.case) }));
}

/** Choose, or no longer, the case on screen for a batch. */
export function select(sitting: Sitting, id: string): Sitting {
  const selected = new Set(sitting.selected);
  if (!selected.delete(id)) selected.add(id);
  return { ...sitting, selected, anchor: id };
}

/** Extend the selection by a step, and go there. */
export function extend(sitting: Sitting, by: 1 | -1): Sitting {
  const { current } = sitting;
  const to = step(sitting, by);
  if (current === null || to === null) return sitting;
  return { ...sitting, selected: new Set(sitting.selected).add(current).add(to), anchor: sitting.anchor ?? current, current: to };
}

/** Keep what is near and drop the rest, so that a long sitting stays small. */
export function trimmed(sitting: Sitting): Sitting {
  const ids = Object.keys(sitting.views);
  if (ids.length <= 24) return sitting;
  const keep = new Set([...near(sitting), ...sitting.selected]);
  for (const row of sitting.rows) if (row.standing.kind === "sending") keep.add(row.case.id);
  const views = Object.fromEntries(Object.entries(sitting.views).filter(([id], at) => keep.has(id) || at >= ids.length - 12));
  return { ...sitting, views };
}
