/** The first page of the queue, asked for while it is still found out who asks; that saves a whole round trip. */
import * as api from "../api/calls";
import type { Case, Page } from "../api/types";
import type { Filter } from "./sitting";

export const PAGE = 50;

let ahead: { key: string; page: Promise<Page<Case>> } | null = null;

function keyOf({ checkpoint, assigned, text }: Filter): string {
  return JSON.stringify([checkpoint, assigned, text]);
}

export function askAhead(filter: Filter): void {
  const page = api.queue({ ...filter, limit: PAGE });
  const asked = { key: keyOf(filter), page };
  ahead = asked;
  // Whoever has taken it by then sees the failure; else it is asked for anew, by whoever has signed in meanwhile.
  page.catch(() => {
    if (ahead === asked) ahead = null;
  });
}

/** Give the page that was asked for, once; null if it was another one or none. */
export function takeAhead(filter: Filter): Promise<Page<Case>> | null {
  const taken = ahead?.key === keyOf(filter) ? ahead.page : null;
  ahead = null;
  return taken;
}
