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

/** People who may rule, then groups; those who are here first, the least busy of them first. */
export function addressees(people: readonly Person[], except: string | null): Addressee[] {
  const may = people.filter((one) => one.roles.includes("reviewer") || one.roles.includes("lead"));
  const single = may
    .filter((one) => one.id !== except)
    .map((one) => ({ to: one.id, name: one.id, person: one, here: Number(one.here), members: 1 }))
    .sort((a, b) => b.here - a.here || load(a.person) - load(b.person) || a.to.localeCompare(b.to));
  const groups = new Map<string, Person[]>();
  for (const one of may) {
    for (const name of new Set([...one.groups, ...(one.roles.includes("lead") ? ["lead"] : [])])) {
      groups.set(name, [...(groups.get(name) ?? []), one]);
    }
  }
  const many = [...groups]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, members]) => ({
      to: `group:${name}`,
      name,
      person: null,
      here: members.filter((one) => one.here).length,
      members: members.length,
    }));
  return [...single, ...many];
}

const load = (person: Person) => person.claimed + person.assigned;

/** Those whose name or group holds the text; an exact id or group that is not on the list may be taken as it is. */
export function matching(all: readonly Addressee[], text: string): Addressee[] {
  const sought = text.trim().toLowerCase();
  return all.filter((one) => one.to.toLowerCase().includes(sought) || one.person?.groups.some((g) => g.toLowerCase().includes(sought)));
}
