import { memo, useDeferredValue, useMemo } from "react";

import type { Arguments, Schema } from "../api/types";
import { AT_ONCE, Difference } from "../text/difference";
import { Visible } from "../text/visible";
import { isRecord, own, type Path, pathKey, titleOf } from "./validator";

/** More than so many are counted, not drawn. */
const MOST = 60;
const LONG = 40;
const SHOWN = 2_000;

export interface Change {
  path: Path;
  before: unknown;
  after: unknown;
}

/** Give each place that differs, the deepest there is; undefined stands for what is not there. */
export function changes(before: unknown, after: unknown, path: Path = []): Change[] {
  if (Object.is(before, after)) return [];
  if (Array.isArray(before) && Array.isArray(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }, (_, at) => changes(before[at], after[at], [...path, at])).flat();
  }
  if (isRecord(before) && isRecord(after)) {
    const names = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...names].flatMap((name) => changes(own(before, name), own(after, name), [...path, name]));
  }
  return [{ path, before, after }];
}

/** What an edit changes, beside the form: at once where that is quick, else when there is time, so that typing never waits. */
export const Changes = memo(function Changes({
  schema,
  before,
  after,
}: {
  schema: Schema;
  before: Arguments;
  after: Arguments;
}) {
  const later = useDeferredValue(after);
  const now = JSON.stringify(after).length <= AT_ONCE ? after : later;
  const found = useMemo(() => changes(before, now), [before, now]);
  const shown = found.slice(0, MOST);
  const texts = shown.filter(isText);
  const others = shown.filter((change) => !isText(change));
  return (
    <section className="edit-changes" aria-label="Your changes">
      <h3>Your changes</h3>
      {found.length === 0 && <p className="muted">Nothing changed yet.</p>}
      {texts.map((change) => (
        <div key={pathKey(change.path)} className="edit-change">
          <h4>
            <Visible text={titleOf(schema, change.path)} />
          </h4>
          <Difference before={String(change.before)} after={String(change.after)} fold />
        </div>
      ))}
      {others.length > 0 && (
        <dl className="edit-others">
          {others.map((change) => (
            <div key={pathKey(change.path)}>
              <dt>
                <Visible text={titleOf(schema, change.path)} />
              </dt>
              <dd>
                <del>
                  <Value value={change.before} />
                </del>
                <span aria-hidden="true"> → </span>
                <ins>
                  <Value value={change.after} />
                </ins>
              </dd>
            </div>
          ))}
        </dl>
      )}
      {found.length > MOST && <p className="muted">And {(found.length - MOST).toLocaleString("en")} more.</p>}
    </section>
  );
});

function isText({ before, after }: Change): boolean {
  return typeof before === "string" && typeof after === "string" && Math.max(before.length, after.length) > LONG;
}

function Value({ value }: { value: unknown }) {
  if (value === undefined) return <i>nothing</i>;
  if (value === null) return <i>no value</i>;
  if (value === "") return <i>empty</i>;
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (text.length <= SHOWN) return <Visible text={text} />;
  return (
    <>
      <Visible text={text.slice(0, SHOWN).replace(/[\uD800-\uDBFF]$/, "")} />…{" "}
      <i>{(text.length - SHOWN).toLocaleString("en")} more characters</i>
    </>
  );
}
