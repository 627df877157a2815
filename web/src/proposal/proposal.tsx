import "../evidence/evidence.css";
import "./proposal.css";

import { memo, Suspense, useCallback, useDeferredValue, useEffect, useId, useMemo, useState } from "react";

import { later, persistently } from "../api/later";
import type { Arguments, CaseView, Evidence } from "../api/types";
import { FieldList } from "../evidence/fields";
import { LongText } from "../evidence/long_text";
import { isRecord, isScalar, type Scalar } from "../evidence/shape";
import { isRows, Table, tableOf } from "../evidence/table";
import { JsonTree } from "../evidence/tree";
import { Marking, Value } from "../evidence/value";
import { day, moment } from "../evidence/words";
import { pathTo } from "../text/path";
import type { Span, unsupported } from "../text/unsupported";
import { Visible, visible } from "../text/visible";
import { Effect } from "./effect";
import { type Field, fieldsOf, isChoice } from "./fields";
import { Marked, Unsupported } from "./marked";

export const loadDifference = async () => ({ default: (await import("../text/difference")).Difference });
const Difference = later(loadDifference);

type Marks = ReadonlyMap<string, readonly Span[]>;
const NONE: Marks = new Map();

/** Longer than this, or in lines of its own, a text is for reading and gets the whole width. */
const SHORT = 120;

/** What would run: the frozen arguments by their schema, and below the AI's own words about them. */
export const Proposal = memo(function Proposal({ view, compareWith }: { view: CaseView; compareWith?: Arguments }) {
  const given = view.content.arguments;
  const fields = useMemo(
    () => fieldsOf(view.checkpoint.arguments_schema ?? {}, given, compareWith ?? {}),
    [view.checkpoint, given, compareWith],
  );
  const unmarked = fields.filter((field) => isUnmarked(field, view, compareWith)).map(({ name }) => name);
  const marks = useMarks(view, unmarked.join("\n"));
  const marker = useCallback(
    (path: string, text: string) => {
      const spans = marks.get(path);
      return spans ? <Marked text={text} spans={spans} /> : null;
    },
    [marks],
  );
  return (
    <div className="proposal">
      <Effect checkpoint={view.checkpoint} />
      <Legend marks={marks} evidence={view.evidence} />
      <Marking value={marker}>
        <dl className="proposal-fields">
          {fields.map((field) => (
            <Row key={field.name} field={field} given={given} compareWith={compareWith} marks={marks} />
          ))}
        </dl>
      </Marking>
      {fields.length === 0 ? <p className="muted">It takes no arguments.</p> : null}
      <OwnWords text={view.content.rationale ?? null} />
    </div>
  );
});

/** What is chosen from a list claims nothing about the evidence; what is compared shows its difference instead. */
function isUnmarked(field: Field, view: CaseView, compareWith: Arguments | undefined): boolean {
  const { name } = field;
  return isChoice(field) || name === view.checkpoint.label || isChanged(name, view.content.arguments, compareWith);
}

/** Loaded once the first case is on screen: its marks come a moment later. */
let find: typeof unsupported | null = null;
let finding: Promise<void> | null = null;

export function loadFinding(): Promise<void> {
  finding ??= persistently(() => import("../text/unsupported")).then((found) => {
    find = found.unsupported;
  });
  return finding;
}

/** What occurs nowhere in the evidence, found after the first paint. */
function useMarks(view: CaseView, unmarked: string): Marks {
  const [loaded, setLoaded] = useState(find !== null);
  useEffect(() => {
    if (loaded) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const frame = requestAnimationFrame(() => {
      timer = setTimeout(() => void loadFinding().then(() => setLoaded(true), () => (finding = null)));
    });
    return () => {
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, [loaded]);
  const ready = useDeferredValue<CaseView | null>(view, null);
  const found = useMemo(
    () => (ready === null || !loaded || find === null ? NONE : find(ready.content.arguments, ready.evidence)),
    [ready, loaded],
  );
  return useMemo(() => {
    if (ready !== view) return NONE;
    const without = new Set(unmarked.split("\n"));
    return new Map([...found].filter(([path]) => !without.has(path.split("/", 1)[0] ?? "")));
  }, [ready, view, found, unmarked]);
}

function Legend({ marks, evidence }: { marks: Marks; evidence: Record<string, Evidence> }) {
  const count = [...marks.values()].reduce((sum, spans) => sum + spans.length, 0);
  if (count === 0) return null;
  const unread = Object.values(evidence).some(
    ({ media_type, mail }) => media_type.startsWith("image/") || (mail?.attachments.length ?? 0) > 0,
  );
  return (
    <p className="proposal-legend small">
      <span className="text-unsupported" aria-hidden="true">
        {count.toLocaleString("en")} marked {count === 1 ? "value" : "values"}
      </span>
      <span className="visually-hidden">
        {count.toLocaleString("en")} marked {count === 1 ? "value" : "values"}
      </span>{" "}
      {count === 1 ? "occurs" : "occur"} nowhere in the evidence
      {unread ? "; pictures and attachments were not searched" : ""}.
    </p>
  );
}

interface RowProps {
  field: Field;
  given: Arguments;
  compareWith: Arguments | undefined;
  marks: Marks;
}

function Row({ field, given, compareWith, marks }: RowProps) {
  const { name, title, description } = field;
  const value = given[name];
  const changed = isChanged(name, given, compareWith);
  const short = isScalar(value) && !changed && !isReading(value);
  return (
    <div className={short ? "proposal-short" : "proposal-long"}>
      <dt title={visible(name)}>
        <Visible text={title} />
        {description ? (
          <span className="proposal-description small">
            <Visible text={description} />
          </span>
        ) : null}
      </dt>
      <dd>
        {changed ? (
          <Suspense fallback={<Drawn field={field} value={value} marks={marks} />}>
            <div className={isReading(written(value)) ? "reading" : undefined}>
              <Difference before={written(compareWith[name])} after={written(value)} />
            </div>
          </Suspense>
        ) : (
          <Drawn field={field} value={value} marks={marks} />
        )}
      </dd>
    </div>
  );
}

/** Whether a field is shown as a difference; its marks would be lost in it. */
function isChanged(name: string, given: Arguments, compareWith: Arguments | undefined): compareWith is Arguments {
  return compareWith !== undefined && written(compareWith[name]) !== written(given[name]);
}

const isReading = (value: unknown) => typeof value === "string" && (value.length > SHORT || value.includes("\n"));

/** A value as text that can be compared. */
function written(value: unknown): string {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

function Drawn({ field, value, marks }: { field: Field; value: unknown; marks: Marks }) {
  const { name, schema, title } = field;
  if (value === undefined) return <span className="muted">none</span>;
  if (typeof value === "string" && schema.format) {
    const said = schema.format === "date" ? day(value) : schema.format === "date-time" ? moment(value) : null;
    if (said !== null) {
      const time = (
        <time dateTime={visible(value)} title={visible(value)}>
          {said}
        </time>
      );
      return marks.has(name) ? <Unsupported>{time}</Unsupported> : time;
    }
  }
  if (typeof value === "string" && isReading(value)) {
    const spans = marks.get(name);
    return <div className="reading">{spans ? <Marked text={value} spans={spans} /> : <LongText text={value} />}</div>;
  }
  if (isScalar(value)) return <Value value={value} path={name} />;
  if (Array.isArray(value) && value.length > 0 && value.length <= 50 && value.every(isScalar)) {
    return (
      <ul className="proposal-list">
        {value.map((each, index) => (
          <li key={index}>
            <Value value={each} path={pathTo(name, index)} />
          </li>
        ))}
      </ul>
    );
  }
  if (isRows(value)) return <Rows value={value} path={name} label={title} />;
  if (isRecord(value) && Object.values(value).every(isScalar)) {
    return <FieldList record={value as Record<string, Scalar>} path={name} />;
  }
  return <JsonTree value={value} path={name} label={title} />;
}

function Rows({ value, path, label }: { value: Parameters<typeof tableOf>[0]; path: string; label: string }) {
  const data = useMemo(() => tableOf(value, path), [value, path]);
  return <Table data={data} label={label} />;
}

function OwnWords({ text }: { text: string | null }) {
  const heading = useId();
  if (text === null || text.trim() === "") return null;
  return (
    <section className="proposal-words" aria-labelledby={heading}>
      <h3 id={heading}>The AI’s own words — not checked</h3>
      <LongText text={text} first={2_000} />
    </section>
  );
}
