/** Tells when something has been on screen for a while, so that opening it counts as having had it before one's eyes. */
import { type RefObject, useEffect } from "react";

/** Fine, because of an element many windows high a small part fills the window. */
const STEPS = Array.from({ length: 201 }, (_, step) => step / 200);

/** Call `seen` once the element filled half the window, or was half in it, for so long without a break. */
export function useOnScreen(element: RefObject<HTMLElement | null>, for_ms: number, seen: () => void): void {
  useEffect(() => {
    const watched = element.current;
    if (!watched) return;
    let there = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const check = () => {
      clearTimeout(timer);
      if (there && document.visibilityState === "visible") timer = setTimeout(seen, for_ms);
    };
    const observer = new IntersectionObserver(
      (entries) => {
        const newest = entries.at(-1);
        const half = newest && (newest.intersectionRatio >= 0.5 || newest.intersectionRect.height >= window.innerHeight / 2);
        if (there === Boolean(newest?.isIntersecting && half)) return;
        there = !there;
        check();
      },
      { threshold: STEPS },
    );
    observer.observe(watched);
    document.addEventListener("visibilitychange", check);
    return () => {
      clearTimeout(timer);
      observer.disconnect();
      document.removeEventListener("visibilitychange", check);
    };
  }, [element, for_ms, seen]);
}
