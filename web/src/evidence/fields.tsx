import { useState } from "react";

import { pathTo } from "../text/path";
import { Visible, visible } from "../text/visible";
import type { RendererProps } from "./registry";
import { isRecord, type Short } from "./shape";
import { Value } from "./value";
import { nameInWords } from "../text/name";

const FIRST = 60;

/** Names and values, one below the other. */
export function FieldList({ record, path }: { record: Record<string, Short>; path?: string }) {
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
              <Few value={value} {...(path !== undefined && { path: pathTo(path, key) })} />
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

function Few({ value, path }: { value: Short; path?: string }) {
  if (!Array.isArray(value)) return <Value value={value} {...(path !== undefined && { path })} />;
  return (
    <ul>
      {value.map((each, index) => (
        <li key={index}>
          <Value value={each} {...(path !== undefined && { path: pathTo(path, index) })} />
        </li>
      ))}
    </ul>
  );
}

export function Fields({ evidence }: RendererProps) {
  return <FieldList record={isRecord(evidence.value) ? (evidence.value as Record<string, Short>) : {}} />;
}
