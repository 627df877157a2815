/** The desk: one person's sitting kept up to date with the server. Screens read its snapshot and call its verbs. */
import * as api from "../api/calls";
import { serverNow } from "../api/clock";
import { onSignedOut, Problem, Unreachable } from "../api/request";
import type { Arguments, Case, CaseView, Event, Me, VerdictKind } from "../api/types";
import { Drafts } from "./drafts";
import { askPage, PAGE, takePage, takeView } from "./first_page";
import { Outbox } from "./outbox";
import * as sitting from "./sitting";
import type { Filter, Outgoing, Sitting, Standing } from "./sitting";
import { follow } from "./stream";

const HOLD_S = 180;
const HEARTBEAT_MS = 60_000;
const AWAY_MS = 60_000;
const RENEW_BEFORE_MS = 60_000;
const KEEP_DRAFTS_MS = 300;
/** Events that come sooner after each other are taken in together. */
const TOGETHER_MS = 100;
/** How soon an empty list is read again once a case may have come free. */
const FREE_MS = 2_000;
const SKELETON_MS = 150;
/** Sooner than this nobody has read a case; a draft that changes by then, as by one's own claim, just takes its place. */
const READ_MS = 1_000;
const AGAIN_MS = 3_000;

/** A line in the action bar; the newest is shown. */
export interface Notice {
  id: number;
  tone: "plain" | "ok" | "warn" | "bad";
  text: string;
  case_id?: string;
  /** The rejection a reason may still be added to. */
  rejected?: Outgoing;
}

/** What is to be confirmed before it is sent, because nothing holds it back afterwards. */
export interface Confirming {
  case_id: string;
  /** What was on screen when it was asked. */
  content_hash: string;
  kind: VerdictKind;
  arguments?: Arguments;
  label?: string;
}

export interface Snapshot {
  sitting: Sitting;
  /** The case to draw: while the next one is on its way the old one stays for a moment, rather than a flash of nothing. */
  shown: CaseView | null;
  notice: Notice | null;
  confirming: Confirming | null;
  /** Verdicts that wait for the server. */
  waiting: number;
  reachable: boolean;
  /** Whether the stream of events is up; without it the list may be behind. */
  following: boolean;
  /** Whether this person is marked away: then nothing is claimed for them, though the page may be open. */
  away: boolean;
}

export class Desk {
  readonly me: Me;
  readonly #listeners = new Set<() => void>();
  readonly #outbox: Outbox;
  readonly #drafts: Drafts;
  #now: Snapshot;
  #recalling = new Set<string>();
  #loading = new Map<string, Promise<void>>();
  #claiming = new Set<string>();
  #shown_at = 0;
  #painted: string | null = null;
  #alone = false;
  #notices = 0;
  #ends: (() => void)[] = [];
  #listing: AbortController | null = null;
  #draft_timer: ReturnType<typeof setTimeout> | undefined;
  #hidden_timer: ReturnType<typeof setTimeout> | undefined;
  #skeleton_timer: ReturnType<typeof setTimeout> | undefined;
  #unsure = new Set<string>();
  #heard: Event[] = [];
  #hearing: ReturnType<typeof setTimeout> | undefined;
  #freed: ReturnType<typeof setTimeout> | undefined;
  #refreshing = false;
  #again_timer: ReturnType<typeof setTimeout> | undefined;
  /** Whether nobody is known to be signed in: whoever signs in next may be somebody else, so nothing is sent. */
  #out = false;
  /** How many verdicts were kept because the server did not answer, until all are sent. */
  #kept_back = 0;

  constructor(me: Me) {
    this.me = me;
    this.#drafts = new Drafts(me.id);
    this.#now = {
      sitting: { ...sitting.NEW_SITTING, drafts: this.#drafts.read() },
      shown: null,
      notice: null,
      confirming: null,
      waiting: 0,
      reachable: true,
      following: true,
      away: false,
    };
    this.#outbox = new Outbox(me.id, {
      accepted: (verdict, after) => this.#accepted(verdict, after),
      refused: (verdict, problem) => this.#refused(verdict, problem),
      dropped: (verdict) => this.#dropped(verdict),
      gone: (verdict) => this.#gone(verdict),
      waiting: (count, reachable) => this.#reached(count, reachable),
    });
    const recallable = this.#outbox.waiting.map((verdict) => ({ verdict, until: null }));
    this.#now = { ...this.#now, sitting: { ...this.#now.sitting, recallable } };
  }

  // --- what screens read

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): Snapshot => this.#now;

  // --- coming and going

  /** Begin to listen: to the stream, the network, and whether anybody looks. */
  start(): () => void {
    const beat = () => {
      if (this.#now.reachable) void this.#renew();
      else this.flush();
      // Claims and snoozes lapse without a word.
      if (this.#idle && document.visibilityState === "visible") void this.refresh(true);
    };
    const renewing = setInterval(beat, HEARTBEAT_MS);
    const online = () => this.flush();
    // A machine without a network still reaches a server of its own: only asking tells.
    const offline = () => void this.#ask();
    const seen = () => (document.visibilityState === "visible" ? this.#back() : this.#away());
    const leave = () => this.#letGo(true);
    // Back from the browser's memory of pages: nothing was heard meanwhile.
    const shown = (event: PageTransitionEvent) => event.persisted && this.#back();
    window.addEventListener("online", online);
    window.addEventListener("offline", offline);
    window.addEventListener("pagehide", leave);
    window.addEventListener("pageshow", shown);
    document.addEventListener("visibilitychange", seen);
    const unfollow = follow({
      event: (event) => this.#hear(event),
      alive: (following) => this.#following(following),
    });
    const out = onSignedOut(() => {
      this.#out = true;
      this.#outbox.pause();
    });
    this.#ends = [
      out,
      unfollow,
      () => clearInterval(renewing),
      () => window.removeEventListener("online", online),
      () => window.removeEventListener("offline", offline),
      () => window.removeEventListener("pagehide", leave),
      () => window.removeEventListener("pageshow", shown),
      () => document.removeEventListener("visibilitychange", seen),
      () => clearTimeout(this.#hidden_timer),
      () => clearTimeout(this.#hearing),
      () => clearTimeout(this.#freed),
      () => (this.#hearing = this.#freed = undefined),
      () => clearTimeout(this.#again_timer),
      () => this.#keepDrafts(),
      () => this.#outbox.pause(),
    ];
    this.#outbox.flush();
    return () => {
      for (const end of this.#ends) end();
      this.#ends = [];
    };
  }

  /**
   * Show a queue, on one case if that is asked for; done once what is on screen is there, or known to be missing.
   *
   * With `alone` nothing else is asked for until that is painted.
   */
  async open(filter: Filter, case_id: string | null, alone = false): Promise<void> {
    this.#letGo(false);
    this.#alone = alone;
    const { drafts, ruled, recallable } = this.#now.sitting;
    this.#set({ ...sitting.NEW_SITTING, drafts, ruled, recallable, filter, current: case_id, listed: "loading" });
    if (case_id) void this.#load(case_id);
    await this.#list(null);
    await this.#loading.get(this.#now.sitting.current ?? "");
  }

  /** Send what waits and look again: the connection may be back. */
  flush(): void {
    if (!this.#out) this.#outbox.flush();
    if (!this.#now.reachable) void this.#ask();
    void this.#renew();
    const { listed, missing } = this.#now.sitting;
    if (listed === "failed") void this.refresh();
    for (const id of Object.keys(missing)) void this.#load(id);
    for (const id of this.#unsure) void this.#look(id);
  }

  // --- moving

  go(id: string): void {
    const now = this.#now.sitting;
    if (now.current === id) return;
    this.#set({ ...now, current: id, anchor: null });
    this.#fill();
  }

  next(): void {
    const to = sitting.step(this.#now.sitting, 1);
    if (to) this.go(to);
    else void this.more();
  }

  previous(): void {
    const to = sitting.step(this.#now.sitting, -1);
    if (to) this.go(to);
  }

  select(): void {
    const { current } = this.#now.sitting;
    if (current) this.#set(sitting.select(this.#now.sitting, current));
  }

  toggle(id: string): void {
    this.#set(sitting.select(this.#now.sitting, id));
  }

  extend(by: 1 | -1): void {
    this.#set(sitting.extend(this.#now.sitting, by));
    this.#fill();
  }

  unselect(): void {
    this.#set({ ...this.#now.sitting, selected: new Set(), anchor: null });
  }

  /** The next page of the queue. */
  async more(): Promise<void> {
    const { after, listed } = this.#now.sitting;
    if (after !== null && listed === "yes") await this.#list(after);
  }

  /**
   * Begin the list anew; new cases come in, and what is over goes.
   *
   * With `only_if_more` the list stays as it is unless there is something to rule on.
   */
  async refresh(only_if_more = false): Promise<void> {
    const before = this.#now.sitting;
    this.#listing?.abort();
    const listing = (this.#listing = new AbortController());
    this.#refreshing = true;
    try {
      const limit = Math.min(500, Math.max(PAGE, before.rows.length));
      const page = await api.queue({ ...before.filter, limit }, listing.signal);
      this.#answers();
      const now = this.#now.sitting;
      if (only_if_more && !page.items.length) return;
      const next = sitting.relisted(now, page.items, page.after, serverNow(), before.arrived);
      const stays = sitting.rowOf(next, now.current);
      const current = stays && sitting.mayBeRuled(stays.standing) ? now.current : sitting.following(next, now.current ?? "");
      this.#set({ ...next, current: current ?? now.current });
      this.#fill();
    } catch (error) {
      if (!listing.signal.aborted) this.#listFailed(error);
    } finally {
      if (this.#listing === listing) this.#refreshing = false;
    }
    // What came while the page was on its way may not be in it.
    if (!this.#refreshing && this.#idle && this.#now.sitting.arrived.size) void this.refresh();
  }

  /** The page has painted this case, or shows none any more; verdicts by one key count from a moment later. */
  painted(key: string | null): void {
    if (this.#painted === key) return;
    this.#painted = key;
    if (key === null) return;
    this.#shown_at = performance.now();
    performance.mark("case-painted", { detail: key });
    if (!this.#alone) return;
    this.#alone = false;
    this.#fillAround();
  }

  /** Whether the case on screen has been there long enough for a key to be meant for it. */
  get settledOnScreen(): boolean {
    const { current, views } = this.#now.sitting;
    const view = current ? views[current] : undefined;
    return (
      view !== undefined && this.#painted === paintKey(view) && performance.now() - this.#shown_at >= 250
    );
  }

  // --- ruling

  approve(): void {
    this.#rule("approved", {});
  }

  approveEdited(args: Arguments): void {
    this.#rule("edited", { arguments: args });
  }

  /** Choose a category on a label queue: an approval of the suggestion, or a correction. */
  choose(label: string): void {
    const view = this.#view();
    const name = view?.checkpoint.label;
    if (!view || !name) return;
    const args = view.content.arguments as Arguments;
    if (!view.withheld && args[name] === label) this.#rule("approved", { label });
    else this.#rule("edited", { arguments: { ...args, [name]: label }, label });
  }

  reject(): void {
    this.#rule("rejected", {});
  }

  confirm(): void {
    const { confirming } = this.#now;
    if (!confirming) return;
    const view = this.#now.sitting.views[confirming.case_id];
    this.#change({ confirming: null });
    if (view) this.#send(view, confirming);
  }

  unconfirm(): void {
    if (this.#now.confirming) this.#change({ confirming: null });
  }

  /** Rule on several cases at once, each bound to what was shown of it. */
  ruleMany(ids: readonly string[], kind: "approved" | "rejected"): void {
    for (const id of ids) {
      const view = this.#now.sitting.views[id];
      const row = sitting.rowOf(this.#now.sitting, id);
      if (view && row && sitting.mayBeRuled(row.standing)) this.#send(view, { kind });
    }
    this.unselect();
  }

  /** Have these cases in memory, with claims; for a batch. */
  async prepare(ids: readonly string[]): Promise<void> {
    await this.#claim([...ids]);
    await Promise.all(ids.filter((id) => !this.#now.sitting.views[id]).map((id) => this.#load(id)));
  }

  /** Give the rejection that was just made a reason. */
  async giveReason(verdict: Outgoing, reason: string): Promise<void> {
    try {
      await this.#outbox.settled(verdict.id);
      await api.giveReason(verdict.case_id, verdict.id, reason);
      // By now the next rejection may be asking for its own.
      if (this.#now.notice?.case_id === verdict.case_id) this.say("ok", `Rejected: ${reason}`, verdict.case_id);
    } catch (error) {
      this.say("warn", `The reason was not kept: ${short(verdict.title)}. ${words(error)}`, verdict.case_id);
    }
  }

  /** Take the newest verdict back that has not taken effect. */
  async undo(): Promise<void> {
    const verdict = sitting.lastRuled(this.#now.sitting, serverNow(), this.#recalling);
    if (verdict) await this.undoVerdict(verdict);
    else this.say("warn", "Nothing can be taken back any more. A done case may be reversed on its own page.");
  }

  async undoVerdict(verdict: Outgoing): Promise<void> {
    if (this.#recalling.has(verdict.id)) return;
    const from = this.#now.sitting.current;
    let taken_out = this.#outbox.takeOut(verdict.id);
    // At once, and not with the answer: by then the person may be reading, or typing, something else.
    this.go(verdict.case_id);
    if (taken_out === "unsent") {
      this.#tookBack(verdict);
      return;
    }
    this.#recalling.add(verdict.id);
    try {
      await this.#outbox.settled(verdict.id);
      if (taken_out === "sent") taken_out = this.#outbox.takeOut(verdict.id);
      if (!this.#now.sitting.recallable.some((each) => each.verdict.id === verdict.id)) return;
      const after = await api.recall(verdict.case_id);
      // The verdict ended the claim: it is known to be gone before the case is claimed anew.
      this.#set(sitting.claimed(this.#now.sitting, [after]).sitting);
      this.#tookBack(verdict);
      void this.#load(after.id);
    } catch (error) {
      if (taken_out === "perhaps_sent") {
        // It is not sent again, so most likely there was nothing to recall.
        this.#tookBack(verdict);
        this.#unsure.add(verdict.case_id);
        this.say("warn", "Taken back here. Should it have arrived before the connection broke, that is shown once the server answers.", verdict.case_id);
        void this.#look(verdict.case_id);
      } else {
        if (from && this.#now.sitting.current === verdict.case_id) this.go(from);
        this.say("bad", `It could not be taken back: ${short(verdict.title)}. ${words(error)}`, verdict.case_id);
      }
    } finally {
      this.#recalling.delete(verdict.id);
    }
  }

  // --- editing and passing on

  draft(id: string, args: Arguments | null): void {
    const { drafts, views } = this.#now.sitting;
    if (args === null && !(id in drafts)) return;
    const content_hash = views[id]?.case.content_hash ?? drafts[id]?.content_hash ?? "";
    const next = args === null ? sitting.without(drafts, id) : { ...drafts, [id]: { arguments: args, content_hash } };
    this.#set({ ...this.#now.sitting, drafts: next });
    clearTimeout(this.#draft_timer);
    this.#draft_timer = setTimeout(() => this.#keepDrafts(), KEEP_DRAFTS_MS);
  }

  /** The case on screen was snoozed or handed over: it leaves this person's hands. */
  passedOn(after: Case, words: string): void {
    const now = this.#now.sitting;
    const on = sitting.following(now, after.id);
    const next = sitting.stand(now, after.id, { kind: "passed_on", words });
    this.#set(now.current === after.id && on ? { ...next, current: on } : next);
    this.say("plain", words, after.id);
    this.#fill();
  }

  /** The case on screen was drafted anew: it is loaded again. */
  redrafted(after: Case): void {
    this.say("plain", "Another draft was asked for.", after.id);
    void this.#load(after.id);
  }

  /** Look at a case again that somebody else had. */
  async retake(id: string): Promise<void> {
    await this.#look(id);
    this.#fill();
  }

  say(tone: Notice["tone"], text: string, case_id?: string, rejected?: Outgoing): void {
    this.#notices += 1;
    this.#change({
      notice: { id: this.#notices, tone, text, ...(case_id && { case_id }), ...(rejected && { rejected }) },
    });
  }

  hush(): void {
    if (this.#now.notice) this.#change({ notice: null });
  }

  /** This person was marked away, or is back: here, in another tab, or as the server says. */
  setAway(away: boolean): void {
    if (away === this.#now.away) return;
    this.#change({ away });
    if (away) this.#letGo(false);
    else this.#fill();
  }

  /** Somebody signed in again. */
  signedIn(): void {
    this.#out = false;
    this.flush();
    void this.refresh();
  }

  // --- inside

  #view(): CaseView | undefined {
    const { current, views } = this.#now.sitting;
    return current ? views[current] : undefined;
  }

  #rule(kind: VerdictKind, what: { arguments?: Arguments; label?: string }): void {
    const view = this.#view();
    const row = view && sitting.rowOf(this.#now.sitting, view.case.id);
    if (!view || (row && !sitting.mayBeRuled(row.standing))) return;
    const answer = { case_id: view.case.id, content_hash: view.case.content_hash, kind, ...what };
    if (view.checkpoint.undo_s > 0) this.#send(view, answer);
    else if (!this.#now.reachable) {
      this.say("warn", "The server cannot be reached, and this could not be taken back: it waits for you until it can.");
    } else this.#change({ confirming: answer, notice: null });
  }

  #send(view: CaseView, answer: Pick<Confirming, "kind" | "arguments" | "label">): void {
    const row = sitting.rowOf(this.#now.sitting, view.case.id);
    if (!row) this.#set({ ...this.#now.sitting, rows: [{ case: view.case, standing: sitting.OPEN }, ...this.#now.sitting.rows] });
    const mine = view.case.claimed_by === this.me.id;
    const draft = this.#now.sitting.drafts[view.case.id];
    const verdict: Outgoing = {
      id: newId(),
      case_id: view.case.id,
      kind: answer.kind,
      revision: view.case.revision,
      content_hash: view.case.content_hash,
      fence: mine ? view.case.fence : null,
      seconds: this.#painted === paintKey(view) ? Math.round((performance.now() - this.#shown_at) / 100) / 10 : 0,
      hold_s: view.checkpoint.undo_s,
      title: view.case.title,
      ...(answer.arguments && { arguments: answer.arguments }),
      ...(answer.label !== undefined && { label: answer.label }),
      ...(draft && !answer.arguments && { draft }),
    };
    this.#now = { ...this.#now, sitting: sitting.sent(this.#now.sitting, verdict), confirming: null };
    const why = answer.kind === "rejected" && verdict.hold_s > 0 && view.checkpoint.reasons.length > 0;
    const said = why ? "Rejected. Why?" : `${SAYS[answer.kind]}: ${verdict.label ?? short(verdict.title)}`;
    this.say(answer.kind === "rejected" ? "plain" : "ok", said, verdict.case_id, why ? verdict : undefined);
    this.#outbox.put(verdict);
    // Painting the next case comes first.
    setTimeout(() => {
      this.#outbox.send(verdict.id);
      this.#fill();
    });
  }

  #tookBack(verdict: Outgoing): void {
    this.#set(sitting.takenBack(this.#now.sitting, verdict));
    this.say("plain", "Taken back.", verdict.case_id);
    this.#fill();
  }

  #accepted(verdict: Outgoing, after: Case): void {
    const held = after.state === "held";
    const until = held ? serverNow() + verdict.hold_s * 1000 : null;
    this.#set(sitting.accepted(this.#now.sitting, verdict, after, until));
    this.draft(verdict.case_id, null);
    this.#unsure.delete(verdict.case_id);
    if (until !== null) setTimeout(() => this.#set(sitting.settled(this.#now.sitting, verdict)), verdict.hold_s * 1000);
    const view = this.#now.sitting.views[verdict.case_id];
    if (view?.withheld) void this.#reveal(view, verdict);
    else if (after.state === "waiting" && this.#now.notice?.case_id === verdict.case_id) {
      this.say("ok", `Your opinion is recorded; ${after.opinions} in all have to agree.`, verdict.case_id);
    }
  }

  /** Where the AI's opinion was withheld, tell it once this person has ruled. */
  async #reveal(view: CaseView, verdict: Outgoing): Promise<void> {
    try {
      const { contents, routings } = await api.history(view.case.id);
      const draft = contents.find((content) => content.revision === view.case.revision);
      const confidence = routings.find((routing) => routing.revision === view.case.revision)?.confidence;
      if (!draft || this.#now.notice?.case_id !== view.case.id) return;
      const sure = confidence === null || confidence === undefined ? "" : ` (${Math.round(confidence * 100)} %)`;
      const name = view.checkpoint.label;
      const proposed = name ? String((draft.arguments as Arguments)[name] ?? "nothing") : "this";
      const said = verdict.label === undefined ? SAYS[verdict.kind] : `You chose ${verdict.label}`;
      this.say("plain", `${said}. The AI had proposed ${proposed}${sure}.`, view.case.id);
    } catch {
      // It can be read on the case's own page.
    }
  }

  #refused(verdict: Outgoing, problem: Problem): void {
    const now = this.#now.sitting;
    const facts = problem.facts as { reviewer?: string; verdict?: string };
    let standing: Standing;
    if (problem.code === "case_closed" && facts.reviewer) {
      standing = { kind: "elsewhere", words: `${facts.reviewer} was faster: ${facts.verdict ?? "ruled on it"}. Yours did not count.` };
    } else if (problem.code === "case_closed" || problem.code === "unknown_case") {
      standing = { kind: "elsewhere", words: `Your verdict did not count. ${problem.message}` };
    } else {
      standing = { kind: "refused", words: problem.message, verdict };
    }
    this.#set(sitting.refused(now, verdict, standing));
    this.say("bad", `Not counted, ${verdict.title}: ${standing.words}`, verdict.case_id);
    if (standing.kind === "refused") void this.#look(verdict.case_id);
  }

  #dropped(verdict: Outgoing): void {
    const text = "The connection broke: whether this verdict arrived is shown here once the server answers.";
    this.#unsure.add(verdict.case_id);
    this.#set(sitting.refused(this.#now.sitting, verdict, { kind: "refused", words: text, verdict }));
    this.say("bad", `${verdict.title}: ${text}`, verdict.case_id);
    void this.#look(verdict.case_id);
  }

  #gone(verdict: Outgoing): void {
    this.#set(sitting.refused(this.#now.sitting, verdict, sitting.OPEN));
    void this.#look(verdict.case_id);
  }

  #reached(waiting: number, reachable: boolean): void {
    const before = this.#now;
    this.#change({ waiting, reachable });
    if (!reachable) this.#kept_back = Math.max(this.#kept_back, waiting);
    else if (waiting === 0 && this.#kept_back > 0) {
      this.#kept_back = 0;
      if (this.#now.notice?.tone !== "bad") this.say("ok", "The server answers again: everything that was kept here is sent.");
    }
    if (reachable && !before.reachable) {
      void this.#renew();
      for (const id of this.#unsure) void this.#look(id);
      if (before.sitting.listed === "failed") void this.refresh();
      for (const id of Object.keys(before.sitting.missing)) void this.#load(id);
    }
  }

  /** Find out whether the server answers. */
  async #ask(): Promise<void> {
    try {
      await api.me();
    } catch (error) {
      if (error instanceof Unreachable) this.#lost();
      else this.#answers();
      return;
    }
    this.#answers();
  }

  /** The server did not answer. */
  #lost(): void {
    if (this.#now.reachable) this.#reached(this.#outbox.waiting.length, false);
  }

  /** Look again in a while, if that may help. */
  #later(error: unknown): void {
    if (error instanceof Problem && !error.passing) return;
    this.#again_timer ??= setTimeout(() => {
      this.#again_timer = undefined;
      this.flush();
    }, AGAIN_MS);
  }

  /** The server answered something, whatever it was asked. */
  #answers(): void {
    if (!this.#now.reachable) this.#reached(this.#outbox.waiting.length, true);
  }

  #following(following: boolean): void {
    if (following === this.#now.following) return;
    this.#change({ following, ...(following && { reachable: true }) });
    // What happened while nothing was heard shows in the list; the one on screen is looked at first.
    if (following) {
      this.flush();
      const { current } = this.#now.sitting;
      if (current) void this.#look(current);
    }
  }

  /** The first event counts at once, those on its heels together. */
  #hear(event: Event): void {
    this.#heard.push(event);
    if (this.#hearing !== undefined) return;
    this.#noticed();
    const rest = () => {
      this.#hearing = this.#heard.length ? setTimeout(rest, TOGETHER_MS) : undefined;
      this.#noticed();
    };
    this.#hearing = setTimeout(rest, TOGETHER_MS);
  }

  #noticed(): void {
    const events = this.#heard;
    if (!events.length) return;
    this.#heard = [];
    const own = events.findLast(({ kind, actor, act }) => kind === "account" && actor === this.me.id && (act === "away" || act === "back"));
    if (own) this.setAway(own.act === "away");
    const found = sitting.noticedAll(this.#now.sitting, events, this.me.id);
    let next = found.sitting;
    const near = new Set([...sitting.near(next), ...Object.keys(next.views), ...this.#unsure]);
    const looks: [string, Event][] = [];
    for (const [id, event] of found.look) {
      const kind = sitting.rowOf(next, id)?.standing.kind;
      // What is far off is not in memory, and is looked at when its turn comes.
      if (near.has(id) || kind === "sending" || kind === "ruled") looks.push([id, event]);
      else if (event.act === "rule") next = sitting.stand(next, id, { kind: "elsewhere", words: `${event.actor ?? "Somebody"} has ruled on it.` });
      else if (kind === "elsewhere") next = sitting.stand(next, id, sitting.OPEN);
    }
    this.#set(next);
    for (const [id, event] of looks) void this.#look(id, event.actor ?? undefined);
    // What was given back is nobody's now: whoever has it on screen takes it.
    const mine = new Set(sitting.toClaim(this.#now.sitting));
    if (events.some(({ act, case_id }) => act === "release" && mine.has(case_id ?? ""))) this.#fill();
    if (!this.#idle) return;
    // With nothing left to do, what comes in is shown at once: there is no cursor it could move under.
    if (next.arrived.size) {
      if (!this.#refreshing) void this.refresh();
    } else if (events.some(({ act }) => FREES.has(act))) {
      this.#freed ??= setTimeout(() => {
        this.#freed = undefined;
        if (this.#idle) void this.refresh(true);
      }, FREE_MS);
    }
  }

  get #idle(): boolean {
    const { rows, listed } = this.#now.sitting;
    return listed === "yes" && !rows.some((row) => sitting.mayBeRuled(row.standing));
  }

  /** Find out how a case stands now that something happened to it elsewhere. */
  async #look(id: string, by?: string): Promise<void> {
    let view: CaseView;
    try {
      view = await api.view(id);
    } catch (error) {
      if (error instanceof Unreachable) this.#lost();
      return;
    }
    const unsure = this.#unsure.delete(id);
    this.#answers();
    const row = sitting.rowOf(this.#now.sitting, id);
    if (row?.standing.kind === "sending") return;
    const { case: found } = view;
    const holder = found.claimed_by && found.claimed_by !== this.me.id && Date.parse(found.claim_expires_at ?? "") > serverNow();
    this.#set(sitting.loaded(this.#now.sitting, view));
    if (found.state !== "waiting") {
      // What is known of it already says more than that it is over, or that one has ruled on it oneself.
      if (row?.standing.kind === "ruled" || (row?.standing.kind === "elsewhere" && (!by || by === this.me.id))) return;
      const arrived = unsure && row?.standing.kind === "refused" && (await this.#arrived(row.standing.verdict));
      const own = arrived ? "Your verdict arrived." : "You have ruled on it in another window.";
      const words = arrived || by === this.me.id ? own : by ? `${by} has ruled on it.` : `It is ${found.state} already.`;
      this.#set(sitting.stand(this.#now.sitting, id, { kind: "elsewhere", words }));
    } else if (holder) {
      this.#set(sitting.stand(this.#now.sitting, id, { kind: "claimed", by: String(found.claimed_by) }));
    } else if (found.assigned_to && !this.#mine(found.assigned_to)) {
      this.#set(sitting.stand(this.#now.sitting, id, { kind: "elsewhere", words: `It was handed over to ${found.assigned_to}.` }));
    } else if (row && (unsure || !sitting.mayBeRuled(row.standing))) {
      const recalled = row.standing.kind === "ruled" && this.#now.sitting.recallable.find(({ verdict }) => verdict.case_id === id);
      if (recalled) this.#set(sitting.takenBack(this.#now.sitting, recalled.verdict));
      if (row.standing.kind === "refused") this.say("warn", "Your verdict did not arrive: the case waits for it still.", id);
      this.#set(sitting.stand(this.#now.sitting, id, sitting.OPEN));
      this.#fill();
    }
  }

  /** Whether the server has a verdict whose answer was lost. */
  async #arrived(verdict: Outgoing): Promise<boolean> {
    try {
      const { verdicts } = await api.history(verdict.case_id);
      return verdicts.some(({ id }) => id === verdict.id);
    } catch {
      return false;
    }
  }

  #mine(address: string): boolean {
    const { id, groups, roles } = this.me;
    return address === id || [...groups, ...roles].some((name) => address === `group:${name}`);
  }

  async #list(after: string | null): Promise<void> {
    this.#listing?.abort();
    const listing = (this.#listing = new AbortController());
    this.#refreshing = false;
    this.#set({ ...this.#now.sitting, listed: "loading" });
    try {
      const { filter, arrived } = this.#now.sitting;
      const begin = () => takePage(filter) ?? askPage(filter, listing.signal);
      const page = await (after === null ? begin() : api.queue({ ...filter, after, limit: PAGE }, listing.signal));
      if (listing.signal.aborted) return;
      let next = sitting.listed(this.#now.sitting, page.items, page.after, arrived);
      if (page.first && !next.views[page.first.case.id]) next = sitting.loaded(next, page.first);
      for (const verdict of this.#outbox.waiting) {
        next = sitting.withRow(next, verdict.case_id, (row) => ({ ...row, standing: { kind: "sending", verdict } }));
      }
      const first = next.rows.find((row) => sitting.mayBeRuled(row.standing));
      this.#set({ ...next, current: next.current ?? first?.case.id ?? null });
      this.#fill();
    } catch (error) {
      if (!listing.signal.aborted) this.#listFailed(error);
    }
  }

  #listFailed(error: unknown): void {
    this.#set({ ...this.#now.sitting, listed: "failed" });
    this.#later(error);
    if (error instanceof Unreachable) this.#lost();
    else if (!(error instanceof Problem && error.status === 401)) this.say("bad", `The queue could not be read. ${words(error)}`);
  }

  /** Have the case on screen and those near it in memory, and claimed. */
  #fill(): void {
    const { current, views } = this.#now.sitting;
    // The case that somebody waits for comes first, and alone: together they would all be later.
    if (current && !views[current]) void this.#load(current);
    else this.#fillAround();
  }

  #fillAround(): void {
    if (this.#alone) return;
    const now = this.#now.sitting;
    const others = sitting.near(now).slice(1);
    const soon = serverNow() + RENEW_BEFORE_MS;
    const wanted = sitting.toClaim(now).filter((id) => {
      const found = now.views[id]?.case ?? sitting.rowOf(now, id)?.case;
      const held = found?.claimed_by === this.me.id && Date.parse(found.claim_expires_at ?? "") > soon;
      return !held && !this.#claiming.has(id);
    });
    if (wanted.length && document.visibilityState === "visible" && !this.#now.away) void this.#claim(wanted);
    for (const id of others) if (!now.views[id]) void this.#load(id);
    const at = sitting.indexOf(now, now.current);
    if (now.listed === "yes" && now.after !== null && at >= now.rows.length - 10) void this.more();
    this.#set(sitting.trimmed(this.#now.sitting));
  }

  async #claim(ids: string[]): Promise<void> {
    for (const id of ids) this.#claiming.add(id);
    try {
      const taken = await api.claim(ids, HOLD_S);
      const found = sitting.claimed(this.#now.sitting, taken);
      this.#set(found.sitting);
      for (const id of found.stale) void this.#load(id);
      const left = new Set(ids);
      for (const each of taken) left.delete(each.id);
      for (const id of left) {
        const row = sitting.rowOf(this.#now.sitting, id);
        if (!row || sitting.mayBeRuled(row.standing)) void this.#look(id);
      }
    } catch (error) {
      if (error instanceof Unreachable) this.#lost();
      // A verdict without a claim counts unless somebody else holds one; the heartbeat tries again.
    } finally {
      for (const id of ids) this.#claiming.delete(id);
    }
  }

  #load(id: string): Promise<void> {
    const loading = this.#loading.get(id) ?? this.#fetch(id);
    this.#loading.set(id, loading);
    return loading;
  }

  async #fetch(id: string): Promise<void> {
    try {
      const view = await (takeView(id) ?? api.view(id));
      this.#answers();
      // The claim may have been answered first, and its number is the newer one.
      const row = sitting.rowOf(this.#now.sitting, id)?.case;
      const newer = row && row.fence > view.case.fence && row.content_hash === view.case.content_hash;
      this.#set(sitting.loaded(this.#now.sitting, newer ? { ...view, case: row } : view, this.#mayHaveRead(id)));
      if (id === this.#now.sitting.current) this.#set(sitting.placed(this.#now.sitting, view.case));
      if (view.case.claimed_by && view.case.claimed_by !== this.me.id) void this.#look(id);
      if (view.case.state !== "waiting" && sitting.rowOf(this.#now.sitting, id)?.standing.kind === "open") void this.#look(id);
    } catch (error) {
      if (error instanceof Unreachable) this.#lost();
      this.#later(error);
      this.#set({ ...this.#now.sitting, missing: { ...this.#now.sitting.missing, [id]: words(error) } });
    } finally {
      this.#loading.delete(id);
      if (id === this.#now.sitting.current) this.#fillAround();
    }
  }

  #mayHaveRead(id: string): boolean {
    const view = this.#now.sitting.views[id];
    return view !== undefined && this.#painted === paintKey(view) && performance.now() - this.#shown_at >= READ_MS;
  }

  #held(): string[] {
    const now = serverNow();
    return Object.values(this.#now.sitting.views)
      .filter(({ case: each }) => each.state === "waiting" && each.claimed_by === this.me.id && Date.parse(each.claim_expires_at ?? "") > now)
      .map(({ case: each }) => each.id);
  }

  async #renew(): Promise<void> {
    if (document.visibilityState !== "visible") return;
    const near = new Set(sitting.toClaim(this.#now.sitting));
    const held = this.#held().filter((id) => near.has(id));
    if (held.length) {
      try {
        const { held: kept, lost } = await api.renew(held, HOLD_S);
        this.#answers();
        const found = sitting.claimed(this.#now.sitting, kept);
        this.#set(found.sitting);
        for (const id of [...found.stale, ...lost]) void this.#look(id);
      } catch (error) {
        if (error instanceof Unreachable) this.#lost();
        return;
      }
    }
    // Claims of others lapse without a word.
    for (const id of sitting.near(this.#now.sitting)) {
      if (sitting.rowOf(this.#now.sitting, id)?.standing.kind === "claimed") void this.#look(id);
    }
    this.#fill();
  }

  /** Nobody looks: others may have the cases, the one on screen a little later. */
  #away(): void {
    const { current } = this.#now.sitting;
    this.#release(this.#held().filter((id) => id !== current), false);
    this.#hidden_timer = setTimeout(() => this.#letGo(false), AWAY_MS);
    this.#keepDrafts();
  }

  #back(): void {
    clearTimeout(this.#hidden_timer);
    this.flush();
    this.#fill();
  }

  #letGo(leaving: boolean): void {
    this.#release(this.#held(), leaving);
    if (leaving) this.#keepDrafts();
  }

  #release(ids: string[], leaving: boolean): void {
    if (!ids.length) return;
    const views = { ...this.#now.sitting.views };
    for (const id of ids) {
      const view = views[id];
      if (view) views[id] = { ...view, case: { ...view.case, claimed_by: null, claim_expires_at: null } };
    }
    this.#set({ ...this.#now.sitting, views });
    // Claims lapse by themselves, so nothing depends on the answer.
    api.release(ids, leaving).catch(() => undefined);
  }

  #keepDrafts(): void {
    clearTimeout(this.#draft_timer);
    this.#drafts.write(this.#now.sitting.drafts);
  }

  #set(next: Sitting): void {
    if (next !== this.#now.sitting) this.#change({ sitting: next });
  }

  #change(change: Partial<Snapshot>): void {
    const next = { ...this.#now, ...change };
    const { current, views } = next.sitting;
    const view = current ? views[current] : undefined;
    // What is confirmed is what was on screen when it was asked: with another case, draft or standing the question is void.
    if (next.confirming && !stillAsked(next.confirming, next.sitting)) next.confirming = null;
    if (view || current === null) {
      next.shown = view ?? null;
      clearTimeout(this.#skeleton_timer);
      this.#skeleton_timer = undefined;
    } else if (next.shown && this.#skeleton_timer === undefined) {
      this.#skeleton_timer = setTimeout(() => this.#change({ shown: null }), SKELETON_MS);
    }
    this.#now = next;
    for (const listener of this.#listeners) listener();
  }
}

/** After these a case may be offered again, or to somebody else. */
const FREES: ReadonlySet<string> = new Set(["release", "recall", "redraft", "hand_over", "pass_on"]);

const SAYS: Record<VerdictKind, string> = { approved: "Approved", edited: "Approved as edited", rejected: "Rejected" };

/** What is on screen: another revision counts as another painting. */
export function paintKey(view: CaseView): string {
  return `${view.case.id} ${view.case.content_hash}`;
}

function stillAsked({ case_id, content_hash }: Confirming, now: Sitting): boolean {
  const row = sitting.rowOf(now, case_id);
  return now.current === case_id && now.views[case_id]?.case.content_hash === content_hash && (!row || sitting.mayBeRuled(row.standing));
}

export function words(error: unknown): string {
  return error instanceof Error ? error.message : "Something unexpected happened; reload the page.";
}

function short(title: string): string {
  return title.length > 48 ? `${title.slice(0, 47).trimEnd()}…` : title;
}

/** A random UUID; pages that are not served over TLS have no `crypto.randomUUID`. */
function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
