import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useId, useState } from "react";

import { reverse } from "../api/calls";
import type { Case } from "../api/types";
import { Frame, Refusal } from "../dialogs/frame";

/** Order the effect that undoes a done one, saying why. */
export function Reverse({ shown, by, onDone, onClose }: { shown: Case; by: string; onDone(after: Case): void; onClose(): void }) {
  const field = useId();
  const [reason, setReason] = useState("");
  const sent = useMutation({ mutationFn: () => reverse(shown.id, reason.trim()), onSuccess: (after) => onDone(after) });
  const ready = reason.trim() !== "" && !sent.isPending;
  return (
    <Frame title="Reverse what was done" onClose={onClose}>
      <form
        className="dialogs-form"
        onSubmit={(event: FormEvent) => {
          event.preventDefault();
          if (ready) sent.mutate();
        }}
      >
        <p>
          This runs <b>{by}</b>, a case of its own, on your word. When it is done, this case is reversed; both stay on record.
        </p>
        <div>
          <label htmlFor={field}>Why</label>
          <textarea
            id={field}
            className="field"
            rows={3}
            maxLength={10_000}
            required
            value={reason}
            onChange={(event) => setReason(event.target.value)}
            data-first
          />
        </div>
        <Refusal error={sent.error} />
        <div className="dialogs-actions">
          <button type="submit" className="button primary" disabled={!ready}>
            {sent.isPending ? "Ordering…" : "Reverse it"}
          </button>
          <button type="button" className="button plain" onClick={onClose}>
            Cancel <kbd aria-hidden="true">Esc</kbd>
          </button>
        </div>
      </form>
    </Frame>
  );
}
