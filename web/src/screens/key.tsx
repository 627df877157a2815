import type { Command } from "../keys/commands";
import { useKeymap } from "../keys/keyboard";
import { shown } from "../keys/keymap";

/** The key a command has for this person; nothing where they took it away. */
export function Key({ of }: { of: Command }) {
  const key = useKeymap()[of][0];
  return key ? <kbd aria-hidden="true">{shown(key)}</kbd> : null;
}
