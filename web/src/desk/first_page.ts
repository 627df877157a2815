/**
 * What the first screen is made of, asked for before anything is drawn: who is here, the queue, and its first case.
 *
 * The server announces these questions with the page itself, so that a browser asks them beside loading the scripts.
 */
import * as api from "../api/calls";
import type { CaseView, Me, QueuePage } from "../api/types";
import type { Filter } from "./sitting";

export const PAGE = 50;

interface Ahead {
  me: Promise<Me> | null;
  page: { key: string; answer: Promise<QueuePage> } | null;
  view: { id: string; answer: Promise<CaseView> } | null;
}

const ahead: Ahead = { me: null, page: null, view: null };

function keyOf({ checkpoint, assigned, text }: Filter): string {
  return JSON.stringify([checkpoint, assigned, text]);
}

/** Whoever has taken it by then sees the failure; else it is asked for anew, by whoever has signed in meanwhile. */
function forgetFailed<Part extends keyof Ahead>(part: Part, answer: Promise<unknown>): void {
  const asked = ahead[part];
  answer.catch(() => {
    if (ahead[part] === asked) ahead[part] = null as Ahead[Part];
  });
}

export function askPage(filter: Filter, signal?: AbortSignal): Promise<QueuePage> {
  return api.queue({ ...filter, limit: PAGE, with_first: true }, signal);
}

/** Ask who is here, for a queue with its first case, and for another case where one is named; gives who is here. */
export function askAhead(filter: Filter, case_id: string | null): Promise<Me> {
  const me = api.me();
  ahead.me = me;
  forgetFailed("me", me);
  const page = askPage(filter);
  ahead.page = { key: keyOf(filter), answer: page };
  forgetFailed("page", page);
  if (case_id) {
    const view = api.view(case_id);
    ahead.view = { id: case_id, answer: view };
    forgetFailed("view", view);
  }
  return me;
}

/** Give who is here, once; null if that was not asked ahead. */
export function takeMe(): Promise<Me> | null {
  const taken = ahead.me;
  ahead.me = null;
  return taken;
}

/** Give the page that was asked for, once; null if it was another one or none. */
export function takePage(filter: Filter): Promise<QueuePage> | null {
  const taken = ahead.page?.key === keyOf(filter) ? ahead.page.answer : null;
  ahead.page = null;
  return taken;
}

/** Give the case that was asked for, once; null if it was another one or none. */
export function takeView(id: string): Promise<CaseView> | null {
  const taken = ahead.view?.id === id ? ahead.view.answer : null;
  ahead.view = null;
  return taken;
}
