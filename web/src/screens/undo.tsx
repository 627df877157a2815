import { useMutation, useQueryClient } from "@tanstack/react-query";

import { recall } from "../api/calls";
import type { Case } from "../api/types";
import { useNow } from "../text/now";

/** Whole seconds a held case can still be taken back. */
export function secondsLeft(shown: Pick<Case, "due_at" | "state">, now: Date): number {
  if (shown.state !== "held" || !shown.due_at) return 0;
  return Math.max(0, Math.ceil((Date.parse(shown.due_at) - now.getTime()) / 1000));
}

/** Take a held verdict back; what was loaded of the case is loaded again. */
export function useUndo() {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => recall(id),
    onSettled: () => queries.invalidateQueries({ queryKey: ["case"] }),
  });
}

/** The seconds that are left, counted. */
export function Countdown({ of }: { of: Pick<Case, "due_at" | "state"> }) {
  const now = useNow(250);
  const left = secondsLeft(of, now);
  return <>{left > 0 ? `${left} s` : "over"}</>;
}
