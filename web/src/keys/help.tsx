/** The help: every key there is, and the rules that keep a key from doing what nobody meant. */
import "./keys.css";

import type { ReactNode } from "react";

import { Frame } from "../dialogs/frame";
import { COMMANDS } from "./commands";
import { GROUPS } from "./groups";
import { keyboard, useKeymap } from "./keyboard";
import { ShownKeys } from "./shown_keys";

export function Help({ onClose }: { onClose(): void }) {
  const keys = useKeymap();
  const change = () => {
    onClose();
    setTimeout(() => void keyboard.run("go_keys"));
  };
  return (
    <Frame title="Keys" onClose={onClose}>
      <ul className="keys-rules">
        <li>Verdict keys ignore a held key and the first quarter of a second of a case.</li>
        <li>While you type, only keys with Ctrl (on a Mac also Cmd) are commands.</li>
        <li>A key that stands for many cases does not exist: a batch is confirmed with its number and its risks.</li>
      </ul>
      <div className="keys-help">
        {[...GROUPS].map(([group, commands]) => (
          <section key={group}>
            <h3>{group}</h3>
            <dl>
              {commands.map((command) => (
                <Pair key={command} name={COMMANDS[command].name}>
                  <ShownKeys keys={keys[command]} />
                </Pair>
              ))}
            </dl>
          </section>
        ))}
        <section>
          <h3>Answer</h3>
          <dl>
            <Pair name="Reason of a rejection, or category">
              <kbd>1</kbd> to <kbd>9</kbd>
            </Pair>
            <Pair name="Confirm, or take the category">
              <kbd>↵</kbd>
            </Pair>
            <Pair name="Back, without losing an edit">
              <kbd>Esc</kbd>
            </Pair>
          </dl>
        </section>
      </div>
      <div className="dialogs-actions">
        <button type="button" className="button" onClick={onClose} data-first>
          Close
        </button>
        {keyboard.can("go_keys") && (
          <button type="button" className="button plain" onClick={change}>
            Change keys
          </button>
        )}
      </div>
    </Frame>
  );
}

function Pair({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="keys-pair">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
