import { useState } from "react";

import { GrowingText } from "./growing_text";
import { placed, type Read, readJson } from "./strict_json";

interface Props {
  id: string;
  value: unknown;
  /** A text from before that could not be read; shown instead of the value. */
  unfinished?: string | undefined;
  /** Told of each text that is a value. */
  onValue(value: unknown): void;
  /** Told of each text that is none, with why; and of null as soon as it is one again. */
  onUnfinished(typed: { text: string; problem: string } | null): void;
  /** Why a value that is JSON is still not taken, or null. */
  accepts?(value: unknown): string | null;
  /** Ids of what else describes it. */
  describedBy?: string | undefined;
  invalid?: boolean | undefined;
  label?: string | undefined;
}

/** JSON as text, read as strictly as the server reads it. Tab leaves it as it leaves any field. */
export function JsonEditor({ id, value, unfinished, onValue, onUnfinished, accepts, describedBy, invalid, label }: Props) {
  const [text, setText] = useState(() => unfinished ?? JSON.stringify(value, null, 2) ?? "");
  const [problem, setProblem] = useState(() =>
    unfinished === undefined ? null : problemOf(readJson(unfinished), accepts),
  );

  const change = (now: string) => {
    setText(now);
    const read = readJson(now);
    const told = problemOf(read, accepts);
    setProblem(told);
    onUnfinished(told === null ? null : { text: now, problem: told });
    if (read.ok && told === null) onValue(read.value);
  };

  const errorId = `${id}:json`;
  const described = [describedBy, problem ? errorId : ""].filter(Boolean).join(" ");
  return (
    <div className="edit-json">
      <GrowingText
        id={id}
        className="field edit-long edit-mono"
        value={text}
        onChange={(event) => change(event.target.value)}
        spellCheck={false}
        autoCapitalize="off"
        autoCorrect="off"
        dir="ltr"
        aria-label={label}
        aria-invalid={problem !== null || invalid ? true : undefined}
        aria-describedby={described || undefined}
      />
      {problem && (
        <p id={errorId} className="edit-error">
          {problem}
        </p>
      )}
    </div>
  );
}

function problemOf(read: Read, accepts?: (value: unknown) => string | null): string | null {
  return read.ok ? (accepts?.(read.value) ?? null) : placed(read.told);
}
