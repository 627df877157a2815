/** Drafts in the browser's storage: each under a key of its own, for other tabs have theirs there too. */
import { keep, kept, keptKeys } from "../api/storage";
import type { Draft } from "./sitting";

const KEPT_MS = 30 * 86_400_000;

export class Drafts {
  readonly #prefix: string;
  /** What this tab found or wrote last; it changes nothing else. */
  #known: Readonly<Record<string, Draft>> = {};

  constructor(person: string) {
    this.#prefix = `signoff.drafts.${encodeURIComponent(person)}:`;
  }

  /** What this person left here, by case; what nobody came back to for a month is dropped. */
  read(): Readonly<Record<string, Draft>> {
    const found: Record<string, Draft> = {};
    for (const key of keptKeys(this.#prefix)) {
      const draft = parsed(kept(key));
      if (draft === null || Date.now() - draft.at > KEPT_MS) keep(key, null);
      else found[key.slice(this.#prefix.length)] = { arguments: draft.arguments, content_hash: draft.content_hash };
    }
    return (this.#known = found);
  }

  /** Keep what changed since; where there is no room or no storage, drafts live as long as the page. */
  write(drafts: Readonly<Record<string, Draft>>): void {
    for (const id of Object.keys(this.#known)) if (!(id in drafts)) keep(this.#prefix + id, null);
    for (const [id, draft] of Object.entries(drafts)) {
      if (this.#known[id] !== draft) keep(this.#prefix + id, JSON.stringify({ at: Date.now(), ...draft }));
    }
    this.#known = drafts;
  }
}

function parsed(text: string | null): (Draft & { at: number }) | null {
  try {
    const found = JSON.parse(text ?? "null") as { at?: unknown; arguments?: unknown; content_hash?: unknown } | null;
    const whole = typeof found?.at === "number" && typeof found.arguments === "object" && found.arguments !== null;
    return whole && typeof found.content_hash === "string" ? (found as Draft & { at: number }) : null;
  } catch {
    return null;
  }
}
