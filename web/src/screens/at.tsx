import { ago, utc, when } from "../text/words";

/** A time in the reader's words; the exact one on pointing at it. */
export function At({ date, now, long = false }: { date: string; now: Date; long?: boolean }) {
  return (
    <time dateTime={date} title={utc(date)}>
      {long ? `${when(date, { now })} (${ago(date, now)})` : ago(date, now)}
    </time>
  );
}
