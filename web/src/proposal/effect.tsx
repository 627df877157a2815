import type { Checkpoint } from "../api/types";
import { nameInWords } from "../text/name";
import { Visible } from "../text/visible";

type Criterion = Checkpoint["criteria"][number];

/** Each with a shape of its own: they are told apart without colour. */
const WEIGHTS: Record<Criterion, readonly [string, string]> = {
  irreversible: ["Cannot be undone once it ran", "M8 1.5 15 14H1Z"],
  affects_rights: ["Affects a person’s rights", "M8 1 15 8 8 15 1 8Z"],
  regulated: ["Regulated by law", "M2 2h12v12H2Z"],
  legal_liability: ["May make us liable", "M5 1h6l4 4v6l-4 4H5l-4-4V5Z"],
};
const AT_ONCE = "M9.5 0.5 3 9h4l-1 6.5L13 7H8.5Z";

function Weight({ shape, text }: { shape: string; text: string }) {
  return (
    <li>
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={shape} />
      </svg>
      {text}
    </li>
  );
}

/** What happens if this is approved, and what makes a mistake weigh more. */
export function Effect({ checkpoint }: { checkpoint: Checkpoint }) {
  const { criteria, description, name, reverses, undo_s } = checkpoint;
  return (
    <div className="proposal-effect">
      <p>
        <Visible text={description.trim() || nameInWords(name)} />
      </p>
      <ul>
        {reverses ? <li className="plain">Undoes what {nameInWords(reverses).toLowerCase()} did</li> : null}
        {criteria.map((each) => (
          <Weight key={each} shape={WEIGHTS[each][1]} text={WEIGHTS[each][0]} />
        ))}
        {undo_s === 0 ? (
          <Weight shape={AT_ONCE} text="Sends at once: no undo" />
        ) : (
          <li className="plain">You can undo it for {seconds(undo_s)}</li>
        )}
      </ul>
    </div>
  );
}

function seconds(long: number): string {
  if (long < 120) return `${Number(long.toFixed(1))} s`;
  return long < 7200 ? `${Math.round(long / 60)} min` : `${Math.round(long / 3600)} h`;
}
