import "./dialogs.css";

import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef } from "react";

export interface FrameProps {
  title: string;
  /** Esc, and the button; without it the dialog stays until it is answered. */
  onClose?: () => void;
  onKeyDown?: (event: KeyboardEvent<HTMLDialogElement>) => void;
  children: ReactNode;
}

/** A native modal dialog: focus stays within, and goes back to where it was. `data-first` has it first. */
export function Frame({ title, onClose, onKeyDown, children }: FrameProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const heading = useId();

  useEffect(() => {
    const shown = dialog.current;
    if (!shown) return;
    shown.showModal();
    (shown.querySelector<HTMLElement>("[data-first]") ?? shown).focus();
    return () => shown.close();
  }, []);

  return (
    <dialog
      ref={dialog}
      className="dialogs-frame"
      aria-labelledby={heading}
      tabIndex={-1} // a click beside the controls would give the keys back to the page otherwise
      onCancel={(event) => {
        if (!onClose) event.preventDefault();
      }}
      onClose={(event) => {
        if (event.target !== dialog.current || dialog.current.open) return;
        if (onClose) onClose();
        else dialog.current.showModal(); // some browsers let a second Esc through
      }}
      onKeyDown={(event) => {
        // Until the next frame the focus is still in here, though it is closed: its keys are the page's again.
        if (!dialog.current?.open) return;
        event.stopPropagation(); // the page behind has keys of its own
        if (event.key === "Escape" && !onClose) event.preventDefault();
        onKeyDown?.(event);
      }}
    >
      <h2 id={heading} className="dialogs-title">
        {title}
      </h2>
      {children}
    </dialog>
  );
}

/** What the server, or the way to it, had against it. */
export function Refusal({ error }: { error: Error | null }) {
  return (
    <div role="alert">
      {error && <p className="problem">{error.message}</p>}
    </div>
  );
}
