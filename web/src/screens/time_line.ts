/** The time line of a case: what the ledger says, with what verdicts, attempts and notes add to it. */
import type { Entry, History } from "../api/types";
import { endingWords, entryWords } from "../text/words";

export interface Moment {
  key: string;
  at: string;
  entry: Entry | null;
  who: string | null;
  did: string;
  /** Lines of fact below it. */
  facts: string[];
  /** Words of a person: a reason, a note. */
  said: { label: string; text: string }[];
  /** What the receiver answered. */
  receipt: unknown;
  /** The revisions before and after, where the arguments changed. */
  revised: { from: number; to: number } | null;
  /** When a verdict or opinion was taken back. */
  voided_at: string | null;
}

/** Put everything stored about a case in one order, oldest first. */
export function timeLine(history: History): Moment[] {
  const { attempts, contents, notes, verdicts, votes } = history;
  const told = new Set<number>();
  let revision = contents[0]?.revision ?? 1;

  const moments = [...history.entries]
    .sort((a, b) => a.seq - b.seq)
    .map((entry): Moment => {
      const facts: string[] = [];
      const said: Moment["said"] = [];
      let receipt: unknown;

      const verdict = entry.act === "rule" ? verdicts.find((one) => one.id === entry.facts?.verdict) : undefined;
      const vote =
        entry.kind === "vote"
          ? votes.find((one) => one.reviewer === entry.actor && one.voted_at === entry.at && one.kind === entry.act)
          : undefined;
      const ruling = verdict ?? vote;
      if (verdict && typeof verdict.seconds === "number") facts.push(`It was on screen for ${seconds(verdict.seconds)}.`);
      if (ruling?.reason) said.push({ label: "Reason", text: ruling.reason });
      else if (ruling?.kind === "rejected") facts.push("No reason was given.");
      const voided_at = ruling?.voided_at ?? null;

      const attempt =
        typeof entry.facts?.attempt === "number" && entry.act !== "start"
          ? attempts.find((one) => one.attempt === entry.facts?.attempt)
          : undefined;
      if (attempt) {
        if (attempt.problem) said.push({ label: "Problem", text: attempt.problem });
        if (attempt.receipt) receipt = attempt.receipt.value ?? attempt.receipt;
      }

      for (const note of notes) {
        if (told.has(note.number) || note.author !== entry.actor || note.written_at !== entry.at) continue;
        told.add(note.number);
        said.push({ label: "Note", text: note.text });
      }

      let revised: Moment["revised"] = null;
      if (typeof entry.revision === "number" && entry.revision > revision) {
        revised = { from: revision, to: entry.revision };
        revision = entry.revision;
      }
      return { key: `e${entry.seq}`, at: entry.at, entry, ...entryWords(entry), facts, said, receipt, revised, voided_at };
    });

  for (const note of notes) {
    if (told.has(note.number)) continue;
    moments.push({
      key: `n${note.number}`,
      at: note.written_at,
      entry: null,
      who: note.author,
      did: "wrote a note",
      facts: [],
      said: [{ label: "Note", text: note.text }],
      receipt: undefined,
      revised: null,
      voided_at: null,
    });
  }
  return moments.sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function seconds(long: number): string {
  return long < 60 ? `${long.toLocaleString(undefined, { maximumFractionDigits: 1 })} s` : `${Math.round(long / 60)} min`;
}

/** Say how one attempt went, for those who have to find out what became of it. */
export function attemptWords(attempt: History["attempts"][number]): string {
  return attempt.finished_at ? endingWords(attempt.ending) : "it has not ended";
}

/** A value of the arguments as text that can be compared. */
export function asText(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
