/** JSON as it was typed but cannot be read yet. It is no part of a draft, and must not be lost with the form. */
import type { CaseView } from "../api/types";
import { type Path, pathKey } from "./validator";

export interface Typed {
  path: Path;
  text: string;
  problem: string;
}

export interface Kept {
  /** Whether the person chose to edit all of it as JSON. */
  asJson: boolean;
  texts: Map<string, Typed>;
}

/** How many cases are remembered; the longest untouched is forgotten first. */
const MOST = 50;
const kept = new Map<string, Kept>();

/** What was left unfinished at this revision of a case. */
export function unfinished(view: CaseView): Kept {
  const key = `${view.case.id}/${view.content.revision}`;
  const found = kept.get(key) ?? { asJson: false, texts: new Map<string, Typed>() };
  kept.delete(key);
  kept.set(key, found);
  for (const oldest of kept.keys()) {
    if (kept.size <= MOST) break;
    kept.delete(oldest);
  }
  return found;
}

/** Remember how a case is edited. */
export function choose(found: Kept, asJson: boolean): void {
  found.asJson = asJson;
}

export function keep(texts: Map<string, Typed>, path: Path, typed: Omit<Typed, "path"> | null): void {
  if (typed) texts.set(pathKey(path), { ...typed, path });
  else texts.delete(pathKey(path));
}
