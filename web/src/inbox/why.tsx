/** Why you see this: the rule with its numbers, what else the AI thought of, similar cases, and what happened so far. */
import { useQuery } from "@tanstack/react-query";
import { memo, useEffect, useState } from "react";
import { Link } from "wouter";

import * as api from "../api/calls";
import type { Arguments, CaseView } from "../api/types";
import { useNow } from "../text/now";
import { Visible } from "../text/visible";
import { age } from "./age";

const RULES: Record<string, string> = {
  oversight_always: "This checkpoint always asks a person.",
  no_delegation: "Nobody has signed that a part of these may pass without a person, so all of them are reviewed.",
  automate: "This checkpoint lets everything pass.",
  automate_audited: "It passed, and was drawn to be judged afterwards.",
  edited: "A person edited it.",
  redraft: "It was drafted anew.",
  asked: "Another draft was asked for, and this is it.",
  drafter_learned: "The drafter has learned since this was proposed, and drafted it anew.",
  schema_changed: "What its function takes has changed, so it is asked anew.",
  reversal: "It undoes what was done.",
};

export const Why = memo(function Why({ view }: { view: CaseView }) {
  return (
    <>
      <h2>Why you see this</h2>
      {view.withheld ? (
        <p className="muted">
          Withheld until you have ruled: judge this case from its evidence alone. What the AI thinks of it is shown afterwards.
        </p>
      ) : (
        <Shown view={view} />
      )}
    </>
  );
});

function Shown({ view }: { view: CaseView }) {
  const { routing } = view;
  const numbers = Object.entries(routing?.numbers ?? {}).filter(([, value]) => typeof value === "number");
  const settled = useSettled(view.case.id);
  return (
    <>
      <p>{routing ? (RULES[routing.reason] ?? routing.reason.replaceAll("_", " ")) : "A person is asked."}</p>
      <dl className="inbox-numbers">
        {routing?.confidence != null && <Number name="AI's own confidence" value={percent(routing.confidence)} />}
        {numbers.map(([name, value]) => (
          <Number key={name} name={name.replaceAll("_", " ")} value={String(value)} />
        ))}
        {view.case.opinions > 1 && <Number name="people who have to agree" value={String(view.case.opinions)} />}
        {routing?.drafter && <Number name="drafted by" value={routing.drafter} />}
      </dl>
      <Alternatives view={view} />
      {settled && <SimilarCases view={view} />}
      {settled && <Happened view={view} />}
    </>
  );
}

function Number({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Visible text={value} />
      </dd>
    </div>
  );
}

function Alternatives({ view }: { view: CaseView }) {
  const others = view.content.alternatives as { arguments: Arguments; confidence?: number | null }[];
  // On a label queue they are the choices themselves.
  if (!others.length || view.checkpoint.label) return null;
  return (
    <section>
      <h3>Alternatives</h3>
      <ol className="inbox-alternatives">
        {others.slice(0, 5).map((other, at) => (
          <li key={at}>
            <Visible text={different(view.content.arguments as Arguments, other.arguments)} />
            {other.confidence != null && <Bar share={other.confidence} />}
          </li>
        ))}
      </ol>
    </section>
  );
}

function different(now: Arguments, other: Arguments): string {
  const changed = Object.entries(other).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(now[name]));
  return changed.map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join(" · ").slice(0, 400);
}

function Bar({ share }: { share: number }) {
  return (
    <span className="inbox-share">
      <meter min={0} max={1} value={share} aria-label="confidence" /> {percent(share)}
    </span>
  );
}

const percent = (share: number) => `${Math.round(share * 100)} %`;

function SimilarCases({ view }: { view: CaseView }) {
  const { data } = useQuery({
    queryKey: ["similar", view.case.id],
    queryFn: () => api.similar(view.case.id),
    staleTime: 60_000,
  });
  if (!data?.items.length) return null;
  return (
    <section>
      <h3>Similar cases</h3>
      <ol className="inbox-similar">
        {data.items.map((similar) => (
          <li key={similar.case_id}>
            <Link href={`/cases/${similar.case_id}`}>
              <Visible text={similar.title || "Untitled case"} />
            </Link>
            <span className={`small ${similar.verdict === "rejected" ? "bad" : "muted"}`}>
              {similar.verdict === "rejected" ? "✕ rejected" : similar.verdict === "edited" ? "✎ edited" : "✓ approved"}
              {similar.label && (
                <>
                  {" as "}
                  <Visible text={similar.label} />
                </>
              )}
              {" by "}
              <Visible text={similar.reviewer} /> · {percent(similar.likeness)} alike
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}

const ACTS: Record<string, string> = {
  propose: "proposed it",
  route: "routed it",
  claim: "took it",
  release: "gave it back",
  snooze: "snoozed it",
  hand_over: "handed it over",
  pass_on: "passed it on",
  rule: "ruled on it",
  recall: "took the verdict back",
  redraft: "asked for another draft",
  draw: "drew it for an audit",
  disagree: "passed it to a lead: the opinions differ",
};

function Happened({ view }: { view: CaseView }) {
  const now = useNow(30_000).getTime();
  const { data } = useQuery({
    queryKey: ["history", view.case.id, view.case.content_hash],
    queryFn: () => api.history(view.case.id),
    staleTime: 30_000,
  });
  if (!data) return null;
  const entries = data.entries.filter((entry) => entry.act !== "claim" && entry.act !== "release").slice(-6);
  return (
    <section>
      <h3>This case so far</h3>
      <ol className="inbox-happened">
        {entries.map((entry) => (
          <li key={entry.seq}>
            <span>
              <Visible text={entry.actor} />{" "}
              {entry.act === "redraft" && entry.actor_kind === "drafter" ? "drafted it anew" : (ACTS[entry.act] ?? entry.act.replaceAll("_", " "))}
            </span>
            <time className="muted small" dateTime={entry.at}>
              {age(entry.at, now)} ago
            </time>
          </li>
        ))}
      </ol>
      {data.notes.map((note) => (
        <blockquote key={note.number} className="inbox-note">
          <Visible text={note.text} /> <footer className="muted small">— {note.author}</footer>
        </blockquote>
      ))}
      <Link className="small" href={`/cases/${view.case.id}`}>
        All of it, on the case&rsquo;s own page
      </Link>
    </section>
  );
}

const SETTLED_MS = 200;

/** True once the same case has been on screen for a moment: who hurries through is not slowed by what they do not read. */
function useSettled(id: string): boolean {
  const [settled, setSettled] = useState<string | null>(null);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(id), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [id]);
  return settled === id;
}
