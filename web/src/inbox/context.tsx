/** The desk of whoever is signed in, for every component below. */
import { createContext, useContext, useSyncExternalStore } from "react";

import type { Desk, Snapshot } from "../desk/desk";

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("There is no desk here; draw this below the session.");
  return desk;
}

/** What the desk shows now; draws again at each change. */
export function useSnapshot(): Snapshot {
  const desk = useDesk();
  return useSyncExternalStore(desk.subscribe, desk.snapshot);
}

/** One thing of it; draws again only when that is another one. */
export function useShown<T>(pick: (snapshot: Snapshot) => T): T {
  const desk = useDesk();
  return useSyncExternalStore(desk.subscribe, () => pick(desk.snapshot()));
}
