/** Parts of the page that are loaded when they are first needed, from a server that may not answer just then. */
import { type ComponentType, lazy, type LazyExoticComponent } from "react";

const AGAIN_MS = 1_000;
/** So many failures while the server answers mean that it no longer has the part: another build is served by now. */
const MOST = 3;

async function answers(): Promise<boolean> {
  try {
    return (await fetch("/api/v1/health", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/** Load a part; while the server does not answer, wait for it. */
export async function persistently<Part>(load: () => Promise<Part>): Promise<Part> {
  for (let failed = 0; ; ) {
    try {
      return await load();
    } catch (error) {
      if (await answers()) failed += 1;
      if (failed >= MOST) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** `React.lazy` for parts that are worth waiting for. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- as React.lazy itself has it: components of any props
export function later<Part extends ComponentType<any>>(load: () => Promise<{ default: Part }>): LazyExoticComponent<Part> {
  return lazy(() => persistently(load));
}
