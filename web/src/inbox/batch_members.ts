/** The batch: who is in it, who is left out and why, and what has to be looked at first. Nothing here asks the server. */
import type { CaseView, Checkpoint } from "../api/types";
import { mayBeRuled, rowOf, type Sitting } from "../desk/sitting";

export const MOST = 200;
const FEWEST_OPENED = 3;
const SHARE_OPENED = 0.1;

export interface Member {
  id: string;
  view: CaseView;
}

export interface LeftOut {
  id: string;
  why: string;
  /** Whether the person did it, and may undo it. */
  own: boolean;
}

export interface Members {
  in: readonly Member[];
  out: readonly LeftOut[];
}

/**
 * Part those that can be ruled on together from those that cannot.
 *
 * Args:
 *     shown: The content hash each case had when the batch opened; another draft was not looked at.
 *     taken_out: What the person took out.
 */
export function members(
  ids: readonly string[],
  sitting: Sitting,
  shown: ReadonlyMap<string, string>,
  taken_out: ReadonlySet<string>,
): Members {
  const found: Member[] = [];
  const out: LeftOut[] = [];
  for (const id of ids) {
    const view = sitting.views[id];
    const why = obstacle(id, view, sitting, shown);
    if (why !== null) out.push({ id, why, own: false });
    else if (taken_out.has(id)) out.push({ id, why: "You took it out.", own: true });
    else if (view) found.push({ id, view });
  }
  return { in: found, out };
}

function obstacle(id: string, view: CaseView | undefined, sitting: Sitting, shown: ReadonlyMap<string, string>): string | null {
  const standing = rowOf(sitting, id)?.standing;
  if (!standing) return "It is not in the list any more.";
  if (standing.kind === "claimed") return `${standing.by} has it.`;
  if (standing.kind === "sending" || standing.kind === "ruled") return "You have ruled on it.";
  if (standing.kind === "elsewhere" || standing.kind === "passed_on") return standing.words;
  if (!mayBeRuled(standing)) return "It cannot be ruled on now.";
  if (!view) return id in sitting.missing ? `It could not be loaded. ${sitting.missing[id]}` : "It is being loaded.";
  if (standing.kind === "changed" || shown.get(id) !== view.case.content_hash) {
    return "It changed while the batch was open: look at it on its own.";
  }
  if (view.checkpoint.undo_s <= 0) return "No undo: what cannot be taken back is ruled on one by one.";
  if (view.withheld && view.checkpoint.label) return "Its category is hidden until you have chosen one yourself.";
  if (sitting.drafts[id]) return "An edit of yours waits there: send or drop it first.";
  return null;
}

/** Put the ids into an order nobody can foresee. */
export function shuffled(ids: readonly string[], dice: (below: number) => number = die): string[] {
  const mixed = [...ids];
  for (let last = mixed.length - 1; last > 0; last--) {
    const at = dice(last + 1);
    [mixed[last], mixed[at]] = [mixed[at] as string, mixed[last] as string];
  }
  return mixed;
}

/** A whole number in 0..below-1, each as likely as the others. */
function die(below: number): number {
  const bound = 2 ** 32 - (2 ** 32 % below);
  const drawn = new Uint32Array(1);
  do crypto.getRandomValues(drawn);
  while ((drawn[0] ?? 0) >= bound);
  return (drawn[0] ?? 0) % below;
}

/** How many of so many have to be opened. */
export function toOpen(count: number): number {
  return Math.min(count, Math.max(FEWEST_OPENED, Math.ceil(count * SHARE_OPENED)));
}

/**
 * The members to open, in the order that was drawn when the batch opened.
 *
 * Taking one out brings the next of that order in its place, so nothing is gained by it.
 */
export function drawnFrom(order: readonly string[], left: readonly Member[]): string[] {
  const ids = new Set(left.map(({ id }) => id));
  return order.filter((id) => ids.has(id)).slice(0, toOpen(ids.size));
}

export interface Group {
  checkpoint: Checkpoint;
  members: Member[];
}

/** By checkpoint, the first one's first. */
export function grouped(all: readonly Member[]): Group[] {
  const groups = new Map<string, Group>();
  for (const member of all) {
    const { checkpoint } = member.view;
    const group = groups.get(checkpoint.name) ?? { checkpoint, members: [] };
    group.members.push(member);
    groups.set(checkpoint.name, group);
  }
  return [...groups.values()];
}

const NO_RISK = "no risk named";

/** A checkpoint's risks in words. */
export function risks({ criteria }: Checkpoint): string[] {
  return criteria.length ? criteria.map((each) => each.replaceAll("_", " ")) : [NO_RISK];
}

/** How many members each risk touches; one member may count under several. */
export function byRisk(groups: readonly Group[]): [string, number][] {
  const counts = new Map<string, number>();
  for (const { checkpoint, members: found } of groups) {
    for (const risk of risks(checkpoint)) counts.set(risk, (counts.get(risk) ?? 0) + found.length);
  }
  return [...counts].sort(([a], [b]) => Number(a === NO_RISK) - Number(b === NO_RISK));
}
