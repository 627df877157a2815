/** Follows the ledger from some entries back, by one request that is opened again whenever it ends. */
import { me } from "../api/calls";
import { address, Problem, Unreachable } from "../api/request";
import type { Event } from "../api/types";

export interface Followed {
  /** Some entries, in the order of the ledger. */
  events(events: Event[]): void;
  alive(alive: boolean): void;
  /** The server said no, so there is no use in asking again. */
  refused(problem: Problem): void;
}

const AGAIN_MS = 2_000;

/** What one line of the stream adds: events are parted by empty lines, `id` also stands alone. */
export class Lines {
  #rest = "";
  #data: string[] = [];
  /** The newest number that was passed. */
  seq: number | null = null;

  /** Take a piece of the stream; gives the events that are complete now. */
  take(piece: string): Event[] {
    const lines = (this.#rest + piece).split("\n");
    this.#rest = lines.pop() ?? "";
    const found: Event[] = [];
    for (const line of lines.map((one) => one.replace(/\r$/, ""))) {
      if (line.startsWith("id: ")) this.seq = Number(line.slice(4));
      else if (line.startsWith("data: ")) this.#data.push(line.slice(6));
      else if (line === "" && this.#data.length > 0) {
        found.push(JSON.parse(this.#data.join("\n")) as Event);
        this.#data = [];
      }
    }
    return found;
  }
}

/** Follow from `back` entries before the present end; gives a function that ends it. */
export function follow({ back, checkpoint }: { back: number; checkpoint: string | null }, followed: Followed): () => void {
  const ending = new AbortController();
  const { signal } = ending;
  let after: number | null = null;

  const open = async () => {
    const response = await fetch(address("/events", { after_seq: after, checkpoint }), {
      headers: { Accept: "text/event-stream" },
      credentials: "same-origin",
      signal,
    });
    if (response.ok && response.body) return response.body.getReader();
    const problem = new Problem(response.status, (await response.json().catch(() => ({}))) as object);
    if (problem.status === 401) await me(); // tells whoever asks for the name again
    throw problem;
  };

  /** The number of the newest entry: the stream begins with it. */
  const end = async (): Promise<number> => {
    const reader = await open();
    const lines = new Lines();
    const decoder = new TextDecoder();
    try {
      while (lines.seq === null) {
        const { done, value } = await reader.read();
        if (done) throw new Unreachable();
        lines.take(decoder.decode(value, { stream: true }));
      }
      return lines.seq;
    } finally {
      void reader.cancel().catch(() => undefined);
    }
  };

  const read = async () => {
    after ??= Math.max(0, (await end()) - back);
    const reader = await open();
    followed.alive(true);
    const lines = new Lines();
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) return;
      const found = lines.take(decoder.decode(value, { stream: true }));
      if (lines.seq !== null) after = lines.seq;
      if (found.length > 0) followed.events(found);
    }
  };

  const run = async () => {
    while (!signal.aborted) {
      try {
        await read();
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Problem && !error.passing && error.status < 500 && error.status !== 401) {
          followed.refused(error);
          return;
        }
      }
      if (signal.aborted) return;
      followed.alive(false);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  };
  void run();
  return () => ending.abort();
}
