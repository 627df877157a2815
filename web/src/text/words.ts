/** Words for states, for what an entry tells, and for times: one place, so that every screen says the same. */
import type { Entry, Event, State, VerdictKind } from "../api/types";

export type Tone = "ok" | "warn" | "bad" | "plain";

export interface StateWords {
  /** One or two words. */
  word: string;
  /** A sign that differs by its form, so that colour alone never tells states apart. */
  shape: string;
  tone: Tone;
  /** What it means for the person who looks. */
  meaning: string;
}

const STATES: Record<State, StateWords> = {
  waiting: { word: "Waiting", shape: "○", tone: "plain", meaning: "It waits for a person." },
  held: { word: "Held", shape: "◐", tone: "warn", meaning: "It is decided, and can be undone for a few more seconds." },
  cleared: { word: "Cleared", shape: "▷", tone: "plain", meaning: "It is decided, and will run in its turn." },
  running: { word: "Running", shape: "►", tone: "plain", meaning: "Its effect is under way." },
  unknown: { word: "Unknown", shape: "◇", tone: "bad", meaning: "Nobody can say whether its effect happened; a lead has to find out." },
  done: { word: "Done", shape: "✓", tone: "ok", meaning: "Its effect happened." },
  rejected: { word: "Rejected", shape: "✕", tone: "bad", meaning: "A person said no; nothing ran." },
  expired: { word: "Expired", shape: "◌", tone: "warn", meaning: "Nobody ruled before its deadline; nothing ran." },
  withdrawn: { word: "Withdrawn", shape: "←", tone: "plain", meaning: "Its proposer took it back; nothing ran." },
  failed: { word: "Failed", shape: "▲", tone: "bad", meaning: "It was approved, but its effect did not happen." },
  reversed: { word: "Reversed", shape: "⇆", tone: "plain", meaning: "Its effect happened and was undone." },
};

export const STATE_NAMES = Object.keys(STATES) as State[];

/** Say where a case stands. */
export function stateWords(state: State): StateWords {
  return STATES[state];
}

const VERDICTS: Record<VerdictKind, string> = {
  approved: "approved it",
  edited: "edited and approved it",
  rejected: "rejected it",
};

/** Say what somebody did by a verdict, as the end of a sentence that begins with their name. */
export function verdictWords(kind: VerdictKind): string {
  return VERDICTS[kind];
}

const ENDINGS: Record<string, string> = {
  returned: "it went through",
  refused: "the receiver refused it, and nothing happened",
  failed: "nothing happened; it may be tried again",
  raised: "it stopped with an error, so it may have happened",
  in_doubt: "it could not be told whether it happened",
  timed_out: "no answer came in time, so it may have happened",
  crashed: "its process stopped without a word, so it may have happened",
};

/** Say how an attempt of an effect ended. */
export function endingWords(ending: string | null | undefined): string {
  if (!ending) return "it has not ended";
  return ENDINGS[ending] ?? ending;
}

/** What is known of an entry; the event stream tells less than the ledger does. */
export type Told = Pick<Entry, "act" | "actor_kind" | "kind"> & { actor: string | null; facts?: Entry["facts"] };

/** Give an event of the stream in the form `entryWords` takes. */
export function told(event: Event): Told {
  return { act: event.act, actor: event.actor, actor_kind: event.actor_kind, kind: event.kind };
}

type Words = (facts: Record<string, unknown>) => string;

const attempt = (facts: Record<string, unknown>) => (typeof facts.attempt === "number" ? ` ${facts.attempt}` : "");

// Under "kind.act". Those of MECHANICAL are whole sentences; the others follow a name.
const ACTS: Record<string, Words> = {
  "move.propose": (facts) => (facts.reverses ? "proposed it, to undo another case" : "proposed it"),
  "move.route": () => "let it through without a person, as its checkpoint allows",
  "move.rule": (facts) => VERDICTS[facts.kind as VerdictKind] ?? "ruled",
  "move.recall": () => "took the verdict back",
  "move.redraft": (facts) =>
    facts.reason === undefined || facts.reason === "asked" ? "asked for another draft" : "put another draft before the reviewers",
  "move.withdraw": () => "withdrew it",
  "move.halt": () => "stopped it",
  "move.confirm_done": () => "confirmed that the effect happened",
  "move.send_again": () => "had it sent again, under a new key",
  "move.confirm_failed": () => "confirmed that the effect did not happen, and shall not",
  "claim.claim": () => "took it",
  "claim.release": () => "gave it back",
  "claim.snooze": () => "snoozed it",
  "vote.approved": () => "gave an opinion: approve",
  "vote.edited": () => "gave an opinion: approve with changes",
  "vote.rejected": () => "gave an opinion: reject",
  "vote.vote": () => "Somebody gave an opinion; which one is not told before all are in",
  "handover.hand_over": (facts) => (facts.to ? `handed it over to ${addressee(String(facts.to))}` : "handed it over"),
  "audit.right": () => "looked at it afterwards: right",
  "audit.wrong": () => "looked at it afterwards: wrong, which is an incident",
  "policy.register": (facts) => (facts.version ? `declared the checkpoint, version ${String(facts.version)}` : "declared the checkpoint"),
  "policy.webhook_add": () => "added a webhook",
  "policy.webhook_remove": () => "removed a webhook",
  "policy.webhook_test": () => "tested a webhook",
  "account.create": () => "made an account",
  "account.change": () => "changed an account",
  "account.set_password": () => "set a password",
  "account.disable": () => "disabled an account",
  "account.enable": () => "enabled an account",
  "account.sign_in": () => "signed in",
  "account.sign_out": () => "signed out",
  "account.issue_token": () => "made a token",
  "account.revoke_token": () => "ended a token",
  "account.away": () => "is away",
  "account.here": () => "is here again",
};

const WOULD: Record<string, string> = {
  review: "On paper, it would have gone to a person",
  audit: "On paper, it would have run without a person, and been drawn to be looked at afterwards",
  automate: "On paper, it would have run without a person",
};

const MECHANICAL: Record<string, Words> = {
  "move.clear": () => "It is cleared to run",
  "move.reject": () => "The rejection stands",
  "move.expire": () => "It expired: nobody ruled before the deadline",
  "move.start": (facts) => `Attempt${attempt(facts)} started`,
  "move.finish": (facts) => `Attempt${attempt(facts)} ended: ${endingWords("returned")}`,
  "move.retry": (facts) => `Attempt${attempt(facts)} ended: ${endingWords((facts.ending as string) ?? "failed")}; another will follow`,
  "move.give_up": (facts) => `Attempt${attempt(facts)} ended: ${facts.ending === "refused" ? endingWords("refused") : "it was given up"}`,
  "move.lose_track": (facts) =>
    facts.ending ? `Attempt${attempt(facts)} ended: ${endingWords(String(facts.ending))}` : "It is unknown whether the effect happened",
  "move.reverse": () => "Its reversal is done, so it is reversed",
  "vote.vote": ACTS["vote.vote"] as Words,
  "handover.disagree": () => "Two opinions differ, so a lead decides",
  "audit.draw": () => "A recorded coin drew it, to be looked at afterwards",
  "effect.late": (facts) => `Attempt${attempt(facts)} answered after its time; that changed nothing`,
  "automation.decide": (facts) =>
    WOULD[String((facts.decision as { route?: unknown } | undefined)?.route)] ??
    "What would be done without a person was put on record; people judge it all the same",
  "policy.webhook_gone": () => "A webhook's receiver is gone, so it is told nothing any more",
  "account.sign_in_failed": () => "Somebody gave a wrong password",
};

/** Say what an entry tells of: who did it, if anybody did, and what. */
export function entryWords(entry: Told): { who: string | null; did: string } {
  const name = `${entry.kind}.${entry.act}`;
  const facts = entry.facts ?? {};
  const alone = MECHANICAL[name];
  if (alone) return { who: null, did: alone(facts) };
  const words = ACTS[name];
  return { who: entry.actor, did: words ? words(facts) : entry.act.replaceAll("_", " ") };
}

/** Name somebody a case can be assigned to. */
export function addressee(to: string): string {
  return to.startsWith("group:") ? `the group ${to.slice("group:".length)}` : to;
}

/** A number with its noun: "1 claim", "2 claims". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString()} ${number === 1 ? one : many}`;
}

// --- times

/** Where and how times are read; the browser's own unless said otherwise. */
export interface Place {
  now?: Date;
  zone?: string;
  locale?: string;
}

const S = 1000;
const MIN = 60 * S;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;

const asDate = (date: Date | string): Date => (typeof date === "string" ? new Date(date) : date);

/** How long something takes, in its largest unit, rounded down: "40 s", "12 min", "3 h", "2 days". */
export function span(ms: number): string {
  const long = Math.max(0, ms);
  if (long < MIN) return `${Math.floor(long / S)} s`;
  if (long < HOUR) return `${Math.floor(long / MIN)} min`;
  if (long < 2 * DAY) return `${Math.floor(long / HOUR)} h`;
  if (long < 60 * DAY) return `${Math.floor(long / DAY)} days`;
  if (long < 730 * DAY) return `${Math.floor(long / (30 * DAY))} months`;
  return `${Math.floor(long / (365 * DAY))} years`;
}

/** How long ago something was, or how soon it will be: "3 min ago", "in 2 h", "now". */
export function ago(date: Date | string, now: Date = new Date()): string {
  const passed = now.getTime() - asDate(date).getTime();
  if (!Number.isFinite(passed)) return "at an unknown time";
  if (Math.abs(passed) < 5 * S) return "now";
  return passed > 0 ? `${span(passed)} ago` : `in ${span(-passed)}`;
}

/** The days from one calendar day to the other, in a zone; days of 23 or 25 hours count as one. */
function daysBetween(from: Date, to: Date, zone: string | undefined): number {
  const day = new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" });
  return Math.round((Date.parse(day.format(to)) - Date.parse(day.format(from))) / DAY);
}

/** When something was or will be, as a person says it: "today 14:03", "yesterday 09:00", "3 Nov, 14:03". */
export function when(date: Date | string, { now = new Date(), zone, locale }: Place = {}): string {
  const at = asDate(date);
  if (Number.isNaN(at.getTime())) return "at an unknown time";
  const time = new Intl.DateTimeFormat(locale, { timeZone: zone, timeStyle: "short" }).format(at);
  const days = daysBetween(now, at, zone);
  const near: Record<number, string> = { [-1]: "yesterday", 0: "today", 1: "tomorrow" };
  const named = near[days];
  if (named) return `${named} ${time}`;
  const sameYear = Math.abs(days) < 300;
  const part: Intl.DateTimeFormatOptions = {
    timeZone: zone,
    day: "numeric",
    month: "short",
    ...(Math.abs(days) < 7 && { weekday: "short" }),
    ...(!sameYear && { year: "numeric" }),
  };
  return `${new Intl.DateTimeFormat(locale, part).format(at)}, ${time}`;
}

/** The exact time, in UTC, to the millisecond where there are any. */
export function utc(date: Date | string): string {
  const at = asDate(date);
  if (Number.isNaN(at.getTime())) return "";
  return `${at.toISOString().replace("T", " ").replace("Z", "").replace(".000", "")} UTC`;
}

/** The name of the reader's zone: "Europe/Berlin". */
export function zoneName(): string {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}
