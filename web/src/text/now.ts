/** The server's time, for screens that tell how long ago something was. */
import { useEffect, useState } from "react";

import { serverNow } from "../api/clock";

/** Give the time, anew every so many milliseconds. */
export function useNow(every_ms: number): Date {
  const [now, setNow] = useState(() => new Date(serverNow()));
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date(serverNow())), every_ms);
    return () => clearInterval(timer);
  }, [every_ms]);
  return now;
}
