import "./edit.css";

import Form from "@rjsf/core/lib/components/Form.js";
import { type ErrorSchema, ErrorSchemaBuilder } from "@rjsf/utils";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";

import type { Arguments, CaseView, Schema } from "../api/types";
import { Visible } from "../text/visible";
import { useKeymap } from "../keys/keyboard";
import { named, shown } from "../keys/keymap";
import { Changes } from "./changes";
import { drawn } from "./drawable";
import { type Context, fields, templates, widgets } from "./form_parts";
import { JsonEditor } from "./json_editor";
import { choose, keep, type Typed, unfinished } from "./unfinished";
import { type Complaint, complaints, isRecord, pathKey, titleOf, validator } from "./validator";

interface Props {
  view: CaseView;
  draft: Arguments | null;
  onChange(draft: Arguments, problems: string[]): void;
  onApprove(): void;
  onCancel(): void;
}

const SEPARATOR = "/";
const NO_SCHEMA: Schema = {};
/** Drawn as given: rjsf adds no entries, objects or defaults that nobody typed. */
const AS_GIVEN = { arrayMinItems: { populate: "never" }, emptyObjectFields: "skipDefaults" } as const;

/** Edit the arguments of a case: a form from its schema, or JSON where there can be none or it is asked for. */
export function EditForm(props: Props) {
  const { view } = props;
  return <Edited key={`${view.case.id}/${view.content.revision}`} {...props} />;
}

export default EditForm;

function Edited({ view, draft, onChange, onApprove, onCancel }: Props) {
  const schema = schemaOf(view);
  const proposed = view.content.arguments;
  const [current, setCurrent] = useState<Arguments>(draft ?? proposed);
  const [kept] = useState(() => unfinished(view));
  const [typed, setTyped] = useState<readonly Typed[]>(() => [...kept.texts.values()]);
  const [asJson, setAsJson] = useState(kept.asJson);
  const [refused, setRefused] = useState(false);
  // Which fields there are is settled when the form opens, so that none changes its kind under the cursor.
  const [form, setForm] = useState(() => drawn(schema, current));
  const id = useId();
  const area = useRef<HTMLDivElement>(null);
  const summary = useRef<HTMLDivElement>(null);

  // Somebody else set the draft: it was recalled, say. What this form itself told comes back unchanged.
  const [seen, setSeen] = useState(draft);
  const [told, setTold] = useState(draft);
  if (draft !== seen) {
    setSeen(draft);
    const given = draft ?? proposed;
    if (draft !== told && JSON.stringify(given) !== JSON.stringify(current)) {
      setCurrent(given);
      setForm(drawn(schema, given));
    }
  }

  const wrong = useMemo(() => complaints(schema, current), [schema, current]);
  const problems = useMemo(() => [...typed.map(asComplaint), ...wrong], [typed, wrong]);

  const tell = (now: Arguments, texts: readonly Typed[]) => {
    setTold(now);
    const all = [...texts.map(asComplaint), ...complaints(schema, now)];
    onChange(now, all.map((one) => worded(schema, one)));
  };
  const change = (next: Arguments) => {
    const now = settled(next) as Arguments;
    setCurrent(now);
    tell(now, [...kept.texts.values()]);
  };

  // rjsf keeps its fields when nothing that they get has changed, so they get the same functions for good.
  const latest = useRef({ current, tell });
  useEffect(() => {
    latest.current = { current, tell };
  });
  const context = useMemo<Context>(
    () => ({
      typed: (path) => kept.texts.get(pathKey(path)),
      onTyped: (path, text) => {
        if (!text && !kept.texts.has(pathKey(path))) return;
        keep(kept.texts, path, text);
        const texts = [...kept.texts.values()];
        setTyped(texts);
        latest.current.tell(latest.current.current, texts);
      },
    }),
    [kept],
  );

  const json = asJson || !form;
  useEffect(() => {
    if (area.current) focusLikely(area.current);
  }, [json]);

  const approve = () => {
    setRefused(problems.length > 0);
    if (problems.length === 0) onApprove();
  };
  useEffect(() => {
    if (refused) summary.current?.focus();
  }, [refused]);

  const keys = useKeymap();
  const onKeyDown = (event: KeyboardEvent) => {
    // 229: an input method is at work, and the key is its own.
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    const stroke = named(event.nativeEvent);
    if (stroke !== null && keys.approve_edited.includes(stroke)) {
      event.preventDefault();
      event.stopPropagation();
      if (event.repeat) return;
      if (refused && problems.length > 0) summary.current?.focus();
      approve();
    } else if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      onCancel();
    }
  };

  const switchTo = (toJson: boolean) => {
    choose(kept, toJson);
    if (!toJson) setForm(drawn(schema, current));
    setRefused(false);
    setAsJson(toJson);
  };
  const canDraw = useMemo(() => drawn(schema, current) !== null, [schema, current]);

  const idOf = (complaint: Complaint) => (json ? `${id}json` : [id, ...complaint.path].join(SEPARATOR));
  const go = (complaint: Complaint) => {
    // What is missing inside an entry that is folded away has no field of its own; its parent has.
    for (let path = complaint.path; ; path = path.slice(0, -1)) {
      const element = document.getElementById(idOf({ ...complaint, path }));
      if (element) return element.focus();
      if (path.length === 0) return;
    }
  };

  return (
    <div className="edit" onKeyDown={onKeyDown}>
      <div className="edit-columns">
        <div className="edit-area" ref={area}>
          <div
            ref={summary}
            className={refused && problems.length > 0 ? "problem edit-summary" : "visually-hidden"}
            role="group"
            aria-label="Problems"
            tabIndex={-1}
          >
            {refused && problems.length > 0 && (
              <>
                <p>Not approved yet. {problems.length === 1 ? "One thing" : `${problems.length} things`} to put right:</p>
                <ul>
                  {problems.slice(0, 20).map((one) => (
                    <li key={pathKey([...one.path, one.message])}>
                      <a
                        href={`#${encodeURIComponent(idOf(one))}`}
                        onClick={(event) => {
                          event.preventDefault();
                          go(one);
                        }}
                      >
                        <Visible text={titleOf(schema, one.path)} />
                      </a>
                      : <Visible text={one.message} />
                    </li>
                  ))}
                  {problems.length > 20 && <li>And {problems.length - 20} more.</li>}
                </ul>
              </>
            )}
          </div>
          {json ? (
            <Whole
              id={`${id}json`}
              view={view}
              current={current}
              wrong={wrong}
              schema={schema}
              context={context}
              onChange={change}
            />
          ) : (
            <Form<Arguments>
              tagName="div"
              className="edit-form"
              schema={form.schema}
              uiSchema={form.ui}
              formData={current}
              validator={validator}
              extraErrors={asErrorSchema(wrong)}
              formContext={context}
              idPrefix={id}
              idSeparator={SEPARATOR}
              templates={templates}
              widgets={widgets}
              fields={fields}
              noValidate
              showErrorList={false}
              experimental_defaultFormStateBehavior={AS_GIVEN}
              onChange={(event) => change(event.formData ?? {})}
            >
              <></>
            </Form>
          )}
          <div className="edit-buttons">
            <button type="button" className="button primary" onClick={approve}>
              Approve as edited {keys.approve_edited[0] && <kbd>{shown(keys.approve_edited[0])}</kbd>}
            </button>
            <button type="button" className="button" onClick={onCancel}>
              Back, keep draft <kbd>Esc</kbd>
            </button>
            <Switch json={json} canDraw={canDraw} typed={typed} onSwitch={switchTo} />
          </div>
        </div>
        <Changes schema={schema} before={proposed} after={current} />
      </div>
    </div>
  );
}

function Switch({
  json,
  canDraw,
  typed,
  onSwitch,
}: {
  json: boolean;
  canDraw: boolean;
  typed: readonly Typed[];
  onSwitch(json: boolean): void;
}) {
  const id = useId();
  const [blocking] = typed;
  if (json && !canDraw && !blocking) return <p className="muted small">These arguments can only be edited as JSON.</p>;
  return (
    <>
      <button
        type="button"
        className="button plain"
        aria-disabled={blocking !== undefined}
        aria-describedby={blocking ? id : undefined}
        onClick={() => {
          if (!blocking) onSwitch(!json);
        }}
      >
        {json ? "Edit as a form" : "Edit as JSON"}
      </button>
      {blocking && (
        <p id={id} className="muted small">
          To switch, first put right the JSON. {blocking.problem}
        </p>
      )}
    </>
  );
}

function Whole({
  id,
  view,
  current,
  wrong,
  schema,
  context,
  onChange,
}: {
  id: string;
  view: CaseView;
  current: Arguments;
  wrong: readonly Complaint[];
  schema: Schema;
  context: Context;
  onChange(now: Arguments): void;
}) {
  const errors = `${id}:errors`;
  return (
    <div className="edit-field">
      <label className="edit-label" htmlFor={id}>
        Arguments of <Visible text={view.checkpoint.name} /> as JSON
      </label>
      <JsonEditor
        id={id}
        value={current}
        unfinished={context.typed([])?.text}
        onValue={(value) => {
          if (isRecord(value)) onChange(value);
        }}
        onUnfinished={(typed) => context.onTyped([], typed)}
        accepts={(value) => (isRecord(value) ? null : "The arguments are an object: { … }.")}
        describedBy={wrong.length > 0 ? errors : undefined}
        invalid={wrong.length > 0}
      />
      {wrong.length > 0 && (
        <ul id={errors} className="edit-error">
          {wrong.slice(0, 20).map((one) => (
            <li key={pathKey([...one.path, one.message])}>
              <Visible text={worded(schema, one)} />
            </li>
          ))}
          {wrong.length > 20 && <li>And {wrong.length - 20} more.</li>}
        </ul>
      )}
    </div>
  );
}

function schemaOf(view: CaseView): Schema {
  const written: unknown = view.checkpoint.arguments_schema;
  return isRecord(written) ? written : NO_SCHEMA;
}

function asComplaint({ path, problem }: Typed): Complaint {
  return { path, message: problem };
}

function worded(schema: Schema, { path, message }: Complaint): string {
  return `${titleOf(schema, path)}: ${message}`;
}

function asErrorSchema(wrong: readonly Complaint[]): ErrorSchema<Arguments> {
  const builder = new ErrorSchemaBuilder<Arguments>();
  for (const { path, message } of wrong)
    if (!path.includes("__proto__")) builder.addErrors(message, path as (string | number)[]);
  return builder.ErrorSchema;
}

/** Entries that were just added have no value yet; JSON has no word for that but an empty text. */
function settled(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => (item === undefined ? "" : settled(item)));
    return items.every((item, at) => Object.is(item, value[at])) ? value : items;
  }
  if (!isRecord(value)) return value;
  const entries = Object.entries(value);
  if (entries.every(([, inner]) => inner !== undefined && Object.is(settled(inner), inner))) return value;
  return Object.fromEntries(
    entries.filter(([, inner]) => inner !== undefined).map(([key, inner]) => [key, settled(inner)]),
  );
}

/** Put the cursor where an edit is likeliest: into the longest text, else into the first field. */
function focusLikely(area: HTMLElement): void {
  const texts = [...area.querySelectorAll<HTMLTextAreaElement | HTMLInputElement>("textarea, input[type=text]")];
  const longest = texts.reduce<HTMLTextAreaElement | HTMLInputElement | null>(
    (best, one) => (!best || one.value.length > best.value.length ? one : best),
    null,
  );
  const target = longest ?? area.querySelector<HTMLElement>("select, input, button");
  target?.focus();
  if (target instanceof HTMLTextAreaElement) target.setSelectionRange(0, 0);
}
