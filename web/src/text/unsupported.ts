/**
 * Finds the facts of a proposal that occur nowhere in its evidence: numbers, dates, times, names, identifiers, addresses.
 *
 * A help for the eye, not a proof: what is not marked may still be wrong, so it errs towards silence.
 */
import type { Arguments, Evidence } from "../api/types";
import { pathTo } from "./path";

export interface Span {
  /** Offsets in the argument's text; for a number or a nested value, in its text as JSON would have it. */
  start: number;
  end: number;
  kind: "number" | "date" | "time" | "name" | "identifier" | "address";
}

/** More evidence than this is not searched, and nothing is marked: a mark that may be false is worse than none. */
const MOST_EVIDENCE = 4_000_000;
const MOST_PROPOSAL = 20_000;
/** Times the evidence is searched from end to end for one proposal. */
const MOST_SEARCHES = 1_000;
const DEEPEST = 64;

// ---- folding ------------------------------------------------------------------------------------------------------

const DIGIT_ZEROS = [0x0660, 0x06f0, 0x0966, 0x09e6, 0x0e50, 0xff10];

/** ASCII digits and plain punctuation, with every offset kept. */
function plain(text: string): string {
  return text
    .replace(/[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f\u09e6-\u09ef\u0e50-\u0e59\uff10-\uff19]/g, (digit) => {
      const code = digit.charCodeAt(0);
      const zero = DIGIT_ZEROS.findLast((each) => each <= code) ?? code;
      return String(code - zero);
    })
    .replace(/[’ʼ＇]/g, "'")
    .replace(/[‐‑‒–—−]/g, "-")
    .replace(/[\u00a0\u2007\u2009\u202f]/g, " ");
}

// eslint-disable-next-line no-control-regex -- all that is not ASCII, which is rare and slow to fold
const BEYOND_ASCII = /[^\x00-\x7f]+/g;

/** Lower case without accents; `Müller` and `Mueller` become one. Of what is not ASCII only letters and digits are kept. */
function folded(text: string): string {
  return text
    .toLowerCase()
    .replace(BEYOND_ASCII, (run) =>
      run
        .normalize("NFKD")
        .toLowerCase()
        .replace(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, "")
        .replaceAll("ß", "ss")
        .replace(/[^\p{L}\p{N}]/gu, " "),
    )
    .replace(/([aou])e/g, "$1");
}

/** The letters and digits of what is folded. */
const squeeze = (low: string) => low.replace(/[\x00-\x2f\x3a-\x60\x7b-\x7f]+/g, ""); // eslint-disable-line no-control-regex

// ---- numbers ------------------------------------------------------------------------------------------------------

const NUMBER = /\d{1,3}(?:[ '.,]\d{3})+(?!\d)(?:[.,]\d+)?|\d+(?:[.,]\d+)?/g;

const tidy = (digits: string) => {
  const [whole = "", part = ""] = digits.split(".");
  const rest = part.replace(/0+$/, "");
  const head = whole.replace(/^0+(?=\d)/, "") || "0";
  return rest ? `${head}.${rest}` : head;
};

/** Every value a number may have, as it is written: `1.234` is 1234 for some and 1.234 for others. */
function readings(written: string): string[] {
  if (/^[1-9]\d*$/.test(written)) return [written];
  const marks = written.replace(/\d/g, "");
  const bare = written.replace(/[ ']/g, "");
  const last = Math.max(bare.lastIndexOf("."), bare.lastIndexOf(","));
  if (last < 0) return [tidy(bare)];
  const asPart = tidy(`${bare.slice(0, last).replace(/[.,]/g, "")}.${bare.slice(last + 1)}`);
  const asWhole = tidy(bare.replace(/[.,]/g, ""));
  const separator = bare.charAt(last);
  const repeated = bare.indexOf(separator) !== last;
  if (repeated) return [asWhole];
  if (bare.length - last - 1 !== 3 || /[.,].*[.,]/.test(marks)) return [asPart];
  return [asPart, asWhole];
}

const hundredth = (value: string) => tidy(String(Number((Number(value) / 100).toPrecision(12))));

const NUMBER_WORDS: Record<string, number> = {
  once: 1,
  one: 1,
  first: 1,
  ein: 1,
  eine: 1,
  einen: 1,
  eins: 1,
  einmal: 1,
  twice: 2,
  two: 2,
  second: 2,
  both: 2,
  double: 2,
  zwei: 2,
  zweimal: 2,
  doppelt: 2,
  three: 3,
  third: 3,
  drei: 3,
  dreimal: 3,
  four: 4,
  fourth: 4,
  vier: 4,
  five: 5,
  fifth: 5,
  funf: 5,
  six: 6,
  sechs: 6,
  seven: 7,
  sieben: 7,
  eight: 8,
  acht: 8,
  nine: 9,
  neun: 9,
  ten: 10,
  zehn: 10,
  eleven: 11,
  elf: 11,
  twelve: 12,
  zwolf: 12,
  dozen: 12,
  fifteen: 15,
  twenty: 20,
  zwanzig: 20,
  thirty: 30,
  dreissig: 30,
  hundred: 100,
  hundert: 100,
  thousand: 1000,
  tausend: 1000,
};

// ---- dates --------------------------------------------------------------------------------------------------------

const MONTHS: readonly string[][] = [
  ["january", "jan", "januar", "janner", "janvier", "enero"],
  ["february", "feb", "februar", "fevrier", "febrero"],
  ["march", "mar", "marz", "mrz", "mars", "marzo"],
  ["april", "apr", "avril", "abril"],
  ["may", "mai", "mayo"],
  ["june", "jun", "juni", "juin", "junio"],
  ["july", "jul", "juli", "juillet", "julio"],
  ["august", "aug", "aout", "agosto"],
  ["september", "sep", "sept", "septembre", "septiembre"],
  ["october", "oct", "oktober", "okt", "octobre", "octubre"],
  ["november", "nov", "novembre", "noviembre"],
  ["december", "dec", "dezember", "dez", "decembre", "diciembre"],
];
const MONTH_OF = new Map(MONTHS.flatMap((names, index) => names.map((name) => [name, index + 1] as const)));
// As they are written: with their accents, which folding takes away.
const MONTH_WORD = [...MONTH_OF.keys(), "märz", "jänner", "février", "août", "décembre"]
  .sort((one, other) => other.length - one.length)
  .join("|");

const DATE = new RegExp(
  [
    String.raw`(?<iso>\b\d{4}-\d{1,2}-\d{1,2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?|\b))`,
    String.raw`(?<dotted>\b\d{1,2}\. ?\d{1,2}\.(?: ?\d{4}\b| ?\d{2}\b|(?!\d)))`,
    String.raw`(?<slashed>\b\d{1,2}\/\d{1,2}\/(?:\d{4}|\d{2})\b)`,
    String.raw`(?<dayFirst>\b\d{1,2}(?:st|nd|rd|th|\.|er)? (?:of |de )?(?:${MONTH_WORD})\b\.?(?:,? (?:de )?\d{4}\b)?)`,
    String.raw`(?<monthFirst>\b(?:${MONTH_WORD})\.? \d{1,2}(?:st|nd|rd|th)?\b(?:,? \d{4}\b)?)`,
    String.raw`(?<month>\b(?:${MONTH_WORD})\.? \d{4}\b)`,
  ].join("|"),
  "gi",
);
const TIME = /\b(\d{1,2})(?:[:.](\d{2})(?::\d{2})?)?(?: ?([ap])\.?m\b\.?| (uhr)\b)|\b(\d{1,2}):(\d{2})(?::\d{2})?\b/gi;

/** Every day a date may name, as `year-month-day` with `*` for what it leaves open; none if it is no date. */
function days(match: RegExpMatchArray): string[] {
  const groups = match.groups ?? {};
  const numbers = (match[0].match(/\d+/g) ?? []).map(Number);
  const word = groups.iso || groups.dotted || groups.slashed ? [] : (match[0].match(/\p{L}{3,}/gu) ?? []);
  const found = word.map((each) => MONTH_OF.get(withoutAccents(each))).find(Boolean);
  const day = (year: number | undefined, month: number | undefined, date: number | undefined) =>
    month && month <= 12 && (date === undefined || (date >= 1 && date <= 31))
      ? [`${year === undefined ? "*" : year < 100 ? 2000 + year : year}-${month}-${date ?? "*"}`]
      : [];
  const [one, two, three] = numbers;
  if (groups.iso) return day(one, two, three);
  if (groups.dotted) return day(three, two, one);
  if (groups.slashed) return [...day(three, two, one), ...day(three, one, two)];
  if (groups.dayFirst || groups.monthFirst) return day(two, found, one);
  return day(one, found, undefined);
}

const withoutAccents = (text: string) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function minutes(match: RegExpMatchArray): string | null {
  const hour = Number(match[1] ?? match[5]);
  const minute = Number(match[2] ?? match[6] ?? 0);
  const half = match[3]?.toLowerCase();
  if (hour > 24 || minute > 59) return null;
  return String(((half ? (hour % 12) + (half === "p" ? 12 : 0) : hour) % 24) * 60 + minute);
}

// ---- evidence -----------------------------------------------------------------------------------------------------

interface Index {
  numbers: Set<string>;
  days: Set<string>;
  times: Set<string>;
  words: Set<string>;
  /** Letters and digits only, for what is written with or without hyphens and blanks. */
  squeezed: string;
  folded: string;
}

/** What an e-mail's source says where it is not base64: soft line breaks and quoted characters undone. */
function unquoted(source: string): string {
  return source
    .replace(/^[A-Za-z0-9+/=]{60,}$/gm, " ")
    .replace(/=\r?\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
}

function gather(value: unknown, into: string[], depth = 0): void {
  if (typeof value === "string") into.push(value);
  else if (typeof value === "number") into.push(String(value));
  else if (value !== null && typeof value === "object" && depth <= DEEPEST) {
    for (const [key, each] of Object.entries(value)) {
      if (!Array.isArray(value)) into.push(key);
      gather(each, into, depth + 1);
    }
  }
}

function textOf(evidence: Record<string, Evidence>): string {
  const texts: string[] = [];
  for (const each of Object.values(evidence)) {
    const { mail, value } = each;
    if (mail) {
      gather(
        [mail.from, mail.to, mail.cc, mail.subject, mail.date, mail.text, mail.attachments.map(({ name }) => name)],
        texts,
      );
      if (mail.html && typeof value === "string") texts.push(unquoted(value));
    } else if (typeof value === "string" && /^data:[^,]{0,100};base64,/.test(value)) {
      continue;
    } else gather(value, texts);
  }
  return texts.join("\n");
}

function indexed(text: string): Index {
  const source = plain(text);
  const numbers = new Set<string>();
  for (const match of source.matchAll(NUMBER)) {
    for (const value of readings(match[0])) {
      numbers.add(value);
      if (/^ ?%/.test(source.slice(match.index + match[0].length, match.index + match[0].length + 2)))
        numbers.add(hundredth(value));
    }
    if (/[ ']/.test(match[0]))
      for (const part of match[0].split(/[ ']/)) for (const value of readings(part)) numbers.add(value);
  }
  const named = new Set<string>();
  for (const match of source.matchAll(DATE)) {
    for (const day of days(match)) {
      named.add(day);
      const [year, month, date] = day.split("-");
      named.add(`*-${month}-${date}`).add(`${year}-${month}-*`);
      // Evidence that names no year agrees with any.
      if (year === "*") named.add(`any-${month}-${date}`);
    }
  }
  const times = new Set<string>();
  for (const match of source.matchAll(TIME)) {
    const found = minutes(match);
    if (found !== null) times.add(found);
  }
  for (const match of source.matchAll(/T(\d{2}):(\d{2})/g)) times.add(String(Number(match[1]) * 60 + Number(match[2])));
  const low = folded(source);
  const words = new Set(low.match(/[a-z0-9\u0080-\uffff]+/g) ?? []);
  for (const [word, value] of Object.entries(NUMBER_WORDS)) if (words.has(folded(word))) numbers.add(String(value));
  return { numbers, days: named, times, words, squeezed: squeeze(low), folded: low };
}

const indices = new WeakMap<Record<string, Evidence>, Index | null>();

function indexOf(evidence: Record<string, Evidence>): Index | null {
  let index = indices.get(evidence);
  if (index === undefined) {
    const text = textOf(evidence);
    index = text.trim() === "" || text.length > MOST_EVIDENCE ? null : indexed(text);
    indices.set(evidence, index);
  }
  return index;
}

// ---- names --------------------------------------------------------------------------------------------------------

const STOP = new Set(
  folded(
    `i i'm i'll i've i'd has have been is are was were will can dear hi hello hey good morning afternoon evening thank thanks best kind kindest warm regards greetings
    sincerely cheers yours faithfully mr mrs ms miss mx dr prof sir madam team support service services customer customers care
    department office desk the a an this that these those we you your yours our ours my it its he she they his her their and or
    but if when while as at by for from in of on to with please sorry yes no not ok re fw fwd ps cc
    monday tuesday wednesday thursday friday saturday sunday mon tue wed thu fri sat sun today tomorrow yesterday
    january february march april may june july august september october november december jan feb mar apr jun jul aug sep sept
    oct nov dec english german french spanish internet e-mail email web app pdf csv url id faq vat eu usa uk us gmbh ltd inc llc
    note subject order refund invoice account payment delivery policy terms conditions christmas easter
    sehr geehrte geehrter geehrten geehrtes liebe lieber hallo guten tag morgen abend mit freundlichen freundlicher freundliche
    gruss grussen grusse gruessen vielen dank danke bitte beste besten viele herzliche herzlichen ihr ihre ihrem ihren ihrer ihres
    ihnen sie herr herrn frau der die das den dem des ein eine einen einem einer wir unser unsere kundenservice kundendienst
    kunde kundin kunden montag dienstag mittwoch donnerstag freitag samstag sonntag januar februar marz april mai juni juli
    oktober dezember rechnung bestellung zahlung konto`,
  ).split(/\s+/),
);
const SIGN_OFF =
  /^(?:(?:kind|best|warm|many|with)?[ \p{L}]{0,20}(?:regards|wishes|thanks|sincerely|cheers|yours)|(?:mit |viele |beste |herzliche |liebe |freundliche )[ \p{L}]{0,20}gr(?:ü|ue)(?:ß|ss)(?:e|en)|best|thanks|thank you|cheers)[,.!]?\s*$/iu;

const GERMAN = new Set([
  "der",
  "die",
  "das",
  "und",
  "ist",
  "nicht",
  "ein",
  "eine",
  "mit",
  "fur",
  "auf",
  "wir",
  "sie",
  "zu",
  "den",
  "dem",
  "von",
  "haben",
  "ihre",
  "ich",
  "es",
  "wird",
  "bei",
]);
const ENGLISH = new Set([
  "the",
  "and",
  "is",
  "of",
  "to",
  "for",
  "with",
  "we",
  "you",
  "a",
  "in",
  "this",
  "your",
  "has",
  "have",
  "are",
  "will",
  "it",
]);

function looksGerman(text: string): boolean {
  let german = 0;
  for (const word of text
    .toLowerCase()
    .slice(0, 4000)
    .match(/\p{L}+/gu) ?? []) {
    const low = withoutAccents(word);
    if (GERMAN.has(low)) german += 1;
    else if (ENGLISH.has(low)) german -= 1;
  }
  return german > 0;
}

const WORD = /\p{L}[\p{L}\p{M}'-]*/gu;
const ADDRESS =
  /\b(?:https?:\/\/|www\.)[^\s<>"')\]]+|[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}/giu;
const IBAN = /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,8}(?: ?[A-Z0-9]{1,4})?\b/g;
const IDENTIFIER =
  /#\d[\p{L}\d-]*|\b(?=[\p{L}\d/_-]{0,40}\d)(?=[\d/_-]{0,40}\p{L})[\p{L}\d]{1,64}(?:[-_/][\p{L}\d]{1,64}){0,8}\b/gu;
const UNIT =
  /^\d+(?:st|nd|rd|th|x|h|d|s|ms|min|kg|g|mg|t|km|m|cm|mm|l|ml|gb|mb|kb|tb|am|pm|k|px|er|ten|te|eur|usd|gbp|chf)$/i;
const LONG_NUMBER = /\+?\d[\d ()/-]{5,30}\d/g;

interface Effort {
  searches: number;
}

class Finder {
  readonly spans: Span[] = [];
  private readonly taken: Uint8Array;

  constructor(
    private readonly text: string,
    private readonly index: Index,
    private readonly effort: Effort,
  ) {
    this.taken = new Uint8Array(text.length);
  }

  /** Look at every match nothing else has claimed; `known` says whether it is in the evidence, null that it is no such thing. */
  each(pattern: RegExp, kind: Span["kind"], known: (match: RegExpExecArray) => boolean | null): void {
    for (const match of this.text.matchAll(pattern)) {
      const start = match.index;
      const end = start + match[0].trimEnd().length;
      if (!this.free(start, end)) continue;
      const found = known(match);
      if (found !== null) this.take(start, end, found ? null : kind);
    }
  }

  /** Whether the evidence has these letters and digits one after the other, whatever stands between them. */
  hasSqueezed(text: string): boolean {
    const low = folded(text);
    return this.has(this.index.folded, low) || this.has(this.index.squeezed, squeeze(low));
  }

  /** Whether `text` stands there and nothing goes on with it: `ORD-123` is not in `ORD-1234`. */
  has(where: string, text: string): boolean {
    const joined = where === this.index.squeezed ? /^\p{N}{2}/u : /^(?:[\p{L}\p{N}]{2}|[\p{L}\p{N}]\.\p{L})/u;
    for (let at = where.indexOf(text); at >= 0; at = where.indexOf(text, at + 1)) {
      this.effort.searches -= 1;
      if (this.effort.searches < 0) return true;
      const end = at + text.length;
      const begun = at > 0 && joined.test(where.slice(at - 1, at + 1));
      if (!begun && !joined.test(where.slice(end - 1, end + 2))) return true;
    }
    this.effort.searches -= 1;
    return this.effort.searches < 0;
  }

  private free(start: number, end: number): boolean {
    return !this.taken.subarray(start, end).includes(1);
  }

  private take(start: number, end: number, kind: Span["kind"] | null): void {
    this.taken.fill(1, start, end);
    if (kind === null) return;
    const trimmed = this.text.slice(start, end).replace(/[.,;:!?]+$/, "").length;
    this.spans.push({ start, end: start + trimmed, kind });
  }

  names(german: boolean): void {
    let at = 0;
    let signed = false;
    const lines = this.text.split("\n");
    const asValue = lines.length === 1 && isValue(this.text);
    for (const line of lines) {
      if (!signed && !isTitle(line, asValue)) this.namesOfLine(line, at, german, asValue);
      if (SIGN_OFF.test(line.trim())) signed = true;
      else if (line.trim().length > 60) signed = false;
      at += line.length + 1;
    }
  }

  private namesOfLine(line: string, at: number, german: boolean, asValue: boolean): void {
    let run: { word: string; start: number; opens: boolean }[] = [];
    const close = () => {
      if (run.length > 0) this.name(run, german);
      run = [];
    };
    let last = 0;
    for (const match of line.matchAll(WORD)) {
      const between = line.slice(last, match.index);
      const word = match[0].replace(/'s$|['-]+$/, "");
      const start = at + match.index;
      const initial = isInitial(line, last) && /^\.? $/.test(between);
      const opens = !asValue && (last === 0 ? !/[@#/]/.test(between) : !initial && /[.!?:;•*"“„(]/.test(between));
      const capital = /^\p{Lu}/u.test(word);
      if (between !== " " && !initial) close();
      if (capital && this.free(start, start + word.length)) {
        if (opens) close();
        run.push({ word, start, opens });
      } else close();
      last = match.index + match[0].length;
    }
    close();
  }

  private name(run: { word: string; start: number; opens: boolean }[], german: boolean): void {
    const titled = run.some(({ word }) => /^(?:mr|mrs|ms|dr|prof|herr|herrn|frau)$/i.test(word));
    let rest = run;
    while (rest[0] && (STOP.has(folded(rest[0].word)) || (rest[0].opens && (rest.length > 1 || !titled))))
      rest = rest.slice(1);
    while (rest.length > 0 && STOP.has(folded(rest.at(-1)?.word ?? ""))) rest = rest.slice(0, -1);
    const unknown = rest.filter(({ word }) => !this.knows(word));
    const first = rest[0];
    const final = rest.at(-1);
    if (!first || !final || unknown.length === 0) return;
    if (rest.length === 1) {
      if (german && !titled) return;
      if (first.word.length < 3 || (first.word === first.word.toUpperCase() && first.word.length <= 5)) return;
    } else if (german && unknown.length < 2 && !titled) return;
    this.take(first.start, final.start + final.word.length, "name");
  }

  private knows(word: string): boolean {
    const low = folded(word);
    if (word.length === 1 || STOP.has(low)) return true;
    const { words } = this.index;
    const has = (each: string) => words.has(each) || words.has(each.replace(/s$/, "")) || words.has(`${each}s`);
    return (
      has(squeeze(low)) ||
      low.split(/[^\p{L}\p{N}]+/u).every((part) => part.length < 2 || has(part))
    );
  }
}

/** `J. Smith`: the full stop ends no sentence. */
function isInitial(line: string, end: number): boolean {
  return /(?:^|[^\p{L}])(?:\p{Lu}|Mr|Mrs|Ms|Dr|Prof|St|No|Nr)$/u.test(line.slice(Math.max(0, end - 5), end));
}

/** A field such as `Karen Millstone`: no sentence, so its first word is no less a name than the second. */
function isValue(text: string): boolean {
  const words = text.trim().split(/\s+/);
  if (words.length < 2 || words.length > 4 || /[.!?:,]$/.test(text.trim())) return false;
  const small = /^(?:van|von|de|der|da|di|la|le|el|al|bin|ibn)$/;
  return words.every((word) => small.test(word) || (/^\p{Lu}/u.test(word) && !STOP.has(folded(word))));
}

/** `Your Order Has Shipped`: capitals that say nothing. */
function isTitle(line: string, asValue: boolean): boolean {
  const words = line.match(/\p{L}{3,}/gu) ?? [];
  return !asValue && words.length >= 3 && words.every((word) => /^\p{Lu}/u.test(word));
}

function within(text: string, index: Index, { german, cents, effort }: Reading): Span[] {
  const source = plain(text.slice(0, MOST_PROPOSAL));
  const finder = new Finder(source, index, effort);
  const squeezed = (match: RegExpExecArray) => finder.hasSqueezed(match[0]);
  finder.each(ADDRESS, "address", (match) => {
    const bare = match[0].replace(/^https?:\/\/(?:www\.)?|^www\./i, "").replace(/[.,;:!?/]+$/, "");
    return finder.has(index.folded, folded(bare));
  });
  finder.each(DATE, "date", (match) => {
    const found = days(match);
    if (found.length === 0) return null;
    return found.some((day) => index.days.has(day) || index.days.has(day.replace(/^\d+/, "any")));
  });
  finder.each(TIME, "time", (match) => {
    const found = minutes(match);
    return found === null ? null : index.times.has(found);
  });
  finder.each(IBAN, "identifier", squeezed);
  finder.each(IDENTIFIER, "identifier", (match) => {
    if (UNIT.test(match[0])) return null;
    // `A4`, `Q3`, `MP3`: words with a digit, not the names of things.
    if (/^\p{L}/u.test(match[0]) && match[0].length < 5 && (match[0].match(/\d/g)?.length ?? 0) < 2) return true;
    return squeezed(match);
  });
  finder.each(LONG_NUMBER, "number", (match) => {
    if (match[0].replace(/\D/g, "").length < 7) return null;
    if (squeezed(match)) return true;
    // Without a sign of a telephone number it may be two numbers beside each other.
    return /[()+/-]/.test(match[0]) ? false : null;
  });
  finder.each(NUMBER, "number", (match) => {
    const end = match.index + match[0].length;
    // The numbers of a list, `1.` and `2)`, are no facts.
    const opens = /(?:^|\n)[ \t]*$/.test(source.slice(Math.max(0, match.index - 9), match.index));
    if (opens && match[0].length <= 2 && /^[.)] /.test(source.slice(end, end + 2))) return true;
    const known = (written: string) => {
      const values = readings(written);
      if (cents || /^ ?%/.test(source.slice(end, end + 2))) values.push(...values.map(hundredth));
      return values.some((value) => index.numbers.has(value));
    };
    return known(match[0]) || (/[ ']/.test(match[0]) && match[0].split(/[ ']/).every(known));
  });
  finder.names(german);
  return finder.spans.sort((one, other) => one.start - other.start);
}

interface Reading {
  german: boolean;
  /** Whether numbers are in hundredths of what the evidence counts in. */
  cents: boolean;
  effort: Effort;
}

/**
 * Find what a proposal says and its evidence does not.
 *
 * The keys are names of arguments; a value inside one is under the path `pathTo` gives. Nothing is marked where there is no
 * evidence to compare with.
 */
export function unsupported(proposal: Arguments, evidence: Record<string, Evidence>): Map<string, Span[]> {
  const found = new Map<string, Span[]>();
  const index = indexOf(evidence);
  if (index === null) return found;
  const texts: string[] = [];
  gather(proposal, texts);
  const german = looksGerman(texts.join("\n"));
  const effort = { searches: MOST_SEARCHES };
  let room = MOST_PROPOSAL;
  const look = (value: unknown, path: string, depth: number): void => {
    if (room <= 0 || depth > DEEPEST) return;
    if (typeof value === "string" || typeof value === "number") {
      const text = String(value);
      room -= text.length;
      const spans = within(text, index, { german, cents: /cents|minor|pence/i.test(path), effort });
      if (spans.length > 0) found.set(path, spans);
    } else if (value !== null && typeof value === "object") {
      for (const [key, each] of Object.entries(value)) look(each, pathTo(path, key), depth + 1);
    }
  };
  for (const [name, value] of Object.entries(proposal)) look(value, name, 0);
  return found;
}
