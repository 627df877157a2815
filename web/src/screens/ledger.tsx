import "./screens.css";

import { useQuery } from "@tanstack/react-query";
import { useEffect, useReducer, useRef, useState } from "react";
import { Link, useLocation, useSearch } from "wouter";

import * as calls from "../api/calls";
import type { Problem } from "../api/request";
import type { Event } from "../api/types";
import { useCommands } from "../keys/keyboard";
import { useNow } from "../text/now";
import { Visible } from "../text/visible";
import { entryWords, told } from "../text/words";
import { At } from "./at";
import { follow } from "./follow";
import { Key } from "./key";
import { MOST, NO_ROWS, rowsAfter } from "./ledger_rows";
import { useRows } from "./rows";
import { StateMark } from "./state_mark";
import { useTitle } from "./title";
import { Waiting } from "./waiting";

const BACK = 200;

/** The ledger as it grows. */
export default function Ledger() {
  useTitle("Ledger");
  const [, go] = useLocation();
  const checkpoint = new URLSearchParams(useSearch()).get("checkpoint") || null;
  const checkpoints = useQuery({ queryKey: ["checkpoints"], queryFn: calls.checkpoints, staleTime: 60_000 });
  const names = checkpoints.data?.map((one) => one.name) ?? [];
  const all = checkpoint && !names.includes(checkpoint) ? [checkpoint, ...names] : names;
  return (
    <div className="screens-page">
      <header className="screens-head">
        <h1>Ledger</h1>
        <p className="muted">Every act, as it is written down: the newest {MOST}, from the last {BACK} on.</p>
      </header>
      <form className="screens-filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label>
          Queue
          <select
            className="field"
            value={checkpoint ?? ""}
            onChange={(event) => go(event.target.value ? `/ledger?checkpoint=${encodeURIComponent(event.target.value)}` : "/ledger")}
          >
            <option value="">All</option>
            {all.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </form>
      <Growing key={checkpoint} checkpoint={checkpoint} />
    </div>
  );
}

function Growing({ checkpoint }: { checkpoint: string | null }) {
  const [rows, tell] = useReducer(rowsAfter, NO_ROWS);
  const [paused, setPaused] = useState(false);
  const [refused, setRefused] = useState<Problem | null>(null);
  const [opened, setOpened] = useState(false);
  const table = useRef<HTMLTableElement>(null);
  // Read when events come, so that a pointer that moves draws nothing anew.
  const still = useRef({ paused: false, pointed: false });
  const now = useNow(10_000);
  const [, go] = useLocation();

  useEffect(() => {
    still.current.paused = paused;
  }, [paused]);
  useEffect(() => {
    const looking = () => {
      const { paused: stopped, pointed } = still.current;
      const focused = table.current?.contains(document.activeElement) ?? false;
      const scrolled = (table.current?.getBoundingClientRect().top ?? 0) < 0;
      return stopped || pointed || focused || scrolled;
    };
    return follow(
      { back: BACK, checkpoint },
      {
        events: (events) => tell({ kind: "events", events, still: looking() }),
        alive: (alive) => {
          setOpened(true);
          tell({ kind: "alive", alive });
        },
        refused: setRefused,
      },
    );
  }, [checkpoint]);

  const showNew = () => tell({ kind: "show" });
  useRows(table, { open_case: (row) => row.startsWith("/") && go(row) });
  useCommands({ show_new: showNew });

  return (
    <>
      <div className="screens-growing">
        <button
          type="button"
          className="button"
          aria-pressed={paused}
          onClick={() => {
            if (paused) showNew();
            setPaused(!paused);
          }}
        >
          {paused ? "Go on" : "Pause"}
        </button>
        <span role="status">
          {rows.arrived > 0 && (
            <button type="button" className="button primary" onClick={showNew}>
              {rows.arrived > MOST ? `${MOST}+` : rows.arrived} new ↑ <Key of="show_new" />
            </button>
          )}
        </span>
        <span className="small muted" role="status">
          {refused ? "" : !opened ? "" : rows.alive ? (paused ? "Paused." : "Following.") : "The connection broke; trying again."}
        </span>
      </div>
      {refused && (
        <p className="problem" role="alert">
          {refused.message}
        </p>
      )}
      {!opened && !refused && <Waiting what="the ledger" />}
      {opened && rows.shown.length === 0 && <p className="muted">Nothing in the last {BACK} entries; what happens now will show here.</p>}
      <table
        ref={table}
        className="screens-table screens-ledger"
        role="table"
        aria-label="Entries, newest first"
        hidden={rows.shown.length === 0}
        onPointerEnter={() => (still.current.pointed = true)}
        onPointerLeave={() => (still.current.pointed = false)}
      >
        <thead role="rowgroup">
          <tr role="row">
            {["Entry", "What", "Case", "When"].map((name) => (
              <th key={name} role="columnheader" scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {rows.shown.map((event) => (
            <Line key={event.seq} event={event} now={now} />
          ))}
        </tbody>
      </table>
    </>
  );
}

function Line({ event, now }: { event: Event; now: Date }) {
  const { who, did } = entryWords(told(event));
  return (
    <tr role="row">
      <td role="cell" data-name="Entry" className="muted">
        <span className="screens-seq">{event.seq}</span> <code title={`${event.kind}, ${event.act}`}>{event.act}</code>
        <span className="small"> {event.kind}</span>
      </td>
      <td role="cell" data-name="What">
        {who && (
          <b>
            <Visible text={who} />{" "}
          </b>
        )}
        {did}
        {event.state && (
          <span className="small">
            {" "}
            → <StateMark state={event.state} />
          </span>
        )}
      </td>
      <td role="cell" data-name="Case">
        {event.case_id ? (
          <Link href={`/cases/${event.case_id}`} data-row={`/cases/${event.case_id}`} title={event.case_id}>
            {event.checkpoint ?? "case"} …{event.case_id.slice(-6)}
          </Link>
        ) : (
          <span className="muted">{event.checkpoint ?? "–"}</span>
        )}
      </td>
      <td role="cell" data-name="When" className="muted">
        <At date={event.at} now={now} />
      </td>
    </tr>
  );
}
