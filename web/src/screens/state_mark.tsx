import type { State } from "../api/types";
import { stateWords } from "../text/words";

/** A state as a shape and a word. */
export function StateMark({ state }: { state: State }) {
  const { shape, tone, word } = stateWords(state);
  return (
    <span className={`screens-state ${tone}`}>
      <span className="screens-shape" aria-hidden="true">
        {shape}
      </span>{" "}
      {word}
    </span>
  );
}
