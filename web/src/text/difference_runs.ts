/** What two texts have in common, word by word, within a bounded time. */
import { diffArrays } from "diff/lib/diff/array.js";

export interface Run {
  kind: "same" | "deleted" | "inserted";
  text: string;
}

/** Changes after which two texts count as too different: the search takes the square of them. */
const MAX_CHANGES = 300;
/** Cutting more than this into words at every key would be felt; lines are taken instead. */
const MAX_WORDED = 40_000;
const CALM = 200;

// The segmenter knows every script but is slow; lines in scripts that put blanks between words need only a pattern.
const PLAIN = /^[\0-\u06FF\u1E00-\u1FFF\u2010-\u2027\u202F-\u205F\u20A0-\u20CF]*$/;
const PLAIN_WORDS = /[\p{L}\p{M}\p{N}_]+(?:['’.,][\p{L}\p{N}]+)*|\r?\n|[^\S\n]+|[^\p{M}]\p{M}*/gu;
const WORDS = new Intl.Segmenter("und", { granularity: "word" });

/**
 * Compare two texts.
 *
 * The runs in their order give `before` without the inserted, and `after` without the deleted, character by character.
 * Texts with too little in common are compared by lines, and when even those differ, what differs is replaced as one.
 */
export function runs(before: string, after: string): Run[] {
  const { head, tail } = commonEnds(before, after);
  const old = before.slice(head, before.length - tail);
  const now = after.slice(head, after.length - tail);
  return joined([
    { kind: "same", text: before.slice(0, head) },
    ...byToken(old, now, old.length + now.length <= MAX_WORDED ? words : lines),
    { kind: "same", text: before.slice(before.length - tail) },
  ]);
}

function words(text: string): string[] {
  const parts: string[] = [];
  for (const line of lines(text)) {
    if (PLAIN.test(line)) parts.push(...(line.match(PLAIN_WORDS) ?? []));
    else for (const { segment } of WORDS.segment(line)) parts.push(segment);
  }
  return parts;
}

function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

function byToken(before: string, after: string, cut: (text: string) => string[]): Run[] {
  const old = cut(before);
  const now = cut(after);
  const most = Math.min(old.length, now.length);
  let head = 0;
  while (head < most && old[head] === now[head]) head++;
  let tail = 0;
  while (tail < most - head && old[old.length - 1 - tail] === now[now.length - 1 - tail]) tail++;
  const oldMiddle = old.slice(head, old.length - tail);
  const nowMiddle = now.slice(head, now.length - tail);
  return [
    { kind: "same", text: old.slice(0, head).join("") },
    ...between(oldMiddle, nowMiddle, cut),
    { kind: "same", text: old.slice(old.length - tail).join("") },
  ];
}

function between(old: string[], now: string[], cut: (text: string) => string[]): Run[] {
  const before = old.join("");
  const after = now.join("");
  const parts = old.length && now.length ? diffArrays(old, now, { maxEditLength: MAX_CHANGES }) : undefined;
  if (parts)
    return parts.map((part) => ({
      kind: part.added ? "inserted" : part.removed ? "deleted" : "same",
      text: part.value.join(""),
    }));
  if (old.length && now.length && cut === words) return byToken(before, after, lines);
  return [
    { kind: "deleted", text: before },
    { kind: "inserted", text: after },
  ];
}

/** How many characters both texts begin and end with, counted so that neither end stops within a word. */
function commonEnds(before: string, after: string): { head: number; tail: number } {
  const most = Math.min(before.length, after.length);
  let head = 0;
  while (head < most && before.charCodeAt(head) === after.charCodeAt(head)) head++;
  if (head < before.length || head < after.length) head = calm(head, (at) => before.charAt(at - 1));
  let tail = 0;
  while (
    tail < most - head &&
    before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail)
  )
    tail++;
  if (tail < before.length - head || tail < after.length - head)
    tail = calm(tail, (at) => before.charAt(before.length - at));
  return { head, tail };
}

/** Shorten an end to the last blank in it, or by so much that no word of a script without blanks is cut. */
function calm(length: number, last: (at: number) => string): number {
  for (let at = length; at > 0 && length - at < CALM; at--) if (/\s/.test(last(at))) return at;
  return Math.max(0, length - CALM);
}

/** Join changes that only a blank parts: two words changed beside each other are one change to a reader. */
function joined(found: Run[]): Run[] {
  const result: Run[] = [];
  let deleted = "";
  let inserted = "";
  const settle = () => {
    if (deleted) result.push({ kind: "deleted", text: deleted });
    if (inserted) result.push({ kind: "inserted", text: inserted });
    deleted = "";
    inserted = "";
  };
  const solid = found.filter((run) => run.text);
  solid.forEach((run, at) => {
    const following = solid[at + 1];
    if (run.kind === "deleted") deleted += run.text;
    else if (run.kind === "inserted") inserted += run.text;
    else if (deleted && inserted && following && following.kind !== "same" && /^[^\S\n]+$/.test(run.text)) {
      deleted += run.text;
      inserted += run.text;
    } else {
      settle();
      const last = result.at(-1);
      if (last?.kind === "same") last.text += run.text;
      else result.push({ ...run });
    }
  });
  settle();
  return result;
}
