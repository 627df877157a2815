/** The palette: everything that can be done on this screen, and every queue, found by typing. */
import "./keys.css";

import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { useLocation } from "wouter";

import { checkpoints as askCheckpoints } from "../api/calls";
import { Frame } from "../dialogs/frame";
import { nameInWords } from "../text/name";
import { Visible } from "../text/visible";
import { COMMANDS, type Command } from "./commands";
import { keyboard, useKeymap } from "./keyboard";
import { ShownKeys } from "./shown_keys";

interface Choice {
  id: string;
  name: string;
  group: string;
  keys: readonly string[];
  choose(): void;
}

export function Palette({ onClose }: { onClose(): void }) {
  const keys = useKeymap();
  const [, navigate] = useLocation();
  const { data: checkpoints, error } = useQuery({ queryKey: ["checkpoints"], queryFn: askCheckpoints, staleTime: 300_000 });
  // What the screen behind can do does not change while this covers it.
  const [commands] = useState(() =>
    (Object.keys(COMMANDS) as Command[]).filter((command) => command !== "palette" && keyboard.can(command)),
  );
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const ids = { filter: useId(), list: useId() };

  const all: Choice[] = [
    ...commands.map((command) => ({
      id: command,
      name: COMMANDS[command].name,
      group: COMMANDS[command].group,
      keys: keys[command],
      choose: () => void keyboard.run(command),
    })),
    ...(checkpoints ?? []).map(({ name }) => ({
      id: `queue ${name}`,
      name: nameInWords(name),
      group: "Queue",
      keys: [],
      choose: () => navigate(`/?checkpoint=${encodeURIComponent(name)}`),
    })),
  ];
  const parts = text.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter(({ name, group }) => {
    const whole = `${name} ${group}`.toLowerCase();
    return parts.every((part) => whole.includes(part));
  });
  const chosen = found[Math.min(at, found.length - 1)];
  useEffect(() => {
    list.current?.querySelector("[aria-selected=true]")?.scrollIntoView?.({ block: "nearest" });
  }, [chosen?.id]);

  const choose = (choice: Choice) => {
    onClose();
    // Once the focus is back on the screen, for the command may move it.
    setTimeout(choice.choose);
  };
  const press = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.nativeEvent.isComposing) return;
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined && chosen) {
      event.preventDefault();
      setAt((found.indexOf(chosen) + by + found.length) % found.length);
    } else if (event.key === "Enter" && !event.repeat) {
      event.preventDefault();
      if (chosen) choose(chosen);
    }
  };
  const option = (choice: Choice) => `${ids.list}-${all.indexOf(choice)}`;

  return (
    <Frame title="All commands" onClose={onClose}>
      <label htmlFor={ids.filter} className="visually-hidden">
        Command or queue
      </label>
      <input
        id={ids.filter}
        className="field"
        role="combobox"
        aria-expanded={found.length > 0}
        aria-controls={ids.list}
        aria-autocomplete="list"
        aria-activedescendant={chosen && option(chosen)}
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={100}
        placeholder="Type a command or a queue"
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={press}
        data-first
      />
      {found.length > 0 && (
        <ul id={ids.list} ref={list} role="listbox" aria-label="Commands and queues" className="keys-results">
          {found.map((choice) => (
            <li
              key={choice.id}
              id={option(choice)}
              role="option"
              aria-selected={choice === chosen}
              className="keys-result"
              onClick={() => choose(choice)}
            >
              <span className="keys-name">
                <Visible text={choice.name} />
              </span>
              <span className="muted small keys-group">{choice.group}</span>
              {choice.keys.length > 0 && (
                <span className="small">
                  <ShownKeys keys={choice.keys} />
                </span>
              )}
            </li>
          ))}
        </ul>
      )}
      <p role="status" className="muted keys-note">
        {found.length === 0 ? "Nothing here is called that." : ""}
        {error ? ` The queues could not be read. ${error.message}` : ""}
      </p>
    </Frame>
  );
}
