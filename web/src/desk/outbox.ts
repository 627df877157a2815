/** The outbox: verdicts on their way to the server. Those with a hold survive a reload; each counts once. */
import { claimCase, rule } from "../api/calls";
import { Problem } from "../api/request";
import { keep, kept, keptKeys } from "../api/storage";
import type { Case } from "../api/types";
import type { Outgoing } from "./sitting";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const CLAIM_S = 60;

export interface Told {
  accepted(verdict: Outgoing, after: Case): void;
  refused(verdict: Outgoing, problem: Problem): void;
  /** It could not be sent, and is not kept. */
  dropped(verdict: Outgoing): void;
  /** Another tab of this person had it answered, or took it out. */
  gone(verdict: Outgoing): void;
  /** How many wait for the server to answer, and whether it does. */
  waiting(count: number, reachable: boolean): void;
}

/** How a verdict left the outbox: never sent; perhaps it arrived all the same; it is on its way or answered. */
export type TakenOut = "unsent" | "perhaps_sent" | "sent";

export class Outbox {
  readonly #prefix: string;
  readonly #told: Told;
  #queued: Outgoing[];
  /** Those that are in storage: each under a key of its own, for other tabs have theirs there too. */
  #kept = new Set<string>();
  /** Those that were sent once and have no answer. */
  #tried = new Set<string>();
  #flying = new Map<string, Promise<void>>();
  #wait_ms = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reachable = true;
  #paused = false;

  constructor(person: string, told: Told) {
    this.#prefix = `signoff.outbox.${encodeURIComponent(person)}:`;
    this.#told = told;
    this.#queued = this.#stored();
  }

  /** Verdicts that have no answer yet. */
  get waiting(): readonly Outgoing[] {
    return this.#queued;
  }

  add(verdict: Outgoing): void {
    this.put(verdict);
    this.send(verdict.id);
  }

  /** Keep a verdict without sending it yet: what happens now has to wait for nothing. */
  put(verdict: Outgoing): void {
    this.#queued = [...this.#queued, verdict];
    this.#keep(verdict);
  }

  /** Send what was put, unless it was taken out meanwhile. */
  send(id: string): void {
    const verdict = this.#queued.find((each) => each.id === id);
    if (!verdict) return;
    if (this.#paused && verdict.hold_s <= 0) {
      this.#remove(id);
      this.#told.dropped(verdict);
    } else this.#start(verdict);
  }

  /** Take a verdict out that has no answer and is not on its way; it is not sent any more. */
  takeOut(id: string): TakenOut {
    if (this.#flying.has(id) || !this.#queued.some((verdict) => verdict.id === id)) return "sent";
    const tried = this.#tried.has(id);
    this.#remove(id);
    return tried ? "perhaps_sent" : "unsent";
  }

  /** Wait until the server has answered, if it was asked. */
  async settled(id: string): Promise<void> {
    await this.#flying.get(id);
  }

  /** Send what waits: the connection is back, somebody signed in, or a tab was opened. */
  flush(): void {
    this.#paused = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const verdict of this.#queued) this.#start(verdict);
  }

  /** Nobody is signed in: keep everything until somebody is. */
  pause(): void {
    this.#paused = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #start(verdict: Outgoing): void {
    if (this.#paused || this.#flying.has(verdict.id)) return;
    if (this.#isGone(verdict.id)) {
      this.#remove(verdict.id);
      this.#tell(this.#reachable);
      this.#told.gone(verdict);
      return;
    }
    const flight = this.#deliver(verdict).finally(() => this.#flying.delete(verdict.id));
    this.#flying.set(verdict.id, flight);
  }

  async #deliver(verdict: Outgoing, again = false): Promise<void> {
    const { id, kind, revision, content_hash, fence, seconds, reason } = verdict;
    const document = {
      id,
      kind,
      revision,
      content_hash,
      fence,
      seconds,
      ...(verdict.arguments && { arguments: verdict.arguments }),
      ...(reason && { reason }),
    };
    try {
      this.#answered(verdict, await rule(verdict.case_id, document));
    } catch (error) {
      if (error instanceof Problem && error.code === "claim_lost" && !again && !error.facts.claimed_by) {
        // The claim lapsed while nobody could be reached. The verdict is bound to what was on screen all the same,
        // but even whoever had the claim must take it anew first.
        const unfenced = { ...verdict, fence: null };
        this.#replace(unfenced);
        await claimCase(verdict.case_id, CLAIM_S).catch(() => undefined);
        return this.#deliver(unfenced, true);
      }
      this.#failed(verdict, error);
    }
  }

  #answered(verdict: Outgoing, after: Case): void {
    this.#remove(verdict.id);
    this.#wait_ms = FIRST_WAIT_MS;
    this.#tell(true);
    this.#told.accepted(verdict, after);
  }

  #failed(verdict: Outgoing, error: unknown): void {
    const signed_out = error instanceof Problem && error.status === 401;
    if (signed_out) this.pause();
    if (signed_out && verdict.hold_s > 0) {
      this.#tell(this.#reachable);
      return;
    }
    if (error instanceof Problem && !error.passing) {
      this.#remove(verdict.id);
      this.#tell(true);
      this.#told.refused(verdict, error);
      return;
    }
    if (verdict.hold_s <= 0) {
      // It may have arrived: without a hold it would take effect long after the person looked away, so it is not repeated.
      this.#remove(verdict.id);
      this.#tell(error instanceof Problem);
      this.#told.dropped(verdict);
      return;
    }
    this.#tried.add(verdict.id);
    this.#tell(error instanceof Problem);
    this.#later();
  }

  #later(): void {
    if (this.#timer !== undefined || this.#paused) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.flush();
    }, this.#wait_ms);
    this.#wait_ms = Math.min(this.#wait_ms * 2, LONGEST_WAIT_MS);
  }

  #tell(reachable: boolean): void {
    this.#reachable = reachable;
    this.#told.waiting(this.#queued.length, reachable);
  }

  #replace(verdict: Outgoing): void {
    this.#queued = this.#queued.map((each) => (each.id === verdict.id ? verdict : each));
    this.#keep(verdict);
  }

  #remove(id: string): void {
    this.#queued = this.#queued.filter((each) => each.id !== id);
    this.#tried.delete(id);
    if (this.#kept.delete(id)) keep(this.#prefix + id, null);
  }

  #keep(verdict: Outgoing): void {
    if (verdict.hold_s <= 0) return;
    // A browser without storage keeps them for as long as the page is open.
    if (keep(this.#prefix + verdict.id, JSON.stringify(verdict))) this.#kept.add(verdict.id);
  }

  #isGone(id: string): boolean {
    return this.#kept.has(id) && kept(this.#prefix + id) === null;
  }

  #stored(): Outgoing[] {
    const found: Outgoing[] = [];
    for (const key of keptKeys(this.#prefix)) {
      try {
        const verdict = JSON.parse(kept(key) ?? "null") as Outgoing | null;
        if (typeof verdict?.case_id !== "string" || key !== this.#prefix + verdict.id) continue;
        found.push(verdict);
        this.#kept.add(verdict.id);
        this.#tried.add(verdict.id);
      } catch {
        // Nothing this page wrote.
      }
    }
    return found;
  }
}
