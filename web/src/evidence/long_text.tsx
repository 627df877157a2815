import { useMemo, useState } from "react";

import { Pieces } from "../text/visible";
import { sizeOf } from "./words";

const FIRST = 20_000;
const BLOCK = 8_000;

/** A place to cut near `at` that parts no character, and no line or word if it can. */
export function cut(text: string, at: number): number {
  if (at >= text.length) return text.length;
  const line = text.lastIndexOf("\n", at);
  if (line > at - at / 4) return line + 1;
  const blank = text.lastIndexOf(" ", at);
  if (blank > at - at / 4) return blank + 1;
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}

function blocks(text: string): string[] {
  const found: string[] = [];
  for (let rest = text; rest;) {
    const end = cut(rest, BLOCK);
    found.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return found;
}

/** A text of any length: its beginning, and all of it when asked for, in blocks drawn as they come into view. */
export function LongText({ text, first = FIRST }: { text: string; first?: number }) {
  const [all, setAll] = useState(false);
  const whole = all || text.length <= first;
  const shown = useMemo(() => blocks(whole ? text : text.slice(0, cut(text, first))), [text, first, whole]);
  return (
    <div className="evidence-text">
      {shown.map((block, index) => (
        <div key={index} className="evidence-block text-visible" dir="auto">
          <Pieces text={block} />
        </div>
      ))}
      {whole ? null : (
        <button type="button" className="button evidence-more" onClick={() => setAll(true)}>
          Show all ({sizeOf(text)})
        </button>
      )}
    </div>
  );
}
