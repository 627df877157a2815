import { useEffect } from "react";

import { visible } from "../text/visible";

/** Names the tab after what is on screen. */
export function useTitle(name: string): void {
  useEffect(() => {
    document.title = `${visible(name)} · Signoff`;
  }, [name]);
}
