import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";

import { redraft } from "../api/calls";
import { Frame, Refusal } from "./frame";
import type { DialogProps } from "./snooze";

/** Ask for another draft, saying what should be different. */
export function Redraft({ caseView, onDone, onClose }: DialogProps) {
  const field = useId();
  const hint = useId();
  const [note, setNote] = useState("");
  const sent = useMutation({ mutationFn: () => redraft(caseView.case.id, note.trim()), onSuccess: (after) => onDone(after) });
  const ready = note.trim() !== "" && !sent.isPending;
  const send = () => {
    if (ready) sent.mutate();
  };
  return (
    <Frame
      title="Ask for another draft"
      onClose={onClose}
      onKeyDown={(event) => {
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.repeat) {
          event.preventDefault();
          send();
        }
      }}
    >
      <form
        className="dialogs-form"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          send();
        }}
      >
        <div>
          <label htmlFor={field}>What should be different</label>
          <textarea
            id={field}
            className="field"
            rows={4}
            maxLength={10_000}
            required
            aria-describedby={hint}
            value={note}
            onChange={(event) => setNote(event.target.value)}
            data-first
          />
          <p id={hint} className="small muted">
            Nothing is approved by this, and nothing runs. What was approved before is void, and the case waits again as a new
            revision.
          </p>
        </div>
        <Refusal error={sent.error} />
        <div className="dialogs-actions">
          <button type="submit" className="button primary" disabled={!ready}>
            {sent.isPending ? "Sending…" : "Ask for another draft"} <kbd aria-hidden="true">Ctrl+↵</kbd>
          </button>
          <button type="button" className="button plain" onClick={onClose}>
            Cancel <kbd aria-hidden="true">Esc</kbd>
          </button>
        </div>
      </form>
    </Frame>
  );
}
