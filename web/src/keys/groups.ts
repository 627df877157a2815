/** The commands by group, in the order in which they are shown everywhere. */
import { type CommandFacts, COMMANDS, type Command } from "./commands";

type Group = CommandFacts["group"];

export const GROUPS = (Object.keys(COMMANDS) as Command[]).reduce((groups, command) => {
  const { group } = COMMANDS[command];
  return groups.set(group, [...(groups.get(group) ?? []), command]);
}, new Map<Group, Command[]>());
