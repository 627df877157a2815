import "./screens.css";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";

import * as calls from "../api/calls";
import { serverNow } from "../api/clock";
import { Problem } from "../api/request";
import type { Case, CaseView, Checkpoint, Evidence, History, Me, State } from "../api/types";
import { Refusal } from "../dialogs/frame";
import { EvidenceList } from "../evidence/evidence_list";
import { useCommands } from "../keys/keyboard";
import { Proposal } from "../proposal/proposal";
import { useNow } from "../text/now";
import { nameInWords } from "../text/name";
import { Visible } from "../text/visible";
import { addressee, stateWords } from "../text/words";
import { At } from "./at";
import { Copy } from "./copy";
import { Key } from "./key";
import { Resolve } from "./resolve";
import { Reverse } from "./reverse";
import { StateMark } from "./state_mark";
import { TimeLine, Withheld } from "./time_line_list";
import { useTitle } from "./title";
import { Trouble } from "./trouble";
import { Countdown, secondsLeft, useUndo } from "./undo";
import { Waiting } from "./waiting";

const FINAL: readonly State[] = ["rejected", "expired", "withdrawn", "failed", "reversed"];
const MOVING: readonly State[] = ["held", "cleared", "running"];

/** How soon a case is looked at again: what moves by itself soon, what is final never. */
function again_ms(state: State | undefined): number | false {
  if (state === undefined || FINAL.includes(state)) return false;
  return MOVING.includes(state) ? 2_000 : 15_000;
}

/** What the history holds in the form in which the proposal is drawn, for a case that has no view. */
function viewOf(history: History): CaseView | null {
  const content = history.contents.find((one) => one.revision === history.case.revision);
  if (!content || !history.checkpoint) return null;
  const shown = history.case as Case;
  const checkpoint = history.checkpoint as Checkpoint;
  return {
    case: shown,
    checkpoint,
    content,
    evidence: history.evidence as unknown as Record<string, Evidence>,
    routing: history.routings.find((one) => one.revision === shown.revision) ?? null,
    withheld: shown.state === "waiting" && checkpoint.blind,
  };
}

/** Everything about one case, and what its state allows. */
export default function CasePage({ caseId }: { caseId: string }) {
  const history = useQuery({
    queryKey: ["case", caseId, "history"],
    queryFn: () => calls.history(caseId),
    refetchInterval: (query) => again_ms(query.state.data?.case.state),
    retry: (failures, error) => failures < 2 && !(error instanceof Problem && !error.passing),
  });
  const shown = history.data?.case as Case | undefined;
  const view = useQuery({
    // The view belongs to what the history shows, so that the two never tell of different revisions for long.
    queryKey: ["case", caseId, "view", shown?.content_hash, shown?.state],
    queryFn: () => calls.view(caseId),
    enabled: shown !== undefined,
    placeholderData: (before) => before,
    retry: false,
  });
  useTitle(shown?.title ?? "Case");

  if (history.error instanceof Problem && history.error.status === 404) return <Nowhere caseId={caseId} />;
  if (!history.data || !shown) {
    return (
      <div className="screens-page">
        {history.error ? <Trouble error={history.error} onRetry={() => void history.refetch()} /> : <Waiting what="the case" />}
      </div>
    );
  }
  const drawn = view.data ?? (view.isPending ? null : viewOf(history.data));
  return (
    <div className="screens-page">
      <Trouble error={history.error} onRetry={() => void history.refetch()} />
      <CaseShown history={history.data} shown={shown} view={drawn} />
    </div>
  );
}

function Nowhere({ caseId }: { caseId: string }) {
  useTitle("No such case");
  return (
    <div className="screens-page">
      <h1>There is no such case</h1>
      <p className="reading">
        Nothing is kept under <code>{caseId}</code>. The link may be incomplete, or of another desk.
      </p>
      <p>
        <Link href="/">To the inbox</Link> · <Link href="/done">To the decided cases</Link>
      </p>
    </div>
  );
}

function CaseShown({ history, shown, view }: { history: History; shown: Case; view: CaseView | null }) {
  const now = useNow(10_000);
  const withheld = view?.withheld ?? true; // until it is known, as if it were
  return (
    <>
      <header className="screens-head">
        <p className="small muted">
          <Link href={`/done?checkpoint=${encodeURIComponent(shown.checkpoint)}`}>{nameInWords(shown.checkpoint)}</Link>
        </p>
        <h1>
          <Visible text={shown.title} />
        </h1>
        <p>
          <StateMark state={shown.state} /> <span className="muted">{stateWords(shown.state).meaning}</span>
        </p>
      </header>
      <Actions history={history} shown={shown} now={now} />
      {view ? (
        <div className="screens-content">
          <section aria-label="Evidence">
            <h2>Evidence</h2>
            <EvidenceList evidence={view.evidence} caseId={shown.id} />
          </section>
          <section aria-label="Proposal">
            <h2>{shown.state === "waiting" ? "Proposed" : `Arguments, revision ${shown.revision}`}</h2>
            <Proposal view={view} />
            {view.withheld && <Withheld />}
          </section>
        </div>
      ) : (
        <Waiting what="its content" />
      )}
      <section className="screens-section" aria-label="What happened">
        <h2>What happened</h2>
        {view ? <TimeLine history={history} withheld={withheld} now={now} /> : <Waiting what="its history" />}
      </section>
      <Facts shown={shown} now={now} />
    </>
  );
}

function Facts({ shown, now }: { shown: Case; now: Date }) {
  const times: [string, string | null | undefined][] = [
    ["Proposed", shown.created_at],
    ["Expires", shown.state === "waiting" ? shown.deadline_at : null],
    ["Snoozed until", shown.state === "waiting" ? shown.snoozed_until : null],
  ];
  return (
    <section className="screens-section" aria-label="Facts">
      <h2>Facts</h2>
      <dl className="screens-facts">
        {times.map(
          ([name, date]) =>
            date && (
              <div key={name}>
                <dt>{name}</dt>
                <dd>
                  <At date={date} now={now} long />
                </dd>
              </div>
            ),
        )}
        <div>
          <dt>Proposer</dt>
          <dd>
            <Visible text={shown.proposer} />
          </dd>
        </div>
        {shown.key && (
          <div>
            <dt>Key</dt>
            <dd>
              <code>
                <Visible text={shown.key} />
              </code>
            </dd>
          </div>
        )}
        {shown.assigned_to && (
          <div>
            <dt>Assigned to</dt>
            <dd>
              <Visible text={addressee(shown.assigned_to)} />
            </dd>
          </div>
        )}
        {shown.reverses && (
          <div>
            <dt>Undoes</dt>
            <dd>
              <Link href={`/cases/${shown.reverses}`}>another case</Link>
            </dd>
          </div>
        )}
        <div>
          <dt>Checkpoint</dt>
          <dd>
            {shown.checkpoint}, version {shown.version}
          </dd>
        </div>
        <div>
          <dt>Case</dt>
          <dd>
            <code>{shown.id}</code> <Copy text={shown.id} what="the case's id">Copy</Copy>
          </dd>
        </div>
        <div>
          <dt>Content hash</dt>
          <dd>
            <code>{shown.content_hash}</code> <Copy text={shown.content_hash} what="the content hash">Copy</Copy>
          </dd>
        </div>
      </dl>
    </section>
  );
}

function Actions({ history, shown, now }: { history: History; shown: Case; now: Date }) {
  const queries = useQueryClient();
  const who = useQuery({ queryKey: ["me"], queryFn: calls.me, staleTime: 60_000 });
  const me: Me | undefined = who.data;
  const reload = () => void queries.invalidateQueries({ queryKey: ["case"] });
  return (
    <div className="screens-actions">
      <div className="dialogs-actions">
        {shown.state === "waiting" && (
          <Link href={`/?case=${encodeURIComponent(shown.id)}`} className="button">
            Open in the inbox
          </Link>
        )}
        <Undo history={history} shown={shown} me={me} />
        {shown.state === "done" && <Reversal shown={shown} me={me} />}
        <Copy text={`${location.origin}/cases/${shown.id}`} what="link to this case">
          Copy link
        </Copy>
      </div>
      {shown.state === "unknown" && (
        <Resolve history={history} may={me ? holds(me, "lead", "admin") : null} now={now} onDone={reload} />
      )}
    </div>
  );
}

function holds(me: Me | undefined, ...roles: Me["roles"]): boolean {
  return me?.roles.some((role) => roles.includes(role)) ?? false;
}

function Undo({ history, shown, me }: { history: History; shown: Case; me: Me | undefined }) {
  const undo = useUndo();
  const verdict = history.verdicts.find((one) => one.id === shown.verdict_id);
  const own = shown.state === "held" && me !== undefined && verdict?.reviewer === me.id;
  useCommands(own ? { undo: () => secondsLeft(shown, new Date(serverNow())) > 0 && !undo.isPending && undo.mutate(shown.id) } : {});
  return (
    <>
      {own && (
        <button type="button" className="button" disabled={undo.isPending} onClick={() => undo.mutate(shown.id)}>
          Undo <Key of="undo" />{" "}
          <span className="muted">
            <Countdown of={shown} />
          </span>
        </button>
      )}
      <Refusal error={undo.error} />
    </>
  );
}

function Reversal({ shown, me }: { shown: Case; me: Me | undefined }) {
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const [ordered, setOrdered] = useState<Case | null>(null);
  const found = useQuery({ queryKey: ["checkpoints"], queryFn: calls.checkpoints, staleTime: 60_000 });
  const by = found.data?.find((one) => one.reverses === shown.checkpoint);
  if (ordered) {
    return (
      <p className="notice" role="status">
        The reversal is ordered: <Link href={`/cases/${ordered.id}`}>its case</Link>. This one is reversed once that is done.
      </p>
    );
  }
  if (found.isPending) return null;
  if (!by) {
    return (
      <p className="muted">
        {shown.checkpoint} has no reversal, so this cannot be undone from here; what undoes it has to be proposed or done elsewhere.
      </p>
    );
  }
  if (!holds(me, "reviewer", "lead")) return null;
  return (
    <div>
      <button type="button" className="button" onClick={() => setOpen(true)}>
        Reverse…
      </button>
      {open && (
        <Reverse
          shown={shown}
          by={by.name}
          onClose={() => setOpen(false)}
          onDone={(after) => {
            setOpen(false);
            setOrdered(after);
            void queries.invalidateQueries({ queryKey: ["case"] });
          }}
        />
      )}
    </div>
  );
}
