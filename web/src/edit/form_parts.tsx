/** How rjsf draws our forms: native controls, our classes, and no word that is not ours. */
import type {
  ArrayFieldItemTemplateProps,
  ArrayFieldTemplateProps,
  FieldProps,
  FieldTemplateProps,
  ObjectFieldTemplateProps,
  RegistryFieldsType,
  RegistryWidgetsType,
  TemplatesType,
  WidgetProps,
} from "@rjsf/utils";
import { useEffect, useRef, useState } from "react";

import type { Arguments } from "../api/types";
import { Visible } from "../text/visible";
import { GrowingText } from "./growing_text";
import { JsonEditor } from "./json_editor";
import { isExact } from "./strict_json";
import type { Path } from "./validator";
import type { Typed } from "./unfinished";

/** What the form hands to all of its fields; stays the same object, so that fields need not be drawn again. */
export interface Context {
  typed(path: Path): Typed | undefined;
  onTyped(path: Path, typed: { text: string; problem: string } | null): void;
}

type Form = Context & Record<string, unknown>;
type Widget = WidgetProps<Arguments>;
type Options = { nullable?: boolean; choices?: (string | number | boolean)[]; decimal?: boolean };

const errorsOf = (id: string) => `${id}:errors`;
const hintOf = (id: string) => `${id}:hint`;

function described(props: Widget): { "aria-invalid"?: true; "aria-describedby"?: string } {
  const wrong = (props.rawErrors?.length ?? 0) > 0;
  const ids = [props.schema.description ? hintOf(props.id) : "", wrong ? errorsOf(props.id) : ""].filter(Boolean);
  return { ...(wrong && { "aria-invalid": true }), ...(ids.length > 0 && { "aria-describedby": ids.join(" ") }) };
}

/** What is shown of a value that is no text: a form never hides what would be sent. */
function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

function Line(props: Widget) {
  const isDecimal = (props.options as Options).decimal === true;
  return (
    <input
      id={props.id}
      className={isDecimal ? "field edit-short" : "field"}
      type="text"
      dir={isDecimal ? "ltr" : "auto"}
      inputMode={isDecimal ? "decimal" : undefined}
      autoComplete="off"
      value={asText(props.value)}
      onChange={(event) => props.onChange(event.target.value)}
      {...described(props)}
    />
  );
}

function Long(props: Widget) {
  const value = asText(props.value);
  // A text area turns every line end into \n; a text that came with \r\n keeps them, or all of it would have changed.
  const [windows] = useState(() => value.includes("\r\n") && !/[^\r]\n/.test(value));
  return (
    <GrowingText
      id={props.id}
      className="field edit-long"
      dir="auto"
      rows={2}
      value={value}
      onChange={(event) =>
        props.onChange(windows ? event.target.value.replace(/\r?\n/g, "\r\n") : event.target.value)
      }
      {...described(props)}
    />
  );
}

function Day(props: Widget) {
  return (
    <input
      id={props.id}
      className="field edit-short"
      type="date"
      value={asText(props.value)}
      onChange={(event) => props.onChange(event.target.value)}
      {...described(props)}
    />
  );
}

/** A number as it is typed. What is not a number yet stays as the text it is, which the schema then refuses. */
function NumberLine(props: Widget) {
  const [text, setText] = useState(() => asText(props.value));
  const shown = numberOf(text) === props.value ? text : asText(props.value);
  return (
    <input
      id={props.id}
      className="field edit-short"
      type="text"
      inputMode="decimal"
      autoComplete="off"
      dir="ltr"
      value={shown}
      onChange={(event) => {
        setText(event.target.value);
        props.onChange(numberOf(event.target.value));
      }}
      {...described(props)}
    />
  );
}

export function numberOf(text: string): number | string {
  const written = text.trim();
  return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(written) && isExact(written) ? Number(written) : text;
}

function Choice(props: Widget) {
  const choices = (props.options as Options).choices ?? [];
  const at = choices.findIndex((choice) => choice === props.value);
  return (
    <select
      id={props.id}
      className="field edit-short"
      value={at < 0 ? "" : String(at)}
      onChange={(event) => props.onChange(choices[Number(event.target.value)])}
      {...described(props)}
    >
      {at < 0 && (
        <option value="" disabled>
          {asText(props.value) ? `${asText(props.value).slice(0, 80)} (not a choice)` : "Choose…"}
        </option>
      )}
      {choices.map((choice, index) => (
        <option key={index} value={index}>
          {String(choice)}
        </option>
      ))}
    </select>
  );
}

function YesNo(props: Widget) {
  const box = useRef<HTMLInputElement>(null);
  const isOpen = typeof props.value !== "boolean";
  useEffect(() => {
    if (box.current) box.current.indeterminate = isOpen;
  }, [isOpen]);
  return (
    <span className="edit-check">
      <input
        ref={box}
        id={props.id}
        type="checkbox"
        checked={props.value === true}
        onChange={(event) => props.onChange(event.target.checked)}
        {...described(props)}
      />
      <span className="muted small" aria-hidden="true">
        {isOpen ? "not chosen" : props.value ? "yes" : "no"}
      </span>
    </span>
  );
}

function JsonField(props: FieldProps<Arguments>) {
  const { fieldPathId, formData, onChange, registry, rawErrors, schema } = props;
  const context = registry.formContext as Form;
  const id = fieldPathId.$id;
  const wrong = (rawErrors?.length ?? 0) > 0;
  const ids = [schema.description ? hintOf(id) : "", wrong ? errorsOf(id) : ""].filter(Boolean).join(" ");
  return (
    <JsonEditor
      id={id}
      value={formData}
      unfinished={context.typed(fieldPathId.path)?.text}
      onValue={(value) => onChange(value as Arguments, fieldPathId.path)}
      onUnfinished={(typed) => context.onTyped(fieldPathId.path, typed)}
      describedBy={ids}
      invalid={wrong}
    />
  );
}

function Field(props: FieldTemplateProps<Arguments>) {
  const { id, schema, uiSchema, formData, onChange, fieldPathId, children, rawErrors, required, registry } = props;
  const options = (uiSchema?.["ui:options"] ?? {}) as Options;
  const isEmpty = formData === null && options.nullable === true;
  const last = useRef<unknown>(undefined);
  const context = registry.formContext as Form;
  useEffect(() => {
    if (formData !== null && formData !== undefined) last.current = formData;
  }, [formData]);

  const isGroup = schema.type === "object" || schema.type === "array";
  const isRoot = fieldPathId.path.length === 0;
  const place = fieldPathId.path.at(-1);
  const label = `${schema.title ?? props.label}${typeof place === "number" ? ` ${place + 1}` : ""}`;
  const setEmpty = (empty: boolean) => {
    if (empty) context.onTyped(fieldPathId.path, null);
    onChange((empty ? null : (last.current ?? blank(schema.type))) as Arguments, fieldPathId.path);
  };
  const body = (
    <>
      {schema.description && !isRoot && (
        <p id={hintOf(id)} className="muted small edit-hint">
          <Visible text={schema.description} />
        </p>
      )}
      {options.nullable && (
        <label className="edit-check small">
          <input type="checkbox" checked={isEmpty} onChange={(event) => setEmpty(event.target.checked)} />
          <span>
            No value <span className="visually-hidden">for {label}</span>
          </span>
        </label>
      )}
      {!isEmpty && children}
      {(rawErrors?.length ?? 0) > 0 && (
        <ul id={errorsOf(id)} className="edit-error">
          {rawErrors?.map((error) => <li key={error}>{error}</li>)}
        </ul>
      )}
    </>
  );
  if (isRoot) return <div className="edit-fields">{body}</div>;
  if (isGroup)
    return (
      <fieldset className="edit-group" id={id} tabIndex={-1}>
        <legend>{label}</legend>
        {body}
      </fieldset>
    );
  return (
    <div className="edit-field">
      {isEmpty ? (
        <span className="edit-label">{label}</span>
      ) : (
        <label className="edit-label" htmlFor={id}>
          {label}
          {!required && !options.nullable && <span className="muted small">{" (optional)"}</span>}
        </label>
      )}
      {body}
    </div>
  );
}

function blank(type: unknown): unknown {
  return type === "array" ? [] : type === "object" ? {} : "";
}

function Fields({ properties }: ObjectFieldTemplateProps<Arguments>) {
  return <>{properties.map((property) => property.content)}</>;
}

function Entries({ items, canAdd, onAddClick, title }: ArrayFieldTemplateProps<Arguments>) {
  return (
    <>
      {items.length === 0 && <p className="muted small">No entries.</p>}
      {items}
      {canAdd && (
        <button type="button" className="button" onClick={(event) => onAddClick(event)}>
          Add <span className="visually-hidden">to {title}</span>
        </button>
      )}
    </>
  );
}

function Entry({ children, buttonsProps, index, totalItems }: ArrayFieldItemTemplateProps<Arguments>) {
  const number = index + 1;
  return (
    <div className="edit-entry">
      <div className="edit-entry-body">{children}</div>
      <div className="edit-entry-buttons">
        {totalItems > 1 && (
          <>
            <button
              type="button"
              className="button plain"
              aria-label={`Move entry ${number} up`}
              disabled={index === 0}
              onClick={buttonsProps.onMoveUpItem}
            >
              ↑
            </button>
            <button
              type="button"
              className="button plain"
              aria-label={`Move entry ${number} down`}
              disabled={number === totalItems}
              onClick={buttonsProps.onMoveDownItem}
            >
              ↓
            </button>
          </>
        )}
        <button type="button" className="button plain" onClick={buttonsProps.onRemoveItem}>
          Remove <span className="visually-hidden">entry {number}</span>
        </button>
      </div>
    </div>
  );
}

const Nothing = () => null;

export const widgets: RegistryWidgetsType<Arguments> = {
  line: Line,
  long: Long,
  day: Day,
  number: NumberLine,
  choice: Choice,
  yesno: YesNo,
};

export const fields: RegistryFieldsType<Arguments> = { JsonField };

export const templates: Partial<TemplatesType<Arguments>> = {
  FieldTemplate: Field,
  ObjectFieldTemplate: Fields,
  ArrayFieldTemplate: Entries,
  ArrayFieldItemTemplate: Entry,
  DescriptionFieldTemplate: Nothing,
  FieldErrorTemplate: Nothing,
  FieldHelpTemplate: Nothing,
};

