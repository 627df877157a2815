import "./screens.css";

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { Link, useLocation } from "wouter";

import * as calls from "../api/calls";
import type { Case, CaseView, Desk, Person } from "../api/types";
import { Refusal } from "../dialogs/frame";
import { HandOver } from "../dialogs/hand_over";
import { nameInWords } from "../text/name";
import { useNow } from "../text/now";
import { Visible } from "../text/visible";
import { ago, count, span, utc } from "../text/words";
import { At } from "./at";
import { Key } from "./key";
import { deskWords, stuckWords } from "./people_words";
import { rowWithFocus, useRows } from "./rows";
import { useTitle } from "./title";
import { Trouble } from "./trouble";
import { Waiting } from "./waiting";

const EVERY_MS = 15_000;

/** Who is at the desk, what waits, and what does not get on. */
export default function People() {
  useTitle("People");
  const now = useNow(5_000);
  const desk = useQuery({ queryKey: ["desk"], queryFn: calls.desk, refetchInterval: EVERY_MS });
  const people = useQuery({ queryKey: ["people"], queryFn: calls.people, refetchInterval: EVERY_MS });
  const retry = () => {
    void desk.refetch();
    void people.refetch();
  };
  return (
    <div className="screens-page">
      <header className="screens-head">
        <h1>People</h1>
        <p aria-live="polite">{desk.data && deskWords(desk.data, now)}</p>
        <p className="small muted">
          {desk.dataUpdatedAt > 0 && <>As of {ago(new Date(desk.dataUpdatedAt), now)}. </>}
          <button type="button" className="button plain" disabled={desk.isFetching || people.isFetching} onClick={retry}>
            Look again
          </button>
        </p>
      </header>
      <Trouble error={desk.error ?? people.error} onRetry={retry} />
      {people.data && <Presence people={people.data.items} />}
      {desk.data && <NotGettingOn desk={desk.data} now={now} />}
      {desk.isPending && <Waiting what="the desk" />}
      {desk.data && <Queues queues={desk.data.queues} now={now} />}
      {people.data && <Everybody people={people.data.items} now={now} />}
    </div>
  );
}

function Presence({ people }: { people: Person[] }) {
  const queries = useQueryClient();
  const me = useQuery({ queryKey: ["me"], queryFn: calls.me, staleTime: 60_000 });
  const own = people.find((one) => one.id === me.data?.id);
  const sent = useMutation({
    mutationFn: (away: boolean) => calls.presence(away),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["people"] });
      void queries.invalidateQueries({ queryKey: ["desk"] });
    },
  });
  if (!own) return null;
  const away = own.away_since !== null;
  return (
    <section className="screens-presence" aria-label="Me">
      <button type="button" className="button" disabled={sent.isPending} onClick={() => sent.mutate(!away)}>
        {away ? "I am back" : "Mark me away"}
      </button>
      <p className="small muted">
        {away
          ? `You are marked away. Back, you can be handed cases again; what was passed on stays where it is.`
          : own.assigned > 0
            ? `${count(own.assigned, "case is", "cases are")} assigned to you; marked away, you pass ${own.assigned === 1 ? "it" : "them"} on to others.`
            : "Nothing is assigned to you; marked away, you are handed nothing."}
      </p>
      <Refusal error={sent.error} />
    </section>
  );
}

/** What does not get on, worked by keyboard. */
function NotGettingOn({ desk, now }: { desk: Desk; now: Date }) {
  const queries = useQueryClient();
  const [, go] = useLocation();
  const list = useRef<HTMLDivElement>(null);
  const [handing, setHanding] = useState<CaseView | null>(null);
  const [told, setTold] = useState("");
  const look = useMutation({
    mutationFn: (id: string) => calls.view(id),
    onSuccess: (view) => setHanding(view),
  });
  const mayHandOver = (id: string) => desk.stuck.some((one) => one.case.id === id);
  const handOver = (id: string) => {
    if (!mayHandOver(id)) setTold("Its effect is unknown, so there is nothing to hand over; open its page to resolve it.");
    else if (!look.isPending && !handing) look.mutate(id);
  };
  useRows(list, { hand_over: handOver, open_case: (id) => go(`/cases/${id}`) });

  const done = (after: Case) => {
    setTold(`Handed over to ${after.assigned_to ?? "another"}.`);
    setHanding(null);
    // The row goes away with the next answer; the focus is on its neighbour by then.
    const at = rowWithFocus(list.current);
    const rows = [...(list.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
    const here = rows.findIndex((row) => row.dataset.row === (at ?? after.id));
    (rows[here + 1] ?? rows[here - 1])?.focus();
    void queries.invalidateQueries({ queryKey: ["desk"] });
    void queries.invalidateQueries({ queryKey: ["people"] });
  };

  return (
    <div ref={list} className="screens-stack">
      {desk.stuck.length + desk.unknown.length > 0 && (
        <p className="small muted screens-keys">
          <Key of="next" /> <Key of="previous" /> move · <Key of="hand_over" /> hand over · <Key of="open_case" /> open
        </p>
      )}
      <p role="status" className="small">
        {told}
      </p>
      <Refusal error={look.error} />
      {desk.stuck.length > 0 && (
        <section className="screens-section" aria-label="Stuck">
          <h2>Stuck</h2>
          <ul className="screens-rows">
            {desk.stuck.map((one) => (
              <li key={one.case.id} className="screens-row">
                <Link href={`/cases/${one.case.id}`} data-row={one.case.id} className="screens-row-link">
                  <Visible text={one.case.title} />
                </Link>{" "}
                <span className="warn">! {stuckWords(one, now)}</span>{" "}
                <button
                  type="button"
                  className="button"
                  aria-label={`Hand over: ${one.case.title}`}
                  disabled={look.isPending}
                  onClick={() => handOver(one.case.id)}
                >
                  Hand over
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      {desk.unknown.length > 0 && (
        <section className="screens-section" aria-label="Unknown effects">
          <h2>Unknown effects</h2>
          <ul className="screens-rows">
            {desk.unknown.map((one) => (
              <li key={one.id} className="screens-row">
                <Link href={`/cases/${one.id}`} data-row={one.id} className="screens-row-link">
                  <Visible text={one.title} />
                </Link>{" "}
                <span className="bad">◇ {nameInWords(one.checkpoint)}: it may or may not have happened</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {handing && <HandOver caseView={handing} onDone={done} onClose={() => setHanding(null)} />}
    </div>
  );
}

function Queues({ queues, now }: { queues: Desk["queues"]; now: Date }) {
  return (
    <section className="screens-section" aria-label="Queues">
      <h2>Queues</h2>
      {queues.length === 0 ? (
        <p className="muted">There is no checkpoint yet.</p>
      ) : (
        <table className="screens-table" role="table">
          <thead role="rowgroup">
            <tr role="row">
              {["Queue", "Waiting", "Oldest", "Claimed", "Assigned", "Snoozed"].map((name) => (
                <th key={name} role="columnheader" scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {queues.map((queue) => (
              <tr key={queue.checkpoint} role="row">
                <th role="rowheader" scope="row">
                  <Link href={`/?checkpoint=${encodeURIComponent(queue.checkpoint)}`}>{nameInWords(queue.checkpoint)}</Link>
                </th>
                <td role="cell" data-name="Waiting">
                  {queue.waiting.toLocaleString()}
                </td>
                <td role="cell" data-name="Oldest">
                  {queue.oldest_at ? span(now.getTime() - Date.parse(queue.oldest_at)) : "–"}
                </td>
                <td role="cell" data-name="Claimed">
                  {queue.claimed.toLocaleString()}
                </td>
                <td role="cell" data-name="Assigned">
                  {queue.assigned.toLocaleString()}
                </td>
                <td role="cell" data-name="Snoozed">
                  {queue.snoozed.toLocaleString()}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Everybody({ people, now }: { people: Person[]; now: Date }) {
  return (
    <section className="screens-section" aria-label="Everybody">
      <h2>Everybody</h2>
      {people.length === 0 ? (
        <p className="muted">There is no account yet; whoever opens the printed link is alone.</p>
      ) : (
        <table className="screens-table" role="table">
          <thead role="rowgroup">
            <tr role="row">
              {["Name", "At the desk", "Claimed", "Assigned", "Decided today"].map((name) => (
                <th key={name} role="columnheader" scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {people.map((one) => (
              <tr key={one.id} role="row">
                <th role="rowheader" scope="row">
                  <Visible text={one.id} />
                  <span className="small muted"> {[...one.roles, ...one.groups.map((group) => `group:${group}`)].join(", ")}</span>
                </th>
                <td role="cell" data-name="At the desk">
                  <Here person={one} now={now} />
                </td>
                <td role="cell" data-name="Claimed">
                  {one.claimed.toLocaleString()}
                </td>
                <td role="cell" data-name="Assigned">
                  {one.assigned.toLocaleString()}
                </td>
                <td role="cell" data-name="Decided today">
                  {one.ruled_today.toLocaleString()}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Away({ since, now }: { since: string; now: Date }) {
  return (
    <time dateTime={since} title={utc(since)}>
      {span(now.getTime() - Date.parse(since))}
    </time>
  );
}

function Here({ person, now }: { person: Person; now: Date }) {
  if (person.away_since) {
    return (
      <span className="warn">
        <span aria-hidden="true">◌ </span>away for <Away since={person.away_since} now={now} />
      </span>
    );
  }
  if (person.here) {
    return (
      <span className="ok">
        <span aria-hidden="true">● </span>here
      </span>
    );
  }
  return (
    <span className="muted">
      <span aria-hidden="true">○ </span>
      {person.seen_at ? (
        <>
          last seen <At date={person.seen_at} now={now} />
        </>
      ) : (
        "not seen yet"
      )}
    </span>
  );
}
