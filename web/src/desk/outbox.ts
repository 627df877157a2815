/** The outbox: verdicts on their way to the server. Those with a hold survive a reload; each counts once. */
import { rule } from "../api/calls";
import { Problem, Unreachable } from "../api/request";
import type { Case } from "../api/types";
import type { Outgoing } from "./sitting";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

export interface Told {
  accepted(verdict: Outgoing, after: Case): void;
  refused(verdict: Outgoing, problem: Problem): void;
  /** It could not be sent, and is not kept. */
  dropped(verdict: Outgoing): void;
  /** How many wait for the server to answer, and whether it does. */
  waiting(count: number, reachable: boolean): void;
}

type Send = (caseId: string, verdict: Parameters<typeof rule>[1]) => Promise<Case>;

export class Outbox {
  readonly #key: string;
  readonly #told: Told;
  readonly #send: Send;
  readonly #storage: Storage;
  #queued: Outgoing[];
  #flying = new Map<string, Promise<void>>();
  #wait_ms = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reachable = true;
  #paused = false;

  constructor(person: string, told: Told, send: Send = rule, storage: Storage = localStorage) {
    this.#key = `signoff.outbox.${person}`;
    this.#told = told;
    this.#send = send;
    this.#storage = storage;
    this.#queued = this.#stored();
  }

  /** Verdicts that have no answer yet. */
  get waiting(): readonly Outgoing[] {
    return this.#queued;
  }

  add(verdict: Outgoing): void {
    this.#queued = [...this.#queued, verdict];
    this.#keep();
    this.#start(verdict);
  }

  /** Take a verdict out that was not sent; false if it is on its way or was answered. */
  takeOut(id: string): boolean {
    if (this.#flying.has(id) || !this.#queued.some((verdict) => verdict.id === id)) return false;
    this.#remove(id);
    return true;
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
  }

  stop(): void {
    this.#paused = true;
    clearTimeout(this.#timer);
  }

  #start(verdict: Outgoing): void {
    if (this.#paused || this.#flying.has(verdict.id)) return;
    const flight = this.#deliver(verdict).finally(() => this.#flying.delete(verdict.id));
    this.#flying.set(verdict.id, flight);
  }

  async #deliver(verdict: Outgoing): Promise<void> {
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
      this.#answered(verdict, await this.#send(verdict.case_id, document));
    } catch (error) {
      if (error instanceof Problem && error.code === "claim_lost" && fence !== null && !error.facts.claimed_by) {
        // The claim lapsed while nobody could be reached. The verdict is bound to what was on screen all the same.
        this.#replace({ ...verdict, fence: null });
        return this.#deliver({ ...verdict, fence: null });
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
    if (error instanceof Problem && error.status === 401) {
      this.#paused = true;
      this.#tell(this.#reachable);
      return;
    }
    if (error instanceof Problem && !error.passing) {
      this.#remove(verdict.id);
      this.#tell(true);
      this.#told.refused(verdict, error);
      return;
    }
    if (verdict.hold_s <= 0 && error instanceof Unreachable) {
      // It may have arrived: without a hold it would take effect long after the person looked away, so it is not repeated.
      this.#remove(verdict.id);
      this.#tell(false);
      this.#told.dropped(verdict);
      return;
    }
    this.#tell(error instanceof Problem);
    this.#later();
  }

  #later(): void {
    if (this.#timer !== undefined) return;
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
    this.#keep();
  }

  #remove(id: string): void {
    this.#queued = this.#queued.filter((each) => each.id !== id);
    this.#keep();
  }

  #keep(): void {
    const kept = this.#queued.filter((verdict) => verdict.hold_s > 0);
    try {
      if (kept.length) this.#storage.setItem(this.#key, JSON.stringify(kept));
      else this.#storage.removeItem(this.#key);
    } catch {
      // A browser without storage keeps them for as long as the page is open.
    }
  }

  #stored(): Outgoing[] {
    try {
      const found: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? "[]");
      return Array.isArray(found) ? (found as Outgoing[]).filter((each) => typeof each?.id === "string") : [];
    } catch {
      return [];
    }
  }
}
