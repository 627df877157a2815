import "./difference.css";

import { Fragment, memo, useDeferredValue, useMemo, useState } from "react";

import { type Run, runs } from "./difference_runs";
import { Pieces } from "./visible";

/** Unchanged text longer than this is folded where that is asked for; so much of it stays at each end. */
const FOLDED_FROM = 400;
const KEPT = 120;
/** More than this is always folded: a browser takes minutes to lay out a megabyte with marks in it. */
const MOST_SAME = 20_000;
/** So much of one change is drawn; the rest is counted. */
const MOST_CHANGED = 4_000;

interface Props {
  before: string;
  after: string;
  /** Whether long unchanged passages are folded. */
  fold?: boolean;
}

/** Texts up to so many characters are compared with the key that changed them: it takes a few milliseconds. */
export const AT_ONCE = 12_000;

/** Two texts as one, with what was deleted and inserted. Long ones follow when there is time, so that typing never waits. */
export function Difference({ before, after, fold = false }: Props) {
  const old = useDeferredValue(before);
  const now = useDeferredValue(after);
  const quick = Math.max(before.length, after.length) <= AT_ONCE;
  return <Compared before={quick ? before : old} after={quick ? after : now} fold={fold} />;
}

const Compared = memo(function Compared({ before, after, fold = false }: Props) {
  const found = useMemo(() => runs(before, after), [before, after]);
  return (
    <div className="text-difference" dir="auto">
      {found.map((run, at) => (
        <Shown key={at} run={run} fold={fold} first={at === 0} last={at === found.length - 1} />
      ))}
    </div>
  );
});

const Shown = memo(
  function Shown({ run, fold, first, last }: { run: Run; fold: boolean; first: boolean; last: boolean }) {
    if (run.kind === "inserted") return <ins>{changed(run.text)}</ins>;
    if (run.kind === "deleted") return <del>{changed(run.text)}</del>;
    if (run.text.length > (fold ? FOLDED_FROM : MOST_SAME)) return <Folded text={run.text} first={first} last={last} />;
    return <Pieces text={run.text} />;
  },
  (was, is) =>
    was.run.kind === is.run.kind &&
    was.run.text === is.run.text &&
    was.fold === is.fold &&
    was.first === is.first &&
    was.last === is.last,
);

function Folded({ text, first, last }: { text: string; first: boolean; last: boolean }) {
  const [open, setOpen] = useState(false);
  if (open) return <Pieces text={text} />;
  // At the start and at the end of the whole there is no change on the other side whose surroundings matter.
  const from = first ? 0 : cutNear(text, KEPT);
  const to = last ? text.length : cutNear(text, text.length - KEPT);
  const hidden = to - from;
  return (
    <>
      <Pieces text={text.slice(0, from)} />
      <button type="button" className="text-difference-fold" onClick={() => setOpen(true)}>
        … {hidden.toLocaleString("en")} characters unchanged
      </button>
      <Pieces text={text.slice(to)} />
    </>
  );
}

/** A place near `at` that is within no word, or at least within no character. */
function cutNear(text: string, at: number): number {
  for (let back = at; back > at - 40; back--) if (/\s/.test(text.charAt(back - 1))) return back;
  let cut = at;
  while (cut > 0 && /[\uDC00-\uDFFF\u200D\p{M}\uFE00-\uFE0F]/u.test(text.charAt(cut))) cut--;
  return cut;
}

function changed(text: string) {
  if (text.length <= MOST_CHANGED) return withBreaks(text);
  const at = cutNear(text, MOST_CHANGED);
  return (
    <>
      {withBreaks(text.slice(0, at))}
      <i className="text-difference-more">… {(text.length - at).toLocaleString("en")} more characters</i>
    </>
  );
}

/** A changed line break is no more to be seen than a blank is, so it gets a sign. */
function withBreaks(text: string) {
  const parts = text.split("\n");
  return parts.map((part, at) => (
    <Fragment key={at}>
      <Pieces text={part} />
      {at < parts.length - 1 && (
        <>
          <span className="text-difference-break" aria-hidden="true">
            ↵
          </span>
          {"\n"}
        </>
      )}
    </Fragment>
  ));
}
