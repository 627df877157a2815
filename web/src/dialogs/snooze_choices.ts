/** Times to snooze until, on the reader's own clock. */

export interface SnoozeChoice {
  name: string;
  until: Date;
}

/** The five that are offered, in the order of their keys. Made by the calendar, so a day of 23 hours still ends at 9:00. */
export function snoozeChoices(now: Date): SnoozeChoice[] {
  const HOUR = 3_600_000;
  const day = (days: number, hours: number, minutes: number) =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hours, minutes);
  const toMonday = (8 - now.getDay()) % 7 || 7;
  return [
    { name: "1 hour", until: new Date(now.getTime() + HOUR) },
    { name: "3 hours", until: new Date(now.getTime() + 3 * HOUR) },
    { name: "Tomorrow morning", until: day(1, 9, 0) },
    { name: "Next Monday", until: day(toMonday, 9, 0) },
    { name: "A week", until: day(7, now.getHours(), now.getMinutes()) },
  ];
}

/** The value of a date-time field for a time. */
export function fieldValue(date: Date): string {
  const two = (number: number) => String(number).padStart(2, "0");
  const day = `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`;
}
