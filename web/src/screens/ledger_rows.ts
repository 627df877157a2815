/** What the ledger's table shows, and what came since: two lists, so that nothing moves until somebody says so. */
import type { Event } from "../api/types";

/** As many rows as are kept, of each. */
export const MOST = 500;

export interface Rows {
  /** Newest first. */
  shown: readonly Event[];
  /** Newest first; not shown yet. */
  collected: readonly Event[];
  /** How many came since, those that are no longer kept too. */
  arrived: number;
  alive: boolean;
}

export const NO_ROWS: Rows = { shown: [], collected: [], arrived: 0, alive: false };

export type Happened =
  | { kind: "events"; events: readonly Event[]; still: boolean }
  | { kind: "alive"; alive: boolean }
  | { kind: "show" };

/** Give the rows after something happened. */
export function rowsAfter(rows: Rows, happened: Happened): Rows {
  switch (happened.kind) {
    case "alive":
      return { ...rows, alive: happened.alive };
    case "show":
      return { ...rows, shown: newest([...rows.collected, ...rows.shown]), collected: [], arrived: 0 };
    case "events": {
      const last = rows.collected[0]?.seq ?? rows.shown[0]?.seq ?? -1;
      const fresh = happened.events.filter((event) => event.seq > last).toReversed();
      if (fresh.length === 0) return rows;
      if (happened.still || rows.arrived > 0) {
        return { ...rows, collected: newest([...fresh, ...rows.collected]), arrived: rows.arrived + fresh.length };
      }
      return { ...rows, shown: newest([...fresh, ...rows.shown]) };
    }
  }
}

const newest = (events: Event[]) => events.slice(0, MOST);
