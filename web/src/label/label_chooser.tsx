import "./label.css";

import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";

import type { CaseView } from "../api/types";
import { isSecond, useCommands } from "../keys/keyboard";
import { Visible } from "../text/visible";
import { focusLabelField, type Known, labelKeys, matching, MOST_KEYS, type Offer, offers, sameLabel, tidied } from "./label_choice";

export { focusLabelField, labelKeys };

interface Props {
  view: CaseView;
  labels: Known[];
  /** Told of the label, and whether it was named here for the first time. */
  onChoose(label: string, named: boolean): void;
  disabled?: boolean;
}

/** More than so many matches are counted, not drawn: one types on. */
const MOST_SHOWN = 50;
/** So much of a label is drawn in a list. */
const LABEL_SHOWN = 200;
const LONGEST_NEW = 200;

/** Choose a category: by number, by finding it, or by naming a new one. */
export function LabelChooser(props: Props) {
  const { view } = props;
  // Nothing that was typed for one case may be taken for the next.
  return <Chooser key={`${view.case.id}/${view.content.revision}`} {...props} />;
}

function Chooser({ view, labels, onChoose, disabled = false }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [open, setOpen] = useState(false);
  const [at, setAt] = useState(0);
  const [asked, setAsked] = useState<string | null>(null);

  const all = useMemo(() => offers(view, labels), [view, labels]);
  const closed = useMemo(() => closedTo(view), [view]);
  const found = useMemo(() => matching(text, all), [text, all]);
  const fresh = tidied(text);
  const existing = fresh ? all.find((one) => sameLabel(one.label, fresh)) : undefined;
  const tooLong = fresh.length > LONGEST_NEW;
  const offersNew = fresh !== "" && !existing && !tooLong && !closed;
  const shown = found.slice(0, MOST_SHOWN);
  const count = shown.length + (offersNew ? 1 : 0);
  const active = Math.min(at, count - 1);

  const isNew = offersNew && active === shown.length;

  const choose = (label: string, named: boolean) => {
    if (disabled) return;
    setText("");
    setAsked(null);
    setAt(0);
    setOpen(false);
    input.current?.blur();
    onChoose(label, named);
  };
  const chooseNew = () => {
    if (disabled) return;
    if (asked === fresh) choose(fresh, true);
    else setAsked(fresh);
  };

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      if (asked !== null) setAsked(null);
      else {
        setOpen(false);
        input.current?.blur();
      }
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      event.stopPropagation();
      setOpen(true);
      setAsked(null);
      if (count > 0) setAt((Math.max(active, 0) + (event.key === "ArrowDown" ? 1 : count - 1)) % count);
    } else if (event.key === "Enter") {
      event.preventDefault();
      event.stopPropagation();
      // A key that is held would confirm what one press only asked for.
      if (event.repeat) return;
      const offer = shown[active];
      if (isNew) chooseNew();
      else if (offer && (open || text)) choose(offer.label, false);
    }
  };

  useCommands(
    {},
    {
      other: (key, event) => {
        if (disabled || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return false;
        // By place as well as by name: on a French keyboard, digits need Shift.
        const digit = /^(?:Digit|Numpad)([1-9])$/.exec(event.code)?.[1];
        const label = labelKeys(view, labels, digit ?? key);
        if (label === null) return false;
        choose(label, false);
        return true;
      },
    },
  );

  useEffect(() => {
    document.getElementById(`${id}-${active}`)?.scrollIntoView?.({ block: "nearest" });
  }, [active, id]);

  const filtering = open || text !== "";
  const confirming = asked !== null && asked === fresh && isNew;
  return (
    <section className="label" aria-label="Category">
      {!filtering && <Numbered offers={all} withheld={view.withheld} disabled={disabled} onChoose={choose} />}
      <div className="label-find">
        <input
          ref={input}
          className="field"
          type="text"
          role="combobox"
          dir="auto"
          autoComplete="off"
          spellCheck={false}
          placeholder={closed ? "Filter" : "Filter or name a category"}
          aria-label={closed ? "Filter categories" : "Filter or name a category"}
          aria-expanded={filtering}
          aria-controls={filtering ? `${id}-list` : undefined}
          aria-autocomplete="list"
          aria-activedescendant={filtering && count > 0 ? `${id}-${active}` : undefined}
          aria-describedby={`${id}-note`}
          aria-keyshortcuts="/"
          disabled={disabled}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setOpen(true);
            setAt(0);
            setAsked(null);
          }}
          onBlur={() => {
            setOpen(false);
            setAsked(null);
          }}
          onKeyDown={onKeyDown}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <p id={`${id}-note`} className="label-note small muted" role="status">
        {confirming && (
          <>
            No such category yet. Press ↵ again to name it “<Visible text={fresh} />”.
          </>
        )}
        {tooLong && `A name has at most ${LONGEST_NEW} characters; this one has ${fresh.length.toLocaleString("en")}.`}
        {!tooLong && filtering && fresh && count === 0 && "No category matches; this checkpoint takes no new ones."}
        {!confirming && existing && existing.label !== text && filtering && "There is this category already."}
      </p>
      {filtering && (
        <ul id={`${id}-list`} className="label-list" role="listbox" aria-label="Categories">
          {shown.map((offer, index) => (
            <li
              key={offer.label}
              id={`${id}-${index}`}
              className="label-option"
              role="option"
              aria-selected={index === active}
              // The press would take the focus from the field, and with it the list.
              onMouseDown={(event) => event.preventDefault()}
              onClick={(click) => !isSecond(click) && choose(offer.label, false)}
            >
              <Name label={offer.label} />
              <Sure offer={offer} />
            </li>
          ))}
          {offersNew && (
            <li
              id={`${id}-${shown.length}`}
              className="label-option"
              role="option"
              aria-selected={isNew}
              onMouseDown={(event) => event.preventDefault()}
              onClick={(click) => {
                if (isSecond(click)) return;
                setAt(shown.length);
                chooseNew();
              }}
            >
              <span className="label-name">
                {confirming ? "Confirm" : "New category"} “<Visible text={fresh} />”
              </span>
            </li>
          )}
        </ul>
      )}
      {filtering && found.length > shown.length && (
        <p className="small muted">And {(found.length - shown.length).toLocaleString("en")} more; type to narrow down.</p>
      )}
    </section>
  );
}

function Numbered({
  offers: all,
  withheld,
  disabled,
  onChoose,
}: {
  offers: Offer[];
  withheld: boolean;
  disabled: boolean;
  onChoose(label: string, named: boolean): void;
}) {
  if (all.length === 0) return <p className="muted">No categories yet. Name the first one below.</p>;
  return (
    <>
      <ul className="label-numbered">
        {all.slice(0, MOST_KEYS).map((offer, index) => (
          <li key={offer.label}>
            <button
              type="button"
              className={offer.suggested ? "label-choice label-suggested" : "label-choice"}
              disabled={disabled}
              aria-keyshortcuts={offer.suggested ? `${index + 1} Enter` : String(index + 1)}
              onClick={(click) => !isSecond(click) && onChoose(offer.label, false)}
            >
              <kbd aria-hidden="true">{index + 1}</kbd>
              <Name label={offer.label} />
              {offer.suggested && (
                <span className="label-tag small">
                  suggested <kbd aria-hidden="true">↵</kbd>
                </span>
              )}
              <Sure offer={offer} />
            </button>
          </li>
        ))}
      </ul>
      {all.length > MOST_KEYS && (
        <p className="small muted">
          {(all.length - MOST_KEYS).toLocaleString("en")} more below <kbd>/</kbd>
        </p>
      )}
      {withheld && <p className="small muted">You decide first here; the suggestion comes after.</p>}
    </>
  );
}

function Name({ label }: { label: string }) {
  const cut = label.length > LABEL_SHOWN;
  return (
    <span className="label-name" dir="auto">
      {label.trim() === "" && <i>blank </i>}
      <Visible text={cut ? label.slice(0, LABEL_SHOWN).replace(/[\uD800-\uDBFF]$/, "") : label} />
      {cut && <i>… {(label.length - LABEL_SHOWN).toLocaleString("en")} more characters</i>}
    </span>
  );
}

/** How sure the drafter is: a bar for the eye, and the number for everybody. */
function Sure({ offer }: { offer: Offer }) {
  if (offer.confidence === null) return null;
  const percent = Math.round(offer.confidence * 100);
  return (
    <span className="label-sure small">
      <progress max={100} value={percent} aria-hidden="true" />
      <span>
        {percent}
        <span aria-hidden="true"> %</span>
        <span className="visually-hidden"> percent sure</span>
      </span>
    </span>
  );
}

/** Whether the schema names all the categories there may be. */
function closedTo(view: CaseView): boolean {
  const schema = view.checkpoint.arguments_schema as { properties?: Record<string, unknown>; $defs?: Record<string, unknown> };
  const argument = view.checkpoint.label;
  const written = argument ? schema?.properties?.[argument] : undefined;
  return isClosed(written, schema?.$defs ?? {}, 0);
}

function isClosed(written: unknown, defs: Record<string, unknown>, depth: number): boolean {
  if (typeof written !== "object" || written === null || depth > 4) return false;
  const part = written as { enum?: unknown; const?: unknown; $ref?: unknown; anyOf?: unknown[]; allOf?: unknown[]; type?: unknown };
  if (part.enum !== undefined || part.const !== undefined) return true;
  if (typeof part.$ref === "string") return isClosed(defs[part.$ref.replace(/^#\/\$defs\//, "")], defs, depth + 1);
  const options = (part.anyOf ?? part.allOf ?? []).filter((one) => (one as { type?: unknown } | null)?.type !== "null");
  return options.length > 0 && options.every((one) => isClosed(one, defs, depth + 1));
}
