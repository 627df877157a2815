import { useState } from "react";

import { pathTo } from "../text/path";
import { Visible, visible } from "../text/visible";
import { LongText } from "./long_text";
import type { RendererProps } from "./registry";
import { isScalar } from "./shape";
import { Value } from "./value";

const FIRST = 100;
const DEEPEST = 64;
/** What is open at the start: a container this small, this near the top. */
const OPEN_UNTIL = 12;
const OPEN_DEPTH = 2;

type Container = unknown[] | Record<string, unknown>;

const count = (value: Container) => (Array.isArray(value) ? value.length : Object.keys(value).length);

function summary(value: Container): string {
  const size = count(value);
  const noun = Array.isArray(value) ? "item" : "field";
  return `${size.toLocaleString("en")} ${noun}${size === 1 ? "" : "s"}`;
}

function Children({ value, depth, path }: { value: Container; depth: number; path: string | undefined }) {
  const [most, setMost] = useState(FIRST);
  const size = count(value);
  const keys = Array.isArray(value)
    ? Array.from({ length: Math.min(most, size) }, (_, index) => index)
    : Object.keys(value).slice(0, most);
  return (
    <>
      <ul className="evidence-tree-list">
        {keys.map((key) => (
          <li key={key}>
            <Node
              label={key}
              value={Array.isArray(value) ? value[key as number] : value[key]}
              depth={depth}
              path={path === undefined ? undefined : pathTo(path, key)}
            />
          </li>
        ))}
      </ul>
      {most < size ? (
        <button type="button" className="button evidence-more" onClick={() => setMost(most + 10 * FIRST)}>
          Show more ({(size - most).toLocaleString("en")} left)
        </button>
      ) : null}
    </>
  );
}

interface NodeProps {
  label?: string | number;
  folded?: boolean;
  value: unknown;
  depth: number;
  path: string | undefined;
}

function Node({ label, value, depth, path, folded = false }: NodeProps) {
  const container = isScalar(value) || value === undefined ? null : (value as Container);
  const [open, setOpen] = useState(
    !folded && container !== null && depth < OPEN_DEPTH && count(container) <= OPEN_UNTIL,
  );
  const name = label === undefined ? null : <span className="evidence-key">{keyOf(label)}</span>;
  if (container === null) {
    return (
      <div className="evidence-leaf">
        {name} <Value value={(value ?? null) as string} {...(path !== undefined && { path })} />
      </div>
    );
  }
  if (count(container) === 0) {
    return (
      <div className="evidence-leaf">
        {name} <span className="muted">{summary(container)}</span>
      </div>
    );
  }
  return (
    <details open={open} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {name} <span className="muted">{summary(container)}</span>
      </summary>
      {open && depth < DEEPEST ? <Children value={container} depth={depth + 1} path={path} /> : null}
      {open && depth >= DEEPEST ? <LongText text={source(container)} first={2000} /> : null}
    </details>
  );
}

const keyOf = (label: string | number) => (typeof label === "number" ? label + 1 : <Visible text={label} />);

/** A value in the cell of a table: folded, so that a row stays a row. */
export function FoldedTree({ value, path }: { value: unknown; path?: string }) {
  return <Node value={value} depth={1} path={path} folded />;
}

/** What is too deep to be unfolded, as it is written. */
function source(value: Container): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "It is too deep to be written out here; copy it, or read the case through the API.";
  }
}

/** Any JSON value, unfolded step by step. */
export function JsonTree({ value, path, label }: { value: unknown; path?: string; label: string }) {
  if (isScalar(value) || value === undefined)
    return <Value value={value ?? null} {...(path !== undefined && { path })} />;
  const container = value as Container;
  if (count(container) === 0)
    return <p className="muted">{Array.isArray(value) ? "An empty list." : "Nothing in it."}</p>;
  return (
    // It may be wider than its place, and is then moved by the keyboard.
    <div className="evidence-tree evidence-scroll" role="group" aria-label={visible(label)} tabIndex={0}>
      <Children value={container} depth={1} path={path} />
    </div>
  );
}

export function Tree({ name, evidence }: RendererProps) {
  return <JsonTree value={evidence.value} label={`${name}, as data`} />;
}
