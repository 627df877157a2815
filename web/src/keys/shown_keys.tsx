/** The keys of a command, as they are printed on a screen. */
import { shown } from "./keymap";

export function ShownKeys({ keys }: { keys: readonly string[] }) {
  if (!keys.length) return <span className="muted">none</span>;
  return keys.map((key, at) => (
    <span key={key}>
      {at > 0 && " or "}
      <kbd>{shown(key)}</kbd>
    </span>
  ));
}
