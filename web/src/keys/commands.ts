/** Every command there is, with the keys it has unless somebody changes them. */

export type Command =
  | "next"
  | "previous"
  | "approve"
  | "edit"
  | "approve_edited"
  | "reject"
  | "snooze"
  | "hand_over"
  | "redraft"
  | "undo"
  | "select"
  | "extend_down"
  | "extend_up"
  | "batch"
  | "difference"
  | "search"
  | "palette"
  | "help"
  | "show_new"
  | "open_case"
  | "copy_link"
  | "go_inbox"
  | "go_done"
  | "go_people"
  | "go_ledger"
  | "go_keys";

export interface CommandFacts {
  /** As the palette and the help say it. */
  name: string;
  group: "Move" | "Rule" | "Pass on" | "Many" | "Look" | "Go to";
  /** Keys as `KeyboardEvent.key` names them, with Shift+, Ctrl+ (also Cmd) before; two steps are parted by a blank. */
  keys: readonly string[];
  /** Whether it puts a verdict on record: never by a held key, nor in the first 250 ms of a case. */
  rules?: true;
  /** Whether a held key does it again and again; everything else is done once for each press. */
  repeats?: true;
}

export const COMMANDS: Record<Command, CommandFacts> = {
  next: { name: "Next case", group: "Move", keys: ["j", "ArrowDown"], repeats: true },
  previous: { name: "Previous case", group: "Move", keys: ["k", "ArrowUp"], repeats: true },
  show_new: { name: "Show new cases", group: "Move", keys: ["n"] },
  approve: { name: "Approve", group: "Rule", keys: ["a"], rules: true },
  edit: { name: "Edit", group: "Rule", keys: ["e"] },
  approve_edited: { name: "Approve as edited", group: "Rule", keys: ["Ctrl+Enter"], rules: true },
  reject: { name: "Reject", group: "Rule", keys: ["r"], rules: true },
  undo: { name: "Undo the last verdict", group: "Rule", keys: ["u"] },
  snooze: { name: "Snooze", group: "Pass on", keys: ["s"] },
  hand_over: { name: "Hand over", group: "Pass on", keys: ["f"] },
  redraft: { name: "Ask for another draft", group: "Pass on", keys: ["Shift+R"] },
  select: { name: "Select", group: "Many", keys: ["x"] },
  extend_down: { name: "Extend selection down", group: "Many", keys: ["Shift+J", "Shift+ArrowDown"], repeats: true },
  extend_up: { name: "Extend selection up", group: "Many", keys: ["Shift+K", "Shift+ArrowUp"], repeats: true },
  batch: { name: "Open selection as a batch", group: "Many", keys: ["b"] },
  difference: { name: "Show what changed", group: "Look", keys: ["d"] },
  search: { name: "Search", group: "Look", keys: ["/"] },
  open_case: { name: "Open the case's own page", group: "Look", keys: ["o"] },
  copy_link: { name: "Copy link to the case", group: "Look", keys: ["c"] },
  palette: { name: "All commands", group: "Look", keys: ["Ctrl+k"] },
  help: { name: "Keys", group: "Look", keys: ["?"] },
  go_inbox: { name: "Inbox", group: "Go to", keys: ["g i"] },
  go_done: { name: "Decided cases", group: "Go to", keys: ["g d"] },
  go_people: { name: "People", group: "Go to", keys: ["g p"] },
  go_ledger: { name: "Ledger", group: "Go to", keys: ["g l"] },
  go_keys: { name: "Change keys", group: "Go to", keys: ["g k"] },
};
