import { createContext, useContext } from "react";

import { Visible } from "../text/visible";
import { LongText } from "./long_text";
import type { Scalar } from "./shape";

/** Draws a string or number that stands under a path, where some of it is to be marked. */
export type Marker = (path: string, text: string) => React.ReactNode;

/** Evidence has no marks; a proposal gives its own. */
export const Marking = createContext<Marker | null>(null);

const INLINE = 400;

/** A string, number, boolean or null in plain words. */
export function Value({ value, path }: { value: Scalar; path?: string }) {
  const marker = useContext(Marking);
  if (value === null) return <span className="muted">none</span>;
  if (value === "") return <span className="muted">empty</span>;
  if (typeof value === "boolean") return value ? "yes" : "no";
  const text = String(value);
  const marked = path === undefined ? null : marker?.(path, text);
  if (marked) return marked;
  if (typeof value === "number") return text;
  return text.length > INLINE ? <LongText text={text} first={INLINE} /> : <Visible text={text} />;
}
