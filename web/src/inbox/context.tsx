/** The desk of whoever is signed in, for every component below. */
import { createContext, useContext, useSyncExternalStore } from "react";

import type { Desk, Snapshot } from "../desk/desk";

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (!desk) throw new Error("There is no desk here; draw this below the session.");
  return desk;
}

export function useSnapshot(): Snapshot {
  const desk = useDesk();
  return useSyncExternalStore(desk.subscribe, desk.snapshot);
}
