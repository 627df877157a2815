/** Lists worked by keyboard: the row that has the focus is the one a command means. */
import { type RefObject, useCallback } from "react";

import { type Handlers, useCommands } from "../keys/keyboard";

const all = (list: HTMLElement) => [...list.querySelectorAll<HTMLElement>("[data-row]")];

const withFocus = (list: HTMLElement | null) => list?.querySelector<HTMLElement>("[data-row]:focus") ?? null;

/** The `data-row` of the row that has the focus; undefined if none has. */
export function rowWithFocus(list: HTMLElement | null): string | undefined {
  return withFocus(list)?.dataset.row;
}

/** Move between rows by the keys for next and previous, and do more on the row that has the focus. */
export function useRows(
  list: RefObject<HTMLElement | null>,
  acts: Partial<Record<Exclude<keyof Handlers, "next" | "previous">, (row: string) => void>>,
): void {
  const move = useCallback(
    (step: 1 | -1) => {
      if (!list.current) return;
      const rows = all(list.current);
      const focused = withFocus(list.current);
      const at = focused ? rows.indexOf(focused) : -1;
      const to = at < 0 ? rows[step > 0 ? 0 : rows.length - 1] : rows[at + step];
      to?.focus();
      to?.scrollIntoView?.({ block: "nearest" });
    },
    [list],
  );
  const handlers: Handlers = { next: () => move(1), previous: () => move(-1) };
  for (const [command, act] of Object.entries(acts) as [keyof Handlers, (row: string) => void][]) {
    handlers[command] = () => {
      const row = rowWithFocus(list.current);
      if (row !== undefined) act(row);
    };
  }
  useCommands(handlers);
}
