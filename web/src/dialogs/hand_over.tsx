import { useMutation, useQuery } from "@tanstack/react-query";
import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from "react";

import { handOver, me, people } from "../api/calls";
import { useNow } from "../text/now";
import { addressee, ago, count, span } from "../text/words";
import { type Addressee, addressees, matching } from "./addressees";
import { Frame, Refusal } from "./frame";
import type { DialogProps } from "./snooze";

function presence(one: Addressee, now: Date): string {
  if (!one.person) return one.here === 0 ? "nobody of them is here" : `${one.here} of ${one.members} here`;
  const { away_since, here, seen_at } = one.person;
  if (away_since) return `away for ${span(now.getTime() - Date.parse(away_since))}`;
  if (here) return "here";
  return seen_at ? `last seen ${ago(seen_at, now)}` : "not seen yet";
}

/** Pass the case on to a person or a group. */
export function HandOver({ caseView, onDone, onClose }: DialogProps) {
  const { case: shown } = caseView;
  const found = useQuery({ queryKey: ["people"], queryFn: people });
  const asking = useQuery({ queryKey: ["me"], queryFn: me, staleTime: 60_000 });
  const now = useNow(30_000);
  const [text, setText] = useState("");
  // Null while nobody was chosen: Enter then means the first, if that one is here.
  const [at, setAt] = useState<number | null>(null);
  const [note, setNote] = useState("");
  const list = useRef<HTMLUListElement>(null);
  const ids = { filter: useId(), list: useId(), note: useId() };

  const all = addressees(found.data?.items ?? [], { asking: asking.data?.id ?? null, holder: shown.assigned_to ?? null }).filter((one) => one.to !== shown.proposer);
  const offered = matching(all, text);
  const typed = text.trim();
  const exact = offered.find((one) => one.to === typed);
  // Who is not listed is reached by the exact id alone, so that half a name never goes to nobody.
  const unlisted = found.isSuccess && typed !== "" && offered.length === 0 ? typed : null;
  const first = typed !== "" || (offered[0]?.here ?? 0) > 0 ? 0 : null;
  const pointed = at ?? first;
  const chosen = exact ?? (pointed === null ? null : offered[Math.min(pointed, offered.length - 1)]) ?? null;
  const to = chosen?.to ?? unlisted;

  const sent = useMutation({
    mutationFn: (whom: string) => handOver(shown.id, whom, note.trim() || null),
    onSuccess: (after) => onDone(after),
  });
  const send = () => {
    if (to && !sent.isPending) sent.mutate(to);
  };
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView?.({ block: "nearest" });
  }, [to]);

  const move = (event: KeyboardEvent<HTMLInputElement>) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined || offered.length === 0) return;
    event.preventDefault();
    const from = chosen ? offered.indexOf(chosen) : step > 0 ? -1 : 0;
    setAt((from + step + offered.length) % offered.length);
    if (exact) setText("");
  };

  return (
    <Frame title="Hand over" onClose={onClose}>
      <form
        className="dialogs-form"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          send();
        }}
      >
        <div>
          <label htmlFor={ids.filter}>To a person or a group</label>
          <input
            id={ids.filter}
            className="field"
            role="combobox"
            aria-expanded="true"
            aria-controls={ids.list}
            aria-autocomplete="list"
            aria-activedescendant={chosen ? `${ids.list}-${chosen.to}` : undefined}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={200}
            value={text}
            onChange={(event) => {
              setText(event.target.value);
              setAt(null);
            }}
            onKeyDown={move}
            data-first
          />
          <ul id={ids.list} ref={list} role="listbox" aria-label="People and groups" className="dialogs-people">
            {offered.map((one, index) => (
              <li
                key={one.to}
                id={`${ids.list}-${one.to}`}
                role="option"
                aria-selected={one === chosen}
                className="dialogs-person"
                onClick={() => {
                  setAt(index);
                  if (exact) setText("");
                }}
                onDoubleClick={() => !sent.isPending && sent.mutate(one.to)}
              >
                <span className="dialogs-shape" aria-hidden="true">
                  {one.here > 0 ? "●" : "○"}
                </span>
                <span>
                  {one.person ? one.name : `group:${one.name}`}{" "}
                  {one.to === asking.data?.id && <span className="muted">(you) </span>}
                  {one.to === shown.assigned_to && <span className="muted">(has it now)</span>}
                </span>{" "}
                <span className="muted small">
                  {presence(one, now)}
                  {one.person && ` · ${count(one.person.claimed + one.person.assigned, "case")}`}
                </span>
              </li>
            ))}
          </ul>
          <p className="small muted" aria-live="polite">
            {found.isPending && "Asking who is there…"}
            {unlisted &&
              `Nobody listed is called that. It goes to “${unlisted}”, exactly as it is written: an account's id, or group:NAME.`}
            {found.isSuccess && all.length === 0 && typed === "" && "Nobody is listed; type an exact id, or group:NAME."}
          </p>
        </div>
        <div>
          <label htmlFor={ids.note}>Note (optional)</label>
          <textarea
            id={ids.note}
            className="field"
            rows={2}
            maxLength={10_000}
            value={note}
            onChange={(event) => setNote(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
                event.preventDefault();
                send();
              }
            }}
          />
        </div>
        <Refusal error={sent.error ?? found.error} />
        <div className="dialogs-actions">
          <button type="submit" className="button primary" disabled={!to || sent.isPending}>
            {sent.isPending ? "Handing over…" : to ? `Hand over to ${addressee(to)}` : "Hand over"}{" "}
            <kbd aria-hidden="true">↵</kbd>
          </button>
          <button type="button" className="button plain" onClick={onClose}>
            Cancel <kbd aria-hidden="true">Esc</kbd>
          </button>
        </div>
      </form>
    </Frame>
  );
}
