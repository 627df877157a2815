import "./screens.css";

import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useRef, useState } from "react";
import { Link, useLocation, useSearch } from "wouter";

import * as calls from "../api/calls";
import { serverNow } from "../api/clock";
import type { Case, State } from "../api/types";
import { Refusal } from "../dialogs/frame";
import { useNow } from "../text/now";
import { Visible } from "../text/visible";
import { STATE_NAMES, stateWords } from "../text/words";
import { At } from "./at";
import { Key } from "./key";
import { useRows } from "./rows";
import { StateMark } from "./state_mark";
import { useTitle } from "./title";
import { Trouble } from "./trouble";
import { Countdown, secondsLeft, useUndo } from "./undo";
import { Waiting } from "./waiting";

const DECIDED = STATE_NAMES.filter((state) => state !== "waiting");
const PAGE = 50;

interface Sought {
  checkpoint: string | null;
  state: State | null;
  text: string | null;
}

function sought(search: string): Sought {
  const params = new URLSearchParams(search);
  const state = params.get("state");
  return {
    checkpoint: params.get("checkpoint") || null,
    state: DECIDED.find((one) => one === state) ?? null,
    text: params.get("text")?.slice(0, 200) || null,
  };
}

/** The decided cases, newest first; the address says which. */
export default function Done() {
  useTitle("Decided");
  const search = useSearch();
  const [, go] = useLocation();
  const queries = useQueryClient();
  const filter = sought(search);
  const list = useRef<HTMLUListElement>(null);
  const now = useNow(10_000);

  const found = useInfiniteQuery({
    queryKey: ["cases", "decided", filter],
    queryFn: ({ pageParam, signal }) =>
      calls.cases(
        {
          state: filter.state ? [filter.state] : DECIDED,
          checkpoint: filter.checkpoint,
          text: filter.text,
          newest_first: true,
          after: pageParam,
          limit: PAGE,
        },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.after,
    // A hold that is over is another state by then.
    refetchInterval: (query) => (query.state.data?.pages.some((page) => page.items.some((one) => one.state === "held")) ? 3_000 : false),
  });
  const checkpoints = useQuery({ queryKey: ["checkpoints"], queryFn: calls.checkpoints, staleTime: 60_000 });
  const cases = found.data?.pages.flatMap((page) => page.items) ?? [];

  const undo = useUndo();
  const [told, setTold] = useState("");
  const takeBack = (id: string) => {
    const shown = cases.find((one) => one.id === id);
    if (!shown || undo.isPending) return;
    if (secondsLeft(shown, new Date(serverNow())) === 0) {
      setTold(
        shown.state === "done"
          ? "Its hold is over; open it to see whether there is a reversal."
          : "Its hold is over, so the verdict can no longer be taken back.",
      );
      return;
    }
    undo.mutate(id, {
      onSuccess: () => setTold(`Taken back: ${shown.title}. It waits again.`),
      onSettled: () => queries.invalidateQueries({ queryKey: ["cases", "decided"] }),
    });
  };
  useRows(list, { undo: takeBack, open_case: (id) => go(`/cases/${id}`) });

  return (
    <div className="screens-page">
      <header className="screens-head">
        <h1>Decided</h1>
      </header>
      <Filters filter={filter} names={checkpoints.data?.map((one) => one.name) ?? []} />
      <Trouble error={found.error} onRetry={() => void found.refetch()} />
      <p role="status" className="small">
        {told}
      </p>
      <Refusal error={undo.error} />
      {found.isPending && <Waiting what="the decided cases" />}
      {found.isSuccess && cases.length === 0 && (
        <p className="muted">
          {filter.checkpoint || filter.state || filter.text ? (
            <>
              Nothing fits that. <Link href="/done">Show everything that is decided</Link>
            </>
          ) : (
            "Nothing is decided yet."
          )}
        </p>
      )}
      {cases.length > 0 && (
        <p className="small muted screens-keys">
          <Key of="next" /> <Key of="previous" /> move · <kbd aria-hidden="true">↵</kbd> open · <Key of="undo" /> undo while it is held
        </p>
      )}
      <ul ref={list} className="screens-rows columns" aria-label="Decided cases">
        {cases.map((one) => (
          <Row key={one.id} shown={one} now={now} onUndo={() => takeBack(one.id)} />
        ))}
      </ul>
      {found.hasNextPage && (
        <button type="button" className="button screens-more" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {found.isFetchingNextPage ? "Loading…" : "Show older ones"}
        </button>
      )}
    </div>
  );
}

function Row({ shown, now, onUndo }: { shown: Case; now: Date; onUndo(): void }) {
  return (
    <li className="screens-row">
      <Link href={`/cases/${shown.id}`} data-row={shown.id} className="screens-row-link">
        <Visible text={shown.title} />
      </Link>{" "}
      <span>
        <StateMark state={shown.state} />
        {shown.state === "held" && (
          <span className="muted">
            {" "}
            <Countdown of={shown} />{" "}
            <button type="button" className="button" aria-label={`Undo: ${shown.title}`} onClick={onUndo}>
              Undo
            </button>
          </span>
        )}
      </span>{" "}
      <span className="muted small">
        {shown.checkpoint} · proposed <At date={shown.created_at} now={now} />
      </span>
    </li>
  );
}

function Filters({ filter, names }: { filter: Sought; names: string[] }) {
  const [, go] = useLocation();
  const to = (change: Partial<Sought>) => {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...filter, ...change })) if (value) params.set(name, value);
    const text = params.toString();
    go(text ? `/done?${text}` : "/done");
  };
  const all = filter.checkpoint && !names.includes(filter.checkpoint) ? [filter.checkpoint, ...names] : names;
  return (
    <form
      className="screens-filters"
      role="search"
      onSubmit={(event: FormEvent<HTMLFormElement>) => {
        event.preventDefault();
        to({ text: String(new FormData(event.currentTarget).get("text") ?? "").trim() || null });
      }}
    >
      <label>
        Queue
        <select className="field" value={filter.checkpoint ?? ""} onChange={(event) => to({ checkpoint: event.target.value || null })}>
          <option value="">All</option>
          {all.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        Outcome
        <select
          className="field"
          value={filter.state ?? ""}
          onChange={(event) => to({ state: DECIDED.find((one) => one === event.target.value) ?? null })}
        >
          <option value="">All</option>
          {DECIDED.map((state) => (
            <option key={state} value={state}>
              {stateWords(state).word}
            </option>
          ))}
        </select>
      </label>
      <label>
        Text
        <input key={filter.text} className="field" name="text" type="search" maxLength={200} defaultValue={filter.text ?? ""} />
      </label>
      <button type="submit" className="button">
        Search
      </button>
    </form>
  );
}
