/** The list: the queue, oldest first; it moves only when the person moves it. */
import { useEffect, useRef } from "react";

import type { Row } from "../desk/sitting";
import { shown } from "../keys/keymap";
import { useKeymap } from "../keys/keyboard";
import { useNow } from "../text/now";
import { Visible } from "../text/visible";
import { age } from "./age";
import { useDesk, useSnapshot } from "./context";
import { sign } from "./standing";
import { useWindow } from "./window";

const ROW_PX = 56;

export function List({ onOpen }: { onOpen(id: string): void }) {
  const desk = useDesk();
  const { sitting } = useSnapshot();
  const keys = useKeymap();
  const scroller = useRef<HTMLDivElement>(null);
  const now = useNow(sitting.rows.some((row) => row.standing.kind === "ruled" && row.standing.until !== null) ? 1000 : 30_000).getTime();
  const at = sitting.rows.findIndex((row) => row.case.id === sitting.current);
  const { first, last } = useWindow(scroller, sitting.rows.length, ROW_PX, at);
  const ending = sitting.rows.length > 0 && last >= sitting.rows.length - 2 && sitting.after !== null;
  useEffect(() => {
    if (ending) void desk.more();
  }, [ending, desk]);

  return (
    <>
      <div
        ref={scroller}
        className="inbox-rows"
        role="listbox"
        aria-label="Waiting cases"
        aria-multiselectable="true"
        tabIndex={0}
        aria-activedescendant={at >= 0 ? `row-${sitting.current}` : undefined}
        aria-busy={sitting.listed === "loading"}
      >
        <div className="inbox-rows-all" style={{ height: sitting.rows.length * ROW_PX }}>
          {sitting.rows.slice(first, last).map((row, nth) => (
              <ListRow
                key={row.case.id}
                row={row}
                at={first + nth}
                of={sitting.after === null ? sitting.rows.length : -1}
                top={(first + nth) * ROW_PX}
                now={now}
                everything={sitting.filter.checkpoint === null}
                current={row.case.id === sitting.current}
                selected={sitting.selected.has(row.case.id)}
                selecting={sitting.selected.size > 0}
                onGo={() => {
                  desk.go(row.case.id);
                  onOpen(row.case.id);
                }}
                onSelect={() => desk.toggle(row.case.id)}
              />
          ))}
        </div>
      </div>
      {/* Below, so that no row moves under the cursor. */}
      {sitting.arrived.size > 0 && (
        <button type="button" className="inbox-new" onClick={() => void desk.refresh()}>
          {sitting.arrived.size} new <kbd>{shown(keys.show_new[0] ?? "")}</kbd>
        </button>
      )}
    </>
  );
}

interface ListRowProps {
  row: Row;
  at: number;
  of: number;
  top: number;
  now: number;
  everything: boolean;
  current: boolean;
  selected: boolean;
  selecting: boolean;
  onGo(): void;
  onSelect(): void;
}

function ListRow({ row, at, of, top, now, everything, current, selected, selecting, onGo, onSelect }: ListRowProps) {
  const { shape, tone, words } = sign(row, now);
  const over = !["open", "changed", "refused"].includes(row.standing.kind);
  return (
    // Keys are heard for the whole window; the list itself has the focus.
    <div
      id={`row-${row.case.id}`}
      role="option"
      aria-selected={selecting ? selected : current}
      aria-posinset={at + 1}
      aria-setsize={of}
      className={`inbox-row${current ? " current" : ""}${over ? " over" : ""}${selected ? " selected" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => (event.shiftKey || event.ctrlKey || event.metaKey ? onSelect() : onGo())}
    >
      <span className={`inbox-shape ${tone}`} aria-hidden="true">
        {selected ? "▣" : shape}
      </span>
      <span className="inbox-row-title">
        <Visible text={row.case.title || "Untitled case"} />
      </span>
      <time className="inbox-row-age" dateTime={row.case.created_at}>
        {age(row.case.created_at, now)}
      </time>
      <span className={`inbox-row-words ${tone}`}>{words || (everything ? row.case.checkpoint.replaceAll("_", " ") : <Visible text={row.case.key ?? row.case.proposer} />)}</span>
    </div>
  );
}
