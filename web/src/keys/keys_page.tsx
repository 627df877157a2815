/** The page on which a person changes keys. What is changed is kept in this browser. */
import "./keys.css";

import { useEffect, useState } from "react";

import { COMMANDS, type Command } from "./commands";
import { GROUPS } from "./groups";
import { keyboard, useKeymap } from "./keyboard";
import { type Changes, conflicts, keymap, named, shown } from "./keymap";
import { ShownKeys } from "./shown_keys";

interface Recording {
  command: Command;
  first: string | null;
}

interface Said {
  tone: "plain" | "ok" | "bad";
  text: string;
}

const TAKEN: [RegExp, string][] = [
  [/^[0-9]$/, "Digits choose reasons and categories."],
  [/^(Shift\+)?Enter$/, "Enter confirms."],
  [/^(Shift\+)?Tab$/, "Tab moves from control to control."],
];

export default function KeysPage() {
  const keys = useKeymap();
  const [recording, setRecording] = useState<Recording | null>(null);
  const [said, setSaid] = useState<Said | null>(null);
  const { changes } = keyboard;

  const store = (next: Changes, text: string): boolean => {
    const [found] = conflicts(keymap(next));
    if (found) {
      const names = found.commands.map((command) => `“${COMMANDS[command].name}”`);
      const both = `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
      setSaid({ tone: "bad", text: `Not changed: ${shown(found.key)} would belong to ${both}. Choose another key.` });
      return false;
    }
    if (!keyboard.change(next)) {
      setSaid({ tone: "bad", text: "Not changed: this browser keeps nothing. Allow it to keep data of this site." });
      return false;
    }
    setSaid({ tone: "ok", text });
    return true;
  };

  const keep = ({ command }: Recording, key: string) => {
    // The first key is the one that is shown; the others, arrows say, stay.
    const rest = keys[command].slice(1).filter((each) => each !== key);
    const own = [key, ...rest];
    const next = same(own, COMMANDS[command].keys) ? without(changes, command) : { ...changes, [command]: own };
    const kept = store(next, `${COMMANDS[command].name} is ${shown(key)} now.`);
    setRecording(kept ? null : { command, first: null });
  };
  const leave = () => {
    setRecording(null);
    setSaid({ tone: "plain", text: "Nothing was changed." });
  };
  const press = (event: KeyboardEvent) => {
    if (!recording || event.isComposing) return;
    const stroke = named(event);
    if (stroke === null) return;
    event.preventDefault();
    event.stopPropagation(); // it is recorded, not done
    if (event.repeat) return;
    const { first } = recording;
    const taken = TAKEN.find(([pattern]) => pattern.test(stroke));
    if (stroke === "Escape") leave();
    else if (first !== null && stroke === "Enter") keep(recording, first);
    else if (taken) setSaid({ tone: "bad", text: `${taken[1]} Press another key, or Esc to leave it as it is.` });
    else if (first !== null) keep(recording, `${first} ${stroke}`);
    else {
      setRecording({ ...recording, first: stroke });
      setSaid({ tone: "plain", text: `${shown(stroke)}: press Enter to keep it, or a second key to have both, one after the other.` });
    }
  };
  useEffect(() => {
    if (!recording) return;
    // Before any other listener: the key may be a command already.
    window.addEventListener("keydown", press, true);
    return () => window.removeEventListener("keydown", press, true);
  });

  const record = (command: Command) => {
    setRecording({ command, first: null });
    setSaid({ tone: "plain", text: `Press the new key for ${COMMANDS[command].name}; Esc leaves it as it is.` });
  };
  const putBack = (command: Command) => {
    store(without(changes, command), `${COMMANDS[command].name} has its first keys again.`);
    document.getElementById(`keys-change-${command}`)?.focus();
  };

  return (
    <div className="keys-page">
      <h1>Keys</h1>
      <p className="muted">
        “Change” takes your next press, or two one after the other. Changes are kept in this browser, for you alone.
      </p>
      <p role="status" className={`keys-said ${said?.tone ?? ""}`}>
        {said?.text}
      </p>
      <div>
        {[...GROUPS].map(([group, commands]) => (
          <table key={group}>
            <caption>{group}</caption>
            <thead className="visually-hidden">
              <tr>
                <th scope="col">Command</th>
                <th scope="col">Keys</th>
                <th scope="col">Change</th>
              </tr>
            </thead>
            <tbody>
              {commands.map((command) => {
                const { name } = COMMANDS[command];
                const own = recording?.command === command ? recording : null;
                return (
                  <tr key={command} className={own ? "keys-recording" : undefined}>
                    <th scope="row">{name}</th>
                    <td>{own ? <kbd>{own.first === null ? "…" : `${shown(own.first)} …`}</kbd> : <ShownKeys keys={keys[command]} />}</td>
                    <td>
                      <span className="keys-actions">
                        {own?.first && (
                          <button type="button" className="button small" onClick={() => keep(own, own.first ?? "")}>
                            Keep {shown(own.first)}
                          </button>
                        )}
                        {!own && changes[command] && (
                          <button type="button" className="button plain small" aria-label={`Put back ${name}`} onClick={() => putBack(command)}>
                            Put back
                          </button>
                        )}
                        <button
                          id={`keys-change-${command}`}
                          type="button"
                          className="button small"
                          aria-label={`${own ? "Leave" : "Change"} ${name}`}
                          onClick={() => (own ? leave() : record(command))}
                        >
                          {own ? "Leave" : "Change"}
                        </button>
                      </span>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        ))}
      </div>
      <p>
        <button
          type="button"
          className="button"
          disabled={Object.keys(changes).length === 0}
          onClick={() => store({}, "All keys are as they were at first.")}
        >
          Put all back
        </button>
      </p>
    </div>
  );
}

function without(changes: Changes, command: Command): Changes {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => name !== command));
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && other.every((key, at) => one[at] === key);
}
