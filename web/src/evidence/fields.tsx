import { useState } from "react";

import { pathTo } from "../text/path";
import { Visible, visible } from "../text/visible";
import type { RendererProps } from "./registry";
import { isRecord, type Scalar } from "./shape";
import { Value } from "./value";
import { nameInWords } from "../text/name";

const FIRST = 60;

/** Names and values, one below the other. */
export function FieldList({ record, path }: { record: Record<string, Scalar>; path?: string }) {
  const [all, setAll] = useState(false);
  const entries = Object.entries(record);
  const shown = all ? entries : entries.slice(0, FIRST);
  if (entries.length === 0) return <p className="muted">Nothing in it.</p>;
  return (
    <>
      <dl className="evidence-fields">
        {shown.map(([key, value]) => (
          <div key={key}>
            <dt title={visible(key)}>
              <Visible text={nameInWords(key)} />
            </dt>
            <dd>
              <Value value={value} {...(path !== undefined && { path: pathTo(path, key) })} />
            </dd>
          </div>
        ))}
      </dl>
      {shown.length < entries.length ? (
        <button type="button" className="button evidence-more" onClick={() => setAll(true)}>
          Show all {entries.length.toLocaleString("en")} fields
        </button>
      ) : null}
    </>
  );
}

export function Fields({ evidence }: RendererProps) {
  return <FieldList record={isRecord(evidence.value) ? (evidence.value as Record<string, Scalar>) : {}} />;
}
