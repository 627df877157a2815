/** The action bar: the three verdicts, what was just done, and the way back. It covers nothing. */
import type { MouseEvent } from "react";

import type { CaseView } from "../api/types";
import type { Confirming } from "../desk/desk";
import { lastRuled } from "../desk/sitting";
import type { Command } from "../keys/commands";
import { shown } from "../keys/keymap";
import { isSecond, keyboard, useKeymap } from "../keys/keyboard";
import { hasSuggestion } from "../label/label_choice";
import { useNow } from "../text/now";
import { Visible } from "../text/visible";
import { useDesk, useSnapshot } from "./context";

function Key({ of }: { of: Command }) {
  const keys = useKeymap();
  const first = keys[of][0];
  return first ? <kbd>{shown(first)}</kbd> : null;
}

export function ActionBar({ view, ready, editing }: { view: CaseView | null; ready: boolean; editing: boolean }) {
  const desk = useDesk();
  const { sitting, notice, confirming, waiting, reachable } = useSnapshot();
  const now = useNow(1000).getTime();
  const undoable = lastRuled(sitting, now) !== null;
  const open = sitting.rows.filter((row) => ["open", "changed", "refused"].includes(row.standing.kind)).length;
  const more = sitting.after !== null;
  const verdict = (command: Command) => (click: MouseEvent) => {
    if (!isSecond(click)) keyboard.run(command);
  };

  return (
    <div className="inbox-bar">
      <div className="inbox-bar-said">
        <span role="status" aria-live="polite" className={notice?.tone}>
          {notice && <Visible text={notice.text} />}
        </span>
        {notice?.rejected && <Reasons />}
      </div>
      {confirming && view ? (
        <Confirm confirming={confirming} view={view} />
      ) : editing ? null : (
        <div className="inbox-bar-verdicts" role="group" aria-label="Verdict">
          <button type="button" className="button primary" disabled={!ready || (view !== null && !hasSuggestion(view))} onClick={verdict("approve")}>
            Approve <Key of="approve" />
          </button>
          <button type="button" className="button" disabled={!ready} onClick={verdict("edit")}>
            Edit <Key of="edit" />
          </button>
          <button type="button" className="button" disabled={!ready} onClick={verdict("reject")}>
            Reject <Key of="reject" />
          </button>
        </div>
      )}
      <div className="inbox-bar-end">
        {undoable && (
          <button type="button" className="button plain" onClick={() => void desk.undo()}>
            Undo <Key of="undo" />
          </button>
        )}
        <span className="muted small inbox-bar-count">
          {waiting > 0 && !reachable ? `${waiting} to send · ` : ""}
          {sitting.ruled} done · {open}
          {more ? "+" : ""} to go
        </span>
      </div>
    </div>
  );
}

function Confirm({ confirming, view }: { confirming: Confirming; view: CaseView }) {
  const desk = useDesk();
  const description = view.checkpoint.description.split("\n")[0]?.trim() || view.checkpoint.name.replaceAll("_", " ");
  const effect = confirming.kind === "rejected" ? "Reject for good: this runs never." : `${description.replace(/\.$/, "")}: runs at once.`;
  return (
    <div className="inbox-confirm" role="alertdialog" aria-label="Confirm" aria-describedby="inbox-confirm-text">
      <span id="inbox-confirm-text">
        <span aria-hidden="true">▲ </span>
        <strong>{effect}</strong> It cannot be taken back.
      </span>
      <span className="inbox-confirm-keys">
        <button type="button" className="button primary" onClick={(click) => !isSecond(click) && desk.confirm()}>
          {confirming.kind === "rejected" ? "Reject" : "Approve"} <kbd>↵</kbd>
        </button>
        <button type="button" className="button" onClick={() => desk.unconfirm()}>
          Back <kbd>Esc</kbd>
        </button>
      </span>
    </div>
  );
}

/** Why it was rejected: one key, or none. */
function Reasons() {
  const desk = useDesk();
  const { sitting, notice } = useSnapshot();
  const rejected = notice?.rejected;
  const view = rejected && sitting.views[rejected.case_id];
  if (!rejected || !view) return null;
  const shift = sitting.current !== null && sitting.views[sitting.current]?.checkpoint.label ? "⇧" : "";
  return (
    <div className="inbox-reasons" role="group" aria-label="Why was it rejected? Optional">
      {view.checkpoint.reasons.map((reason, at) => (
        <button key={reason} type="button" className="button small" onClick={() => void desk.giveReason(rejected, reason)}>
          <kbd>
            {shift}
            {at + 1}
          </kbd>{" "}
          {reason}
        </button>
      ))}
    </div>
  );
}
