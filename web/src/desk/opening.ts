/** The desk on its first screen, opened before anything is drawn: one picture of it all is sooner there than three. */
import { speakFor } from "../api/request";
import { Desk } from "./desk";
import { askAhead, takeMe } from "./first_page";
import type { Filter } from "./sitting";

/** So long, at most, nothing is drawn while the first case is on its way. */
const TOGETHER_MS = 250;

/** Open a queue, on one case if that is asked for; null when it is not known in time who is here. */
export async function openAhead(filter: Filter, case_id: string | null): Promise<Desk | null> {
  const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), TOGETHER_MS));
  const me = await Promise.race([askAhead(filter, case_id).catch(() => null), late]);
  if (me === null) return null;
  void takeMe();
  speakFor(me.id);
  const desk = new Desk(me);
  await Promise.race([desk.open(filter, case_id, true), late]);
  return desk;
}
