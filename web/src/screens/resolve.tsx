import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";

import { resolve } from "../api/calls";
import type { Case, History } from "../api/types";
import { Refusal } from "../dialogs/frame";
import { Visible } from "../text/visible";
import { At } from "./at";
import { Copy } from "./copy";
import { attemptWords } from "./time_line";
import { Receipt } from "./time_line_list";

type Way = "confirm_done" | "send_again" | "confirm_failed";

const WAYS: { move: Way; name: string; means: string; asked: string }[] = [
  {
    move: "confirm_done",
    name: "It happened",
    means: "The case becomes done, and nothing is sent. Choose it if the receiver shows the effect.",
    asked: "The case becomes done. Nothing is sent any more; it can be undone only where there is a reversal.",
  },
  {
    move: "send_again",
    name: "It did not happen; send it again",
    means: "It is sent once more, under a new idempotency key. If the first one did arrive after all, it happens twice.",
    asked: "It is sent again now, under a new key. The receiver cannot tell it from a second order.",
  },
  {
    move: "confirm_failed",
    name: "It did not happen, and shall not",
    means: "The case becomes failed, for good, and nothing is sent. Whoever proposed it may propose it anew.",
    asked: "The case becomes failed. That is final, and nothing is sent.",
  },
];

/** For an effect nobody can be sure of: what is known, the three ways out, and a second step before any. */
export function Resolve({ history, may, now, onDone }: { history: History; may: boolean | null; now: Date; onDone(after: Case): void }) {
  const { attempts, case: shown } = history;
  const [move, setMove] = useState<Way | null>(null);
  const [note, setNote] = useState("");
  const [asked, setAsked] = useState(false);
  const confirm = useRef<HTMLButtonElement>(null);
  const ids = { heading: useId(), group: useId(), note: useId() };
  const sent = useMutation({
    mutationFn: (way: Way) => resolve(shown.id, way, note.trim() || null),
    onSuccess: (after) => onDone(after),
  });
  useEffect(() => {
    if (asked) confirm.current?.focus();
  }, [asked]);
  const last = attempts.at(-1);
  const key = last?.key ?? `${shown.id}.${shown.generation}`;
  const way = WAYS.find((one) => one.move === move);

  return (
    <section className="screens-resolve" aria-labelledby={ids.heading}>
      <h2 id={ids.heading}>Nobody can say whether this happened</h2>
      <p>Look it up with the receiver, by the key below, before you say what became of it.</p>
      <dl className="screens-facts">
        <div>
          <dt>Idempotency key</dt>
          <dd>
          <code>{key}</code> <Copy text={key} what="the idempotency key">Copy</Copy>
          </dd>
        </div>
      </dl>
      <ol className="screens-attempts">
        {attempts.map((attempt) => (
          <li key={attempt.attempt}>
            <p>
              Attempt {attempt.attempt}, <At date={attempt.started_at} now={now} long />: {attemptWords(attempt)}.
              {attempt.key !== key && (
                <span className="muted">
                  {" "}
                  Its key was <code>{attempt.key}</code>.
                </span>
              )}
            </p>
            {attempt.problem && (
              <blockquote className="screens-said">
                <span className="muted small">Problem:</span> <Visible text={attempt.problem} />
              </blockquote>
            )}
            {attempt.receipt ? (
              <Receipt value={attempt.receipt.value ?? attempt.receipt} />
            ) : (
              <p className="small muted">The receiver's answer is not known.</p>
            )}
          </li>
        ))}
      </ol>
      {may === false && <p className="notice">A lead or an admin says what became of it.</p>}
      {may && (
        <form
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            if (move) setAsked(true);
          }}
        >
          <fieldset className="screens-ways" disabled={asked}>
            <legend>What became of it?</legend>
            {WAYS.map((one) => (
              <label key={one.move} className="screens-way">
                <input
                  type="radio"
                  name={ids.group}
                  value={one.move}
                  checked={move === one.move}
                  onChange={() => setMove(one.move)}
                />
                <span>
                  <b>{one.name}</b>
                  <span className="small muted">{one.means}</span>
                </span>
              </label>
            ))}
            <label htmlFor={ids.note}>How you know (optional)</label>
            <textarea
              id={ids.note}
              className="field"
              rows={2}
              maxLength={10_000}
              value={note}
              onChange={(event) => setNote(event.target.value)}
            />
          </fieldset>
          <Refusal error={sent.error} />
          {asked && way ? (
            <div className="notice screens-second">
              <p>
                <b>{way.name}.</b> {way.asked}
              </p>
              <div className="dialogs-actions">
                <button
                  ref={confirm}
                  type="button"
                  className="button primary"
                  disabled={sent.isPending}
                  onClick={() => sent.mutate(way.move)}
                >
                  {sent.isPending ? "Recording…" : "Yes, record that"}
                </button>
                <button type="button" className="button" disabled={sent.isPending} onClick={() => setAsked(false)}>
                  Back
                </button>
              </div>
            </div>
          ) : (
            <button type="submit" className="button" disabled={!move}>
              Continue…
            </button>
          )}
        </form>
      )}
    </section>
  );
}
