/** How old something is, in the fewest characters: 40 s, 7 min, 3 h, 12 d. */
export function age(since: string, now: number): string {
  const seconds = Math.max(0, (now - Date.parse(since)) / 1000);
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

/** How long until then, in the same words. */
export function left(until: string, now: number): string {
  return age(new Date(now).toISOString(), Date.parse(until));
}
