/** The keyboard: turns key presses into commands, and refuses those nobody can have meant. */
import { useEffect, useLayoutEffect, useRef, useSyncExternalStore } from "react";

import { COMMANDS, type Command } from "./commands";
import { type Changes, keymap, type Keymap, named, storeChanges, storedChanges } from "./keymap";

export type Handlers = Partial<Record<Command, () => void>>;
/** What a screen does with digits, Enter and Escape, which are no commands; true if it did something. */
export type Other = (key: string, event: KeyboardEvent) => boolean;

interface Layer {
  handlers: Handlers;
  other?: Other | undefined;
  /** Whether a key may put a verdict on record now. */
  mayRule?: (() => boolean) | undefined;
}

const SECOND_KEY_MS = 1200;
/** A key that comes back sooner than any finger was held down by a machine that reports each repeat as a press. */
const REPEAT_MS = 45;

const PRESSES = new Set(["Enter", "Space"]);

class Keyboard {
  #layers: Layer[] = [];
  #changes: Changes = storedChanges();
  #map: Keymap = keymap(this.#changes);
  #first: { key: string; at: number } | null = null;
  #waits: (() => void)[] = [];
  #released = new Map<string, number>();
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly map = (): Keymap => this.#map;

  /** Take other keys; false where the browser does not keep them beyond this page. */
  change(changes: Changes): boolean {
    const kept = storeChanges(changes);
    this.#changes = changes;
    this.#map = keymap(changes);
    for (const listener of this.#listeners) listener();
    return kept;
  }

  get changes(): Changes {
    return this.#changes;
  }

  push(layer: Layer): () => void {
    this.#layers = [...this.#layers, layer];
    return () => {
      this.#layers = this.#layers.filter((each) => each !== layer);
    };
  }

  /** Do nothing by keys, but leave by Esc, until the function that is given back is called. */
  wait(leave: () => void): () => void {
    const own = () => leave();
    this.#waits = [...this.#waits, own];
    return () => {
      this.#waits = this.#waits.filter((each) => each !== own);
    };
  }

  /** Do a command as if its key had been pressed, for buttons and the palette; false if it cannot be done now. */
  run(command: Command): boolean {
    const layer = this.#layers.findLast((each) => each.handlers[command]);
    if (!layer || (COMMANDS[command].rules && layer.mayRule?.() === false)) return false;
    layer.handlers[command]?.();
    return true;
  }

  /** Whether a command can be done on this screen. */
  can(command: Command): boolean {
    return this.#layers.some((each) => each.handlers[command]);
  }

  readonly up = (event: KeyboardEvent): void => {
    this.#released.set(event.code, event.timeStamp);
  };

  readonly down = (event: KeyboardEvent): void => {
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    const stroke = named(event);
    if (stroke === null) return;
    const writing = isWriting(event.target);
    if (document.querySelector("dialog:modal")) return;
    const leave = this.#waits.at(-1);
    if (leave) {
      if (stroke === "Escape") leave();
      if (stroke !== "Tab" && stroke !== "Shift+Tab" && !writing) event.preventDefault();
      return;
    }
    const held = event.repeat || event.timeStamp - (this.#released.get(event.code) ?? -Infinity) < REPEAT_MS;

    const before = this.#first;
    this.#first = null;
    // Enter and Space belong to a button or link that has the focus, whatever else they are keys of.
    if (PRESSES.has(stroke) && event.target instanceof Element && event.target.closest("button, a, summary, [role=option]")) {
      // Held down, they would press the same button on one case after the other.
      if (held) event.preventDefault();
      return;
    }
    const second = before !== null && event.timeStamp - before.at < SECOND_KEY_MS;
    const both = second ? this.#find(`${before.key} ${stroke}`) : undefined;
    const command = both ?? this.#find(stroke);
    if (writing && !(stroke.startsWith("Ctrl+") && command && this.can(command))) return;
    if (command) {
      const { rules, repeats } = COMMANDS[command];
      const layer = this.#layers.findLast((each) => each.handlers[command]);
      if (!layer) return;
      event.preventDefault();
      if (held && !repeats) return;
      // A second key that goes with no first one was meant for something else.
      if (rules && ((second && !both) || layer.mayRule?.() === false)) return;
      layer.handlers[command]?.();
      return;
    }
    if (!held && this.#begins(stroke)) {
      this.#first = { key: stroke, at: event.timeStamp };
      return;
    }
    for (const layer of this.#layers.toReversed()) {
      if (!layer.other) continue;
      if (stroke !== "Escape" && (held || layer.mayRule?.() === false)) continue;
      if (layer.other(stroke, event)) {
        event.preventDefault();
        return;
      }
    }
  };

  #find(key: string): Command | undefined {
    return (Object.keys(this.#map) as Command[]).find((command) => this.#map[command].includes(key));
  }

  #begins(stroke: string): boolean {
    return Object.values(this.#map).some((keys) => keys.some((key) => key.startsWith(`${stroke} `)));
  }
}

export const keyboard = new Keyboard();

function isWriting(target: EventTarget | null): boolean {
  // A field of a dialog that was just closed has the focus until the next frame.
  if (!(target instanceof HTMLElement) || target.closest("dialog:not([open])")) return false;
  if (target.isContentEditable || target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement) return true;
  return target instanceof HTMLInputElement && !["button", "checkbox", "radio", "submit", "reset"].includes(target.type);
}

/** Whether a click is the second of a double one: it was not meant for what has come under the pointer since the first. */
export function isSecond(click: { detail: number }): boolean {
  return click.detail > 1;
}

/** Listen to the keyboard for as long as the caller is on screen. */
export function useKeyboard(): void {
  useLayoutEffect(() => {
    window.addEventListener("keydown", keyboard.down);
    window.addEventListener("keyup", keyboard.up);
    return () => {
      window.removeEventListener("keydown", keyboard.down);
      window.removeEventListener("keyup", keyboard.up);
    };
  }, []);
}

/** Answer commands for as long as the caller is on screen; the newest answer counts. */
export function useCommands(handlers: Handlers, { other, mayRule }: { other?: Other; mayRule?: () => boolean } = {}): void {
  const newest = useRef<Layer>({ handlers, other, mayRule });
  // Before the painting: a key pressed at what is seen must not be answered for what was there before.
  useLayoutEffect(() => {
    newest.current = { handlers, other, mayRule };
  });
  const names = Object.keys(handlers).sort().join(" ");
  // Before the painting as well: a button that can be seen has its key.
  useLayoutEffect(() => {
    const asked = names ? (names.split(" ") as Command[]) : [];
    const layer: Layer = {
      handlers: Object.fromEntries(asked.map((name) => [name, () => newest.current.handlers[name]?.()])),
      other: (key, event) => newest.current.other?.(key, event) ?? false,
      mayRule: () => newest.current.mayRule?.() ?? true,
    };
    return keyboard.push(layer);
  }, [names]);
}

/**
 * Stands where a dialog or form is being loaded.
 *
 * Who types ahead means that one; the screen behind must not take the letters for its own keys. Esc gives it up.
 */
export function OnItsWay({ onClose }: { onClose?: () => void }): null {
  const newest = useRef(onClose);
  useEffect(() => {
    newest.current = onClose;
  });
  useLayoutEffect(() => keyboard.wait(() => newest.current?.()), []);
  return null;
}

export function useKeymap(): Keymap {
  return useSyncExternalStore(keyboard.subscribe, keyboard.map);
}
