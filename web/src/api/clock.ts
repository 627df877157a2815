/** What time it is for the server: claims and holds end by its clock, and a reader's may be minutes off. */

/** A difference that small says nothing: the server tells whole seconds, and the answer took its time. */
const EXACT_MS = 2_000;
let ahead_ms = 0;

/** Take the time from an answer that has just arrived. */
export function toldTime(date: string | null): void {
  const ahead = Date.parse(date ?? "") - Date.now();
  if (Number.isFinite(ahead)) ahead_ms = Math.abs(ahead) > EXACT_MS ? ahead : 0;
}

/** The server's time at a moment of this browser's clock. */
export function serverTime(here_ms: number = Date.now()): number {
  return here_ms + ahead_ms;
}
