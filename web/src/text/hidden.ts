/** Finds the characters that change how a text reads without being seen, and gives each a name. */

/** A hidden character, or a run of the same, as it is drawn instead. */
export interface Mark {
  /** A few letters for the box, such as `RLO`. */
  sign: string;
  /** What it is, in words. */
  name: string;
}

export type Piece = string | Mark;

const SIGNS: Record<number, readonly [string, string]> = {
  0x0000: ["NUL", "null character"],
  0x0007: ["BEL", "bell"],
  0x0008: ["BS", "backspace"],
  0x000b: ["VT", "vertical tab"],
  0x000c: ["FF", "form feed"],
  0x000d: ["CR", "carriage return"],
  0x001b: ["ESC", "escape"],
  0x007f: ["DEL", "delete"],
  0x0085: ["NEL", "next line"],
  0x00ad: ["SHY", "soft hyphen"],
  0x034f: ["CGJ", "combining grapheme joiner"],
  0x061c: ["ALM", "Arabic letter mark"],
  0x115f: ["HF", "Hangul filler"],
  0x1160: ["HF", "Hangul filler"],
  0x180e: ["MVS", "Mongolian vowel separator"],
  0x200b: ["ZWSP", "zero-width space"],
  0x200c: ["ZWNJ", "zero-width non-joiner"],
  0x200d: ["ZWJ", "zero-width joiner"],
  0x200e: ["LRM", "left-to-right mark"],
  0x200f: ["RLM", "right-to-left mark"],
  0x2028: ["LS", "line separator"],
  0x2029: ["PS", "paragraph separator"],
  0x202a: ["LRE", "left-to-right embedding"],
  0x202b: ["RLE", "right-to-left embedding"],
  0x202c: ["PDF", "end of a direction"],
  0x202d: ["LRO", "left-to-right override"],
  0x202e: ["RLO", "right-to-left override"],
  0x2060: ["WJ", "word joiner"],
  0x2066: ["LRI", "left-to-right isolate"],
  0x2067: ["RLI", "right-to-left isolate"],
  0x2068: ["FSI", "first strong isolate"],
  0x2069: ["PDI", "end of an isolate"],
  0x2800: ["BLANK", "blank Braille pattern"],
  0x3164: ["HF", "Hangul filler"],
  0xfeff: ["BOM", "zero-width no-break space"],
  0xffa0: ["HF", "Hangul filler"],
};

/** As many boxes as are drawn as elements of their own; what follows is drawn as plain text. */
const MOST_MARKS = 400;
/** Combining marks drawn on one character; scripts that stack them need up to four. */
const MOST_COMBINING = 5;

const SUSPECT =
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  /[\p{Default_Ignorable_Code_Point}\p{Cs}\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u2800\ufff9-\uffff\ufdd0-\ufdef]|(?:(?!\p{Default_Ignorable_Code_Point})\p{M}){6,}/gu;
const PICTURE = /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier})$/u;
const TAKES_STYLE = /^(?:\p{Emoji}|\p{Extended_Pictographic})$/u;
const HAN = /^\p{Script=Han}$/u;
const ARABIC = /^[\p{scx=Arab}\p{scx=Syrc}\p{scx=Nkoo}\p{scx=Thaa}\p{scx=Mong}]$/u;
const INDIC =
  /^[\p{scx=Deva}\p{scx=Beng}\p{scx=Guru}\p{scx=Gujr}\p{scx=Orya}\p{scx=Taml}\p{scx=Telu}\p{scx=Knda}\p{scx=Mlym}\p{scx=Sinh}\p{scx=Khmr}\p{scx=Mymr}\p{scx=Tibt}]$/u;
const MONGOLIAN = /^[\u1800-\u18af]$/;
const COMBINING = /^\p{M}$/u;
const LETTER = /^[\p{L}\p{M}]$/u;

const STYLE_SELECTOR = (code: number) => (code >= 0xfe00 && code <= 0xfe0f) || (code >= 0xe0100 && code <= 0xe01ef);
const TAG = (code: number) => code >= 0xe0000 && code <= 0xe007f;

/** The three flags that Unicode writes with tags. */
const FLAGS = new Set(["gbeng", "gbsct", "gbwls"]);

function before(text: string, index: number): string {
  if (index <= 0) return "";
  const low = text.charCodeAt(index - 1);
  if (low >= 0xdc00 && low <= 0xdfff && index > 1) return text.slice(index - 2, index);
  return text.charAt(index - 1);
}

function after(text: string, index: number): string {
  const code = text.codePointAt(index);
  return code === undefined ? "" : String.fromCodePoint(code);
}

/** Whether a joiner stands where spelling or an emoji needs it. */
function joins(text: string, index: number, code: number): boolean {
  let left = before(text, index);
  const right = after(text, index + 1);
  if (code === 0x200d) {
    if (left === "\ufe0f") left = before(text, index - 1);
    if (PICTURE.test(left) && PICTURE.test(right)) return true;
  }
  if (ARABIC.test(left) && LETTER.test(left)) return code === 0x200d || ARABIC.test(right);
  if (INDIC.test(left) && LETTER.test(left)) return COMBINING.test(left) || INDIC.test(right);
  return false;
}

/** Whether a variation selector chooses between forms that its character has. */
function styles(text: string, index: number, code: number): boolean {
  const left = before(text, index);
  if (code === 0xfe0e || code === 0xfe0f) return TAKES_STYLE.test(left);
  if (code >= 0xe0100) return HAN.test(left);
  return HAN.test(left) || /^\p{Sm}$/u.test(left);
}

function hex(code: number): string {
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

function named(code: number, times: number): Mark {
  const [sign, name] = SIGNS[code] ?? [
    hex(code),
    code >= 0xd800 && code <= 0xdfff ? "half a character" : "hidden character",
  ];
  const many = times > 1 ? `${times.toLocaleString("en")} times ` : "";
  return { sign: times > 1 ? `${sign} ×${times.toLocaleString("en")}` : sign, name: `${many}${name} (${hex(code)})` };
}

/** Read from `index` while `belongs` holds; gives the end and the code points. */
function run(text: string, index: number, belongs: (code: number) => boolean): [number, number[]] {
  const codes: number[] = [];
  let end = index;
  for (;;) {
    const code = text.codePointAt(end);
    if (code === undefined || !belongs(code)) return [end, codes];
    codes.push(code);
    end += code > 0xffff ? 2 : 1;
  }
}

/** What stands at a suspect: the end of it, and the mark for it, or null if it may be drawn as it is. */
function judge(text: string, index: number, found: string): [number, Mark | null] {
  const code = found.codePointAt(0) ?? 0;
  if (found.length > 2) {
    const left = ([...found].length - MOST_COMBINING).toLocaleString("en");
    return [index + found.length, { sign: `+${left}`, name: `${left} more accents on one character` }];
  }
  if (code === 0x0d && text.charAt(index + 1) === "\n") return [index + 1, null];
  if (code === 0x200c || code === 0x200d) {
    if (joins(text, index, code)) return [index + 1, null];
  } else if (code >= 0x180b && code <= 0x180f) {
    if (MONGOLIAN.test(before(text, index)) && !/[\u180b-\u180f]/.test(before(text, index))) return [index + 1, null];
  } else if (code === 0x2800) {
    if (/[\u2801-\u28ff]/.test(before(text, index) + after(text, index + 1))) return [index + 1, null];
  } else if (STYLE_SELECTOR(code)) {
    const [end, codes] = run(text, index, STYLE_SELECTOR);
    if (codes.length === 1 && styles(text, index, code)) return [end, null];
    return [end, { sign: `VS ×${codes.length}`, name: `${codes.length} variation selectors, which can hide data` }];
  } else if (TAG(code)) {
    const [end, codes] = run(text, index, TAG);
    const spelt = String.fromCharCode(...codes.slice(0, 2000).map((each) => each - 0xe0000)).replace(/[^ -~]/g, "");
    const closed = codes.at(-1) === 0xe007f;
    if (closed && FLAGS.has(spelt) && before(text, index) === "\u{1f3f4}") return [end, null];
    return [end, { sign: `TAGS: ${spelt || codes.length}`, name: `${codes.length} hidden tag characters` }];
  }
  const [end, codes] = run(text, index, (each) => each === code);
  return [end, named(code, codes.length)];
}

/** Cut a text into what may be drawn and marks for what may not; fast where there is nothing to mark. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let plain = "";
  let from = 0;
  let marks = 0;
  SUSPECT.lastIndex = 0;
  for (;;) {
    const match = SUSPECT.exec(text);
    if (match === null) break;
    const [end, mark] = judge(text, match.index, match[0]);
    SUSPECT.lastIndex = end;
    if (mark === null) continue;
    // Of a flood the first few are drawn: they begin at the match.
    const kept = mark.sign.startsWith("+") ? [...match[0]].slice(0, MOST_COMBINING).join("").length : 0;
    plain += text.slice(from, match.index + kept);
    from = end;
    marks += 1;
    if (marks > MOST_MARKS) {
      plain += bracketed(mark);
    } else {
      if (plain) found.push(plain);
      plain = "";
      found.push(mark);
    }
  }
  plain += from === 0 ? text : text.slice(from);
  if (plain) found.push(plain);
  return found;
}

export function bracketed(mark: Mark): string {
  return `⟦${mark.sign}⟧`;
}
