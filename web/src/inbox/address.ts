/** The address of the inbox: what is shown is in it, so a link shows the same. */
import type { Assigned } from "../api/types";
import type { Filter } from "../desk/sitting";

export interface Place {
  filter: Filter;
  case_id: string | null;
  editing: boolean;
}

const ASSIGNED: readonly string[] = ["me", "group", "anyone"];

export function place(search: string): Place {
  const params = new URLSearchParams(search);
  const assigned = params.get("assigned");
  return {
    filter: {
      checkpoint: params.get("checkpoint") || null,
      assigned: assigned !== null && ASSIGNED.includes(assigned) ? (assigned as Assigned) : null,
      text: params.get("text")?.slice(0, 200) || null,
    },
    case_id: params.get("case") || null,
    editing: params.get("edit") === "1",
  };
}

export function addressOf({ filter, case_id, editing }: Place): string {
  const params = new URLSearchParams();
  if (filter.checkpoint) params.set("checkpoint", filter.checkpoint);
  if (filter.assigned) params.set("assigned", filter.assigned);
  if (filter.text) params.set("text", filter.text);
  if (case_id) params.set("case", case_id);
  if (editing) params.set("edit", "1");
  const text = params.toString();
  return text ? `/?${text}` : "/";
}

export function sameFilter(a: Filter, b: Filter): boolean {
  return a.checkpoint === b.checkpoint && a.assigned === b.assigned && a.text === b.text;
}
