/** To whom a case can be handed over. */
import type { Person } from "../api/types";

export interface Addressee {
  /** As the server takes it: a person's id, or `group:NAME`. */
  to: string;
  name: string;
  person: Person | null;
  /** The members of a group that are here, and how many there are. */
  here: number;
  members: number;
}

/**
 * People who may rule, and their groups, the likeliest first: who is here, least busy first; groups of which somebody is
 * here; who was not seen; who is marked away; and last whoever asks and whoever has it.
 */
export function addressees(people: readonly Person[], { asking, holder }: { asking: string | null; holder: string | null }): Addressee[] {
  const may = people.filter((one) => one.roles.includes("reviewer") || one.roles.includes("lead"));
  const groups = new Map<string, Person[]>();
  for (const one of may) {
    for (const name of new Set([...one.groups, ...(one.roles.includes("lead") ? ["lead"] : [])])) {
      groups.set(name, [...(groups.get(name) ?? []), one]);
    }
  }
  const all: Addressee[] = [
    ...may.map((one) => ({ to: one.id, name: one.id, person: one, here: Number(one.here), members: 1 })),
    ...[...groups].map(([name, members]) => ({
      to: `group:${name}`,
      name,
      person: null,
      here: members.filter((one) => one.here).length,
      members: members.length,
    })),
  ];
  const rank = (one: Addressee): number => {
    if (one.to === asking || one.to === holder) return 5;
    if (one.person?.away_since) return 4;
    return (one.here > 0 ? 0 : 2) + (one.person ? 0 : 1);
  };
  return all.sort((a, b) => rank(a) - rank(b) || load(a) - load(b) || a.to.localeCompare(b.to));
}

const load = ({ person }: Addressee) => (person ? person.claimed + person.assigned : 0);

/**
 * Those whose name holds the text, then those of whose groups one does.
 *
 * An exact id or group that is not on the list may be taken as it is.
 */
export function matching(all: readonly Addressee[], text: string): Addressee[] {
  const sought = text.trim().toLowerCase();
  const own = (one: Addressee) => one.to.toLowerCase().includes(sought);
  const others = all.filter((one) => !own(one) && one.person?.groups.some((group) => group.toLowerCase().includes(sought)));
  return [...all.filter(own), ...others];
}
