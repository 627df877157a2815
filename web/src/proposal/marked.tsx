import type { Span } from "../text/unsupported";
import { Pieces } from "../text/visible";
import { cut, LongText } from "../evidence/long_text";

const FIRST = 20_000;

export function Unsupported({ children }: { children: React.ReactNode }) {
  return (
    <mark className="text-unsupported">
      {children}
      <span className="visually-hidden"> (not in the evidence)</span>
    </mark>
  );
}

/** A text with what is not in the evidence marked in it. */
export function Marked({ text, spans }: { text: string; spans: readonly Span[] }) {
  const end = text.length <= FIRST ? text.length : cut(text, FIRST);
  const drawn: React.ReactNode[] = [];
  let from = 0;
  for (const span of spans) {
    if (span.start < from || span.end > end) continue;
    drawn.push(<Pieces key={from} text={text.slice(from, span.start)} />);
    drawn.push(
      <Unsupported key={`mark ${span.start}`}>
        <Pieces text={text.slice(span.start, span.end)} />
      </Unsupported>,
    );
    from = span.end;
  }
  drawn.push(<Pieces key={from} text={text.slice(from, end)} />);
  return (
    <>
      <bdi className="text-visible" dir="auto">
        {drawn}
      </bdi>
      {end < text.length ? <LongText text={text.slice(end)} first={0} /> : null}
    </>
  );
}
