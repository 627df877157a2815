/** Sizes and dates in words. */

export function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_500) return `${Math.round(bytes / 1000)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

export const sizeOf = (text: string) => size(new Blob([text]).size);

/** A moment in the reader's zone, or null if it is none. */
export function moment(written: string): string | null {
  const at = new Date(written);
  if (Number.isNaN(at.getTime())) return null;
  return at.toLocaleString(undefined, {
    weekday: "short",
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    timeZoneName: "short",
  });
}

/** A day such as `2026-10-12` in words, or null if it is none. */
export function day(written: string): string | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(written)) return null;
  const at = new Date(`${written}T00:00:00Z`);
  // `2026-02-31` is no day, whatever Date makes of it.
  if (Number.isNaN(at.getTime()) || at.toISOString().slice(0, 10) !== written) return null;
  return at.toLocaleDateString(undefined, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
}
