/** The desk in a sentence, and why a claim is stuck. */
import type { Desk } from "../api/types";
import { addressee, ago, count, span } from "../text/words";

/** "12 waiting, the oldest for 3 h; 2 claims are stuck, 1 effect is unknown." */
export function deskWords(desk: Desk, now: Date): string {
  const waiting = desk.queues.reduce((sum, queue) => sum + queue.waiting, 0);
  const oldest = desk.queues
    .map((queue) => queue.oldest_at)
    .filter((at) => at != null)
    .sort((a, b) => Date.parse(a) - Date.parse(b))[0];
  const first =
    waiting === 0
      ? "Nothing is waiting"
      : `${waiting.toLocaleString()} waiting${oldest ? `, the oldest for ${span(now.getTime() - Date.parse(oldest))}` : ""}`;
  const trouble = [
    desk.stuck.length > 0 && `${count(desk.stuck.length, "case is", "cases are")} stuck`,
    desk.unknown.length > 0 && `${count(desk.unknown.length, "effect is", "effects are")} unknown`,
  ].filter(Boolean);
  return `${first}; ${trouble.join(", ") || "nothing is stuck"}.`;
}

/** Say why a case does not get on. */
export function stuckWords({ case: shown, why }: Desk["stuck"][number], now: Date): string {
  switch (why) {
    case "claimed_long":
      return `${shown.claimed_by ?? "Somebody"} has had it for a long time`;
    case "assigned_away":
      return shown.assigned_to?.startsWith("group:")
        ? `assigned to ${addressee(shown.assigned_to)}, where nobody is here`
        : `assigned to ${shown.assigned_to ?? "somebody"}, who is away`;
    case "deadline_near":
      return shown.deadline_at ? `expires ${ago(shown.deadline_at, now)}` : "expires soon";
  }
}
