/** The server's time: claims, holds and deadlines are told in it, and this machine's clock may be hours off. */

/** The header tells whole seconds, and an answer takes a while: less than this is no difference. */
const NOTICED_MS = 5_000;

let ahead_ms = 0;

/** Take in when the server says that it answered. */
export function heardAt(date: string | null): void {
  const told = Date.parse(date ?? "");
  if (Number.isNaN(told)) return;
  const measured = told + 500 - Date.now();
  ahead_ms = Math.abs(measured) < NOTICED_MS ? 0 : measured;
}

/** What `Date.now()` would be on the server. */
export function serverNow(): number {
  return Date.now() + ahead_ms;
}
