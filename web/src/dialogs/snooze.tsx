import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useRef, useState } from "react";

import { snoozeUntil } from "../api/calls";
import { serverNow } from "../api/clock";
import type { Case, CaseView } from "../api/types";
import { when, zoneName } from "../text/words";
import { Frame, Refusal } from "./frame";
import { fieldValue, snoozeChoices } from "./snooze_choices";

export interface DialogProps {
  caseView: CaseView;
  onDone(after: Case): void;
  onClose(): void;
}

/** Offer the case to nobody for a while. */
export function Snooze({ caseView, onDone, onClose }: DialogProps) {
  const [opened] = useState(() => new Date(serverNow()));
  const choices = snoozeChoices(opened);
  const field = useRef<HTMLInputElement>(null);
  const fieldId = useId();
  const [chosen, setChosen] = useState("");
  const sent = useMutation({
    mutationFn: (until: Date) => snoozeUntil(caseView.case.id, until),
    onSuccess: (after) => onDone(after),
  });
  const send = (until: Date) => {
    if (!sent.isPending) sent.mutate(until);
  };
  const own = new Date(chosen);
  const fits = chosen !== "" && !Number.isNaN(own.getTime());
  const past = fits && own <= opened;
  const deadline = caseView.case.deadline_at ? new Date(caseView.case.deadline_at) : null;

  return (
    <Frame
      title="Snooze until…"
      onClose={onClose}
      onKeyDown={(event) => {
        if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || event.target === field.current) return;
        const choice = choices[Number(event.key) - 1];
        if (choice) send(choice.until);
        else if (event.key === "6") {
          event.preventDefault();
          field.current?.focus();
        }
      }}
    >
      <p className="muted small">
        Nobody is offered it before, and your claim is given back. Times are those of {zoneName()}.
        {deadline && ` It expires ${when(deadline, { now: opened })} if nobody rules on it.`}
      </p>
      <ol className="dialogs-choices">
        {choices.map((choice, index) => (
          <li key={choice.name}>
            <button
              type="button"
              className="dialogs-choice"
              disabled={sent.isPending}
              onClick={() => send(choice.until)}
              {...(index === 0 && { "data-first": true })}
            >
              <kbd aria-hidden="true">{index + 1}</kbd>
              <span>{choice.name}</span>{" "}
              <span className="muted">{when(choice.until, { now: opened })}</span>
            </button>
          </li>
        ))}
      </ol>
      <form
        className="dialogs-form"
        noValidate
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          if (fits && !past) send(own);
        }}
      >
        <div>
          <label htmlFor={fieldId}>
            <kbd aria-hidden="true">6</kbd> Another time
          </label>
          <div className="dialogs-password">
            <input
              id={fieldId}
              ref={field}
              className="field"
              type="datetime-local"
              min={fieldValue(opened)}
              value={chosen}
              onChange={(event) => setChosen(event.target.value)}
            />
            <button type="submit" className="button" disabled={!fits || past || sent.isPending}>
              Snooze
            </button>
          </div>
          <p className="small muted" aria-live="polite">
            {past ? "That time is over; choose a later one." : fits ? `Until ${when(own, { now: opened })}.` : " "}
          </p>
        </div>
      </form>
      <Refusal error={sent.error} />
      <div className="dialogs-actions">
        <button type="button" className="button plain" onClick={onClose}>
          Cancel <kbd aria-hidden="true">Esc</kbd>
        </button>
      </div>
    </Frame>
  );
}
