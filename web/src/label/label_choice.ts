/** Which labels a reviewer is offered, under which keys, and how a typed text is matched with them. */
import type { Arguments, CaseView } from "../api/types";

export interface Known {
  label: string;
  cases: number;
}

export interface Offer {
  label: string;
  /** 0..1, where the drafter gave one. */
  confidence: number | null;
  /** Whether it is what was proposed. */
  suggested: boolean;
}

/** Keys 1 to 9. */
export const MOST_KEYS = 9;

/** Whether there is something to accept: a drafter that has no idea says so with a confidence of 0. */
export function hasSuggestion(view: CaseView): boolean {
  const argument = view.checkpoint.label;
  if (!argument) return true;
  if (view.withheld) return false;
  if (view.case.revision !== view.case.draft_revision) return true;
  return view.routing?.confidence !== 0 && Boolean(own(view.content.arguments, argument));
}

/** The suggestion first, then alternatives, then what is used most. While withheld, only in the order of use. */
export function offers(view: CaseView, labels: readonly Known[]): Offer[] {
  const found: Offer[] = [];
  const add = (label: unknown, confidence: unknown, suggested: boolean) => {
    if (typeof label !== "string" || found.some((one) => one.label === label)) return;
    found.push({ label, confidence: share(confidence), suggested });
  };
  const argument = view.checkpoint.label;
  if (!view.withheld && argument) {
    const knows = view.routing?.confidence !== 0;
    if (hasSuggestion(view)) add(own(view.content.arguments, argument), view.routing?.confidence, true);
    // Whoever has no idea is no surer of one than of another: a row of zeros would look like an answer.
    for (const alternative of view.content.alternatives ?? [])
      add(own(alternative.arguments, argument), knows ? alternative.confidence : null, false);
  }
  for (const { label } of byUse(labels)) add(label, null, false);
  return found;
}

/** The label under a key on this case, or null. Enter is the suggestion, where there is one. */
export function labelKeys(view: CaseView, labels: readonly Known[], key: string): string | null {
  const found = offers(view, labels);
  if (key === "Enter") return found.find((one) => one.suggested)?.label ?? null;
  return /^[1-9]$/.test(key) ? (found[Number(key) - 1]?.label ?? null) : null;
}

/** Put the cursor into the field that finds a label; false where there is none. */
export function focusLabelField(): boolean {
  const field = document.querySelector<HTMLInputElement>(".label-find input:enabled");
  field?.focus();
  return field !== null;
}

/** Two ways to write one label: other case, other blanks, hidden characters, or another form of the same ones. */
export function sameLabel(one: string, other: string): boolean {
  return one === other || folded(one) === folded(other);
}

export function folded(label: string): string {
  return label.normalize("NFC").replace(/\p{Cf}/gu, "").replace(/\s+/gu, " ").trim().toLowerCase().normalize("NFC");
}

/** A new label as it will be stored: one form of each character, single blanks, none at the ends. */
export function tidied(text: string): string {
  return text.normalize("NFC").replace(/\s+/gu, " ").trim();
}

/** Labels that a typed text may mean, the closest first: the same, a beginning, words' beginnings, somewhere, in order. */
export function matching(typed: string, labels: readonly Offer[]): Offer[] {
  const text = folded(typed);
  if (!text) return [...labels];
  return labels
    .map((offer, at) => ({ offer, at, rank: offer.label === typed ? -1 : rank(text, folded(offer.label)) }))
    .filter(({ rank }) => rank < NO_MATCH)
    .sort((one, other) => one.rank - other.rank || one.at - other.at)
    .map(({ offer }) => offer);
}

const NO_MATCH = 9;
/** Nobody types more to find a label; looking through more of a hostile one only costs time. */
const LOOKED_AT = 500;

function rank(text: string, label: string): number {
  if (label === text) return 0;
  const shown = label.slice(0, LOOKED_AT);
  if (label.startsWith(text)) return 1;
  const words = shown.split(/[\s/_.,:;()-]+/u);
  const wanted = text.split(" ");
  if (wanted.every((part) => words.some((word) => word.startsWith(part)))) return 2;
  if (shown.includes(text)) return 3;
  // The first letters of words ("pm" for "payment method").
  if (words.map((word) => [...word][0] ?? "").join("").startsWith(text)) return 4;
  if (text.length >= 3 && inOrder(text, shown)) return 5;
  return NO_MATCH;
}

function inOrder(text: string, label: string): boolean {
  let at = 0;
  for (const sign of text) {
    const found = label.indexOf(sign, at);
    if (found < 0) return false;
    at = found + sign.length;
  }
  return true;
}

function byUse(labels: readonly Known[]): Known[] {
  return [...labels].sort((one, other) => other.cases - one.cases);
}

function own(record: unknown, key: string): unknown {
  return typeof record === "object" && record !== null && Object.hasOwn(record, key) ? (record as Arguments)[key] : undefined;
}

function share(confidence: unknown): number | null {
  return typeof confidence === "number" && confidence >= 0 && confidence <= 1 ? confidence : null;
}
