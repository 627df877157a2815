/** Read JSON as the server does: what two readers could take differently is refused, with its place. */

const MAX_DEPTH = 64;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const HALF = /[\uD800-\uDFFF]/u;

export interface Told {
  message: string;
  /** Counted from 1. */
  line: number;
  column: number;
  /** Where it is in the text, counted from 0. */
  at: number;
}

export type Read = { ok: true; value: unknown } | { ok: false; told: Told };

/** Give the value of a JSON text, or what is wrong with it and where. */
export function readJson(text: string): Read {
  const scanner = new Scanner(text);
  try {
    scanner.document();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const before = text.slice(0, error.at);
    const line = before.split("\n").length;
    return {
      ok: false,
      told: { message: error.message, line, column: error.at - before.lastIndexOf("\n"), at: error.at },
    };
  }
  return { ok: true, value: JSON.parse(text) };
}

/** A problem with a JSON text as one sentence. */
export function placed({ message, line, column }: Told): string {
  return `Line ${line}, column ${column}: ${message}`;
}

/** Whether a number that is written so comes back as it was, digit by digit. */
export function isExact(written: string): boolean {
  const number = Number(written);
  if (!Number.isFinite(number)) return false;
  if (isTooGreat(number)) return false;
  return digits(written) === digits(String(number));
}

/** Whether it would be sent as an integer, and be a greater one than is carried exactly. */
function isTooGreat(number: number): boolean {
  return !Number.isSafeInteger(number) && /^-?\d+$/.test(String(number));
}

/** The digits of a number without what does not count, and the power of ten of the last of them. */
function digits(written: string): string {
  const [mantissa = "", exponent = "0"] = written.toLowerCase().replace(/^[+-]/, "").split("e");
  const [whole = "", fraction = ""] = mantissa.split(".");
  const all = (whole + fraction).replace(/^0+/, "");
  const kept = all.replace(/0+$/, "");
  if (!kept) return "0";
  return `${kept}e${Number(exponent) - fraction.length + (all.length - kept.length)}`;
}

class Refused extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}

class Scanner {
  private at = 0;
  private readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  document(): void {
    this.blank();
    if (this.at === this.text.length) throw new Refused("There is nothing here; write a JSON value.", 0);
    this.value(0);
    this.blank();
    if (this.at < this.text.length) throw new Refused("The value ends before this; remove what follows.", this.at);
  }

  private value(depth: number): void {
    const sign = this.text.charAt(this.at);
    if (sign === "{" || sign === "[") {
      if (depth >= MAX_DEPTH) throw new Refused(`Nested deeper than ${MAX_DEPTH} levels; flatten it.`, this.at);
      if (sign === "{") this.object(depth);
      else this.list(depth);
    } else if (sign === '"') this.string();
    else if (sign === "-" || (sign >= "0" && sign <= "9")) this.number();
    else this.word();
  }

  private object(depth: number): void {
    const seen = new Set<string>();
    this.at++;
    this.blank();
    if (this.taken("}")) return;
    for (;;) {
      const start = this.at;
      if (this.text.charAt(this.at) !== '"') throw new Refused(`A key in quotes belongs here${this.found()}.`, this.at);
      const key = this.string();
      if (seen.has(key)) throw new Refused(`The key ${quoted(key)} is named twice; keep one of them.`, start);
      seen.add(key);
      this.blank();
      if (!this.taken(":")) throw new Refused(`A colon belongs after the key${this.found()}.`, this.at);
      this.blank();
      this.value(depth + 1);
      this.blank();
      if (this.taken("}")) return;
      if (!this.taken(",")) throw new Refused(`A comma or } belongs here${this.found()}.`, this.at);
      this.blank();
      if (this.text.charAt(this.at) === "}") throw new Refused("A comma before } is not JSON; remove it.", this.at - 1);
    }
  }

  private list(depth: number): void {
    this.at++;
    this.blank();
    if (this.taken("]")) return;
    for (;;) {
      this.value(depth + 1);
      this.blank();
      if (this.taken("]")) return;
      if (!this.taken(",")) throw new Refused(`A comma or ] belongs here${this.found()}.`, this.at);
      this.blank();
      if (this.text.charAt(this.at) === "]") throw new Refused("A comma before ] is not JSON; remove it.", this.at - 1);
    }
  }

  private string(): string {
    const start = this.at;
    this.at++;
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (Number.isNaN(code)) throw new Refused("This text is not closed; a quote is missing.", start);
      if (code < 0x20)
        throw new Refused(
          code === 10 ? "A text ends on its line; write \\n for a line break." : "A control character; write it as \\u…",
          this.at,
        );
      if (code === 0x22) break;
      if (code === 0x5c) {
        const escape = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(this.text.slice(this.at, this.at + 6));
        if (!escape) throw new Refused("No such escape; a backslash itself is written \\\\.", this.at);
        this.at += escape[0].length;
      } else this.at++;
    }
    this.at++;
    const value = JSON.parse(this.text.slice(start, this.at)) as string;
    if (HALF.test(value)) throw new Refused("Half of a character pair, which cannot be stored; remove it.", start);
    return value;
  }

  private number(): void {
    NUMBER.lastIndex = this.at;
    const written = NUMBER.exec(this.text)?.[0];
    if (!written) throw new Refused("This is not a JSON number.", this.at);
    const following = this.text.charAt(this.at + written.length);
    if (/[0-9.eE+-]/.test(following))
      throw new Refused("This is not a JSON number; it has one point and no zeros before it.", this.at);
    const number = Number(written);
    if (!Number.isFinite(number)) throw new Refused("This number is too large for JSON; send it as a string.", this.at);
    if (isTooGreat(number))
      throw new Refused("More than JSON carries exactly (2^53 - 1); send it as a string.", this.at);
    if (!isExact(written))
      throw new Refused(`More digits than JSON carries exactly; it would become ${number}. Send it as a string.`, this.at);
    this.at += written.length;
  }

  private word(): void {
    const word = /^[A-Za-z_]*/.exec(this.text.slice(this.at, this.at + 20))?.[0] ?? "";
    if (word === "true" || word === "false" || word === "null") this.at += word.length;
    else if (word === "NaN" || word === "Infinity")
      throw new Refused(`${word} is not a JSON number; send null or a string.`, this.at);
    else if (["True", "False", "None"].includes(word))
      throw new Refused(`JSON writes ${{ True: "true", False: "false" }[word] ?? "null"} here.`, this.at);
    else throw new Refused(`A value belongs here${this.found()}.`, this.at);
  }

  private blank(): void {
    while (" \t\n\r".includes(this.text.charAt(this.at)) && this.at < this.text.length) this.at++;
  }

  private taken(sign: string): boolean {
    if (this.text.charAt(this.at) !== sign) return false;
    this.at++;
    return true;
  }

  private found(): string {
    if (this.at >= this.text.length) return ", but the text ends";
    const sign = String.fromCodePoint(this.text.codePointAt(this.at) ?? 0);
    return `, not ${/\p{C}|\p{Z}/u.test(sign) ? `U+${sign.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}` : sign}`;
  }
}

function quoted(key: string): string {
  return `“${key.length > 60 ? `${key.slice(0, 60)}…` : key}”`;
}
