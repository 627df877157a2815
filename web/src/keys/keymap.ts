/** The keymap: which key means which command, with the changes this person made. */
import { keep, kept } from "../api/storage";
import { COMMANDS, type Command } from "./commands";

export type Keymap = Record<Command, readonly string[]>;
export type Changes = Partial<Record<Command, readonly string[]>>;

const STORED = "signoff.keys";

export function keymap(changes: Changes): Keymap {
  const names = Object.keys(COMMANDS) as Command[];
  return Object.fromEntries(names.map((name) => [name, changes[name] ?? COMMANDS[name].keys])) as unknown as Keymap;
}

/** Commands that share a key, or whose key begins another's two; such a key would not be certain. */
export function conflicts(keys: Keymap): { key: string; commands: Command[] }[] {
  const by = new Map<string, Set<Command>>();
  const all = Object.entries(keys) as [Command, readonly string[]][];
  for (const [command, own] of all) {
    for (const key of own) by.set(key, new Set(by.get(key)).add(command));
  }
  for (const [key, commands] of by) {
    const [first, second] = key.split(" ");
    const shorter = second === undefined ? undefined : by.get(first ?? "");
    if (shorter) for (const command of commands) shorter.add(command);
  }
  return [...by].filter(([, commands]) => commands.size > 1).map(([key, commands]) => ({ key, commands: [...commands] }));
}

const ALONE = new Set(["Shift", "Control", "Alt", "Meta", "AltGraph", "CapsLock", "Dead", "Process", "Unidentified"]);
const CODED = /^(?:Key([A-Z])|Digit([0-9]))$/;

export interface Pressed {
  key: string;
  code: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
}

/** Name a key press as `COMMANDS` does; null for what means nothing here. */
export function named(event: Pressed): string | null {
  if (ALONE.has(event.key) || event.altKey) return null;
  let key = event.key === " " ? "Space" : event.key; // a blank parts two steps
  // On other scripts' layouts the letter's place on the keyboard counts.
  if (key.length === 1 && key.charCodeAt(0) > 126) {
    const place = CODED.exec(event.code);
    key = place?.[1] ?? place?.[2] ?? key;
  }
  const letter = key.length === 1 && key.toLowerCase() !== key.toUpperCase();
  if (letter) key = event.shiftKey ? key.toUpperCase() : key.toLowerCase();
  const shift = event.shiftKey && (letter || key.length > 1) ? "Shift+" : "";
  const ctrl = event.ctrlKey || event.metaKey ? "Ctrl+" : "";
  return `${ctrl}${shift}${key}`;
}

const SHOWN: Record<string, string> = {
  ArrowDown: "↓",
  ArrowUp: "↑",
  ArrowLeft: "←",
  ArrowRight: "→",
  Enter: "↵",
  Escape: "Esc",
};

/** A key as it is printed on a screen. */
export function shown(key: string): string {
  return key
    .split(" ")
    .map((stroke) => {
      const parts = stroke.split("+");
      const last = parts.pop() ?? "";
      const bare = last.length === 1 && /[A-Z]/.test(last) && !parts.includes("Shift") ? last.toLowerCase() : last;
      return [...parts, SHOWN[bare] ?? bare].join("+");
    })
    .join(" then ");
}

export function storedChanges(): Changes {
  try {
    const found: unknown = JSON.parse(kept(STORED) ?? "{}");
    if (typeof found !== "object" || found === null) return {};
    const sound = Object.entries(found).filter(
      ([name, keys]) => Object.hasOwn(COMMANDS, name) && Array.isArray(keys) && keys.every((key) => typeof key === "string" && key !== ""),
    );
    const changes = Object.fromEntries(sound) as Changes;
    // Two commands on one key would leave it to chance which acts.
    return conflicts(keymap(changes)).length ? {} : changes;
  } catch {
    return {};
  }
}

/** Keep the changes; where the browser keeps nothing they last as long as the page. */
/** Keep the changes; false if this browser keeps nothing. */
export function storeChanges(changes: Changes): boolean {
  return keep(STORED, Object.keys(changes).length ? JSON.stringify(changes) : null);
}
