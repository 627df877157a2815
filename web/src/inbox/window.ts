/** The window: which of many rows of one height are near enough to be drawn. */
import { type RefObject, useEffect, useState } from "react";

const SPARE = 6;

/** Half-open: `first` is drawn, `last` is not. */
export interface Window {
  first: number;
  last: number;
}

export function windowOf(top: number, height: number, row_px: number, count: number): Window {
  const first = Math.max(0, Math.floor(top / row_px) - SPARE);
  const last = Math.min(count, Math.ceil((top + height) / row_px) + SPARE);
  return { first: Math.min(first, Math.max(0, count - 1)), last };
}

/** Where to scroll so that a row is seen whole; null if it is. */
export function scrollTo(at: number, top: number, height: number, row_px: number): number | null {
  const from = at * row_px;
  if (from < top) return from;
  return from + row_px > top + height ? from + row_px - height : null;
}

/** Follow the scrolling of a list, and keep one row of it in sight. */
export function useWindow(scroller: RefObject<HTMLElement | null>, count: number, row_px: number, at: number): Window {
  const [seen, setSeen] = useState({ top: 0, height: 900 });
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const look = () => {
      const { scrollTop: top, clientHeight: height } = element;
      setSeen((before) => (before.top === top && before.height === height ? before : { top, height }));
    };
    const observer = new ResizeObserver(look);
    observer.observe(element);
    element.addEventListener("scroll", look, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener("scroll", look);
    };
  }, [scroller]);
  useEffect(() => {
    const element = scroller.current;
    const to = element && at >= 0 ? scrollTo(at, element.scrollTop, element.clientHeight, row_px) : null;
    if (to !== null) element?.scrollTo({ top: to });
  }, [scroller, at, row_px]);
  return windowOf(seen.top, seen.height, row_px, count);
}
