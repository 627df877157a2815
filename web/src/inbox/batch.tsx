/** The batch: several cases ruled on together, but only after some of them, drawn at random, were looked at. */
import "./batch.css";

import { useCallback, useEffect, useId, useRef, useState } from "react";

import { Frame } from "../dialogs/frame";
import { EvidenceList } from "../evidence/evidence_list";
import { isSecond, useCommands, useKeymap } from "../keys/keyboard";
import { shown as asShown } from "../keys/keymap";
import { Proposal } from "../proposal/proposal";
import { Visible } from "../text/visible";
import { byRisk, drawnFrom, type Group, grouped, type LeftOut, type Member, members, MOST, risks, shuffled } from "./batch_members";
import { useDesk, useSnapshot } from "./context";
import { nameInWords } from "../text/name";
import { useOnScreen } from "./on_screen";

/** Claims last for three minutes; they are taken anew before that. */
const CLAIM_AGAIN_MS = 90_000;
const LOOK_MS = 1000;

type Kind = "approved" | "rejected";
const VERBS: Record<Kind, string> = { approved: "Approve", rejected: "Reject" };
const DONE: Record<Kind, string> = { approved: "Approved", rejected: "Rejected" };

interface Confirming {
  kind: Kind;
  /** What the person is told; the batch may have become smaller since. */
  groups: readonly Group[];
  changed: boolean;
}

export function Batch({ ids: asked, onClose }: { ids: readonly string[]; onClose(): void }) {
  const desk = useDesk();
  const { sitting } = useSnapshot();
  const keys = useKeymap();
  // The selection may change behind the batch; the batch is what it was when it opened.
  const [{ ids, later, order }] = useState(() => {
    const first = asked.slice(0, MOST);
    return { ids: first, later: asked.slice(MOST), order: shuffled(first) };
  });
  const shown = usePrepared(ids);
  const [taken_out, setTakenOut] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [open, setOpen] = useState<string | null>(null);
  const [confirming, setConfirming] = useState<Confirming | null>(null);
  const [said, setSaid] = useState("");
  const pane = useRef<HTMLElement>(null);

  const { in: left, out } = members(ids, sitting, shown ?? new Map(), taken_out);
  const groups = grouped(left);
  // In the order in which they stand on screen.
  const here = idsOf(groups);
  const drawn = drawnFrom(order, left);
  const unopened = drawn.filter((id) => !opened.has(id));
  const ready = shown !== null && here.length > 0 && unopened.length === 0;

  const onSeen = useCallback((id: string) => setOpened((before) => new Set(before).add(id)), []);
  const toggle = (id: string) => setOpen((before) => (before === id ? null : id));
  const focused = () => {
    const at = document.activeElement?.closest("[data-member]")?.getAttribute("data-member") ?? null;
    return at !== null && here.includes(at) ? at : null;
  };
  const focus = (id: string | undefined) =>
    [...(pane.current?.querySelectorAll<HTMLElement>("[data-member]") ?? [])]
      .find((member) => member.dataset["member"] === id)
      ?.querySelector<HTMLElement>(".batch-open")
      ?.focus();
  const step = (by: 1 | -1) => {
    const at = focused();
    focus(at === null ? here[0] : here[here.indexOf(at) + by]);
  };
  const takeOut = (id: string) => {
    const at = here.indexOf(id);
    const next = here[at + 1] ?? here[at - 1];
    setTakenOut((before) => new Set(before).add(id));
    setOpen((before) => (before === id ? null : before));
    if (next) focus(next);
    else pane.current?.focus();
  };
  const putBack = (id: string) => {
    setTakenOut((before) => new Set([...before].filter((each) => each !== id)));
    pane.current?.focus();
  };
  const begin = (kind: Kind) => {
    if (ready) {
      setConfirming({ kind, groups, changed: false });
      return;
    }
    setSaid(here.length ? "First open the cases that were drawn; the next one has the focus." : "There is no case left to rule on.");
    focus(here.find((id) => unopened.includes(id)));
  };
  const rule = ({ kind, groups: told_groups }: Confirming) => {
    const told = idsOf(told_groups);
    if (!ready) {
      setConfirming(null);
      setSaid("The batch changed meanwhile: another case was drawn. Open it first.");
    } else if (told.length !== here.length || told.some((id) => !here.includes(id))) {
      setConfirming({ kind, groups, changed: true });
    } else {
      desk.ruleMany(told, kind);
      for (const id of later) desk.toggle(id);
      const hold = Math.min(...left.map(({ view }) => view.checkpoint.undo_s));
      desk.say(kind === "approved" ? "ok" : "plain", `${DONE[kind]} ${cases(told.length)}. Each can be taken back for ${hold} s.`);
      onClose();
    }
  };

  useEffect(() => pane.current?.focus(), []);
  useCommands(
    {
      next: () => step(1),
      previous: () => step(-1),
      open_case: () => {
        const at = focused();
        if (at !== null) toggle(at);
      },
      select: () => {
        const at = focused();
        if (at !== null) takeOut(at);
      },
      approve_edited: () => begin("approved"),
    },
    {
      other: (key) => {
        if (key !== "Escape") return false;
        onClose();
        return true;
      },
    },
  );

  const heading = useId();
  return (
    <section className="batch" ref={pane} tabIndex={-1} aria-labelledby={heading}>
      <header className="batch-head">
        <h1 id={heading}>Batch of {cases(here.length)}</h1>
        <button type="button" className="button plain" onClick={onClose}>
          Close <kbd>Esc</kbd>
        </button>
      </header>
      {later.length > 0 && (
        <p className="notice">
          A batch holds {MOST} cases at most. The other {later.length} of your selection stay selected.
        </p>
      )}
      {shown === null ? (
        <p role="status">Loading {cases(ids.length)} and claiming them for you…</p>
      ) : (
        <>
          <Counts groups={groups} />
          <p role="status" className={ready ? "ok" : undefined}>
            {here.length === 0
              ? "No case is left that could be ruled on in a batch. Close it and rule on them one by one."
              : ready
                ? `You have looked at the ${drawn.length === 1 ? "case" : `${drawn.length} cases`} that were drawn.`
                : `${drawn.length - unopened.length} of ${drawn.length} drawn cases looked at. Open each marked case for at least a second, then you can rule on all ${here.length}.`}
          </p>
          {groups.map(({ checkpoint, members: found }) => (
            <section key={checkpoint.name} aria-label={nameInWords(checkpoint.name)}>
              <h2>
                <Visible text={nameInWords(checkpoint.name)} /> <span className="muted">· {cases(found.length)}</span>
              </h2>
              <ul className="batch-members">
                {found.map((member) => (
                  <Card
                    key={member.id}
                    member={member}
                    drawn={drawn.includes(member.id)}
                    seen={opened.has(member.id)}
                    expanded={open === member.id}
                    onToggle={toggle}
                    onTakeOut={takeOut}
                    onSeen={onSeen}
                  />
                ))}
              </ul>
            </section>
          ))}
          <Out out={out} titleOf={(id) => sitting.rows.find((row) => row.case.id === id)?.case.title ?? id} onPutBack={putBack} />
        </>
      )}
      <footer className="batch-bar">
        <span role="status" className="batch-said">
          {!ready && said}
        </span>
        <button type="button" className="button primary" disabled={!ready} onClick={() => begin("approved")}>
          Approve all {here.length} {keys.approve_edited[0] && <kbd>{asShown(keys.approve_edited[0])}</kbd>}
        </button>
        <button type="button" className="button" disabled={!ready} onClick={() => begin("rejected")}>
          Reject all {here.length}
        </button>
      </footer>
      {confirming && (
        <Confirm
          confirming={confirming}
          onConfirm={() => rule(confirming)}
          onClose={() => setConfirming(null)}
        />
      )}
    </section>
  );
}

/** Have the cases here and claimed; gives what content each was first shown with, or null until they are here. */
function usePrepared(ids: readonly string[]): ReadonlyMap<string, string> | null {
  const desk = useDesk();
  const { views } = useSnapshot().sitting;
  const [prepared, setPrepared] = useState(false);
  const [shown, setShown] = useState<ReadonlyMap<string, string>>(new Map());
  useEffect(() => {
    let gone = false;
    void desk.prepare(ids).then(() => {
      if (!gone) setPrepared(true);
    });
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") void desk.prepare(ids);
    }, CLAIM_AGAIN_MS);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [desk, ids]);
  const first = prepared ? ids.filter((id) => views[id] && !shown.has(id)) : [];
  if (first.length) setShown(new Map([...shown, ...first.map((id) => [id, views[id]?.case.content_hash ?? ""] as const)]));
  return prepared ? shown : null;
}

interface CardProps {
  member: Member;
  drawn: boolean;
  seen: boolean;
  expanded: boolean;
  onToggle(id: string): void;
  onTakeOut(id: string): void;
  onSeen(id: string): void;
}

function Card({ member: { id, view }, drawn, seen, expanded, onToggle, onTakeOut, onSeen }: CardProps) {
  const body = useId();
  return (
    <li data-member={id} className={`batch-member${expanded ? " expanded" : ""}${drawn && !seen ? " drawn" : ""}`}>
      <div className="batch-member-head">
        <button
          type="button"
          className="batch-open"
          aria-expanded={expanded}
          aria-controls={expanded ? body : undefined}
          onClick={() => onToggle(id)}
        >
          <Visible text={view.case.title || "Untitled case"} />
          {drawn && <span className={seen ? "batch-mark ok" : "batch-mark warn"}>{seen ? "✓ looked at" : "◎ open this one"}</span>}
        </button>
        <button type="button" className="button plain small" onClick={() => onTakeOut(id)}>
          Take out<span className="visually-hidden"> {view.case.title}</span>
        </button>
      </div>
      {expanded && <Opened id={body} view={view} onSeen={onSeen} />}
    </li>
  );
}

function Opened({ id, view, onSeen }: { id: string; view: Member["view"]; onSeen(id: string): void }) {
  const body = useRef<HTMLDivElement>(null);
  const case_id = view.case.id;
  const seen = useCallback(() => onSeen(case_id), [onSeen, case_id]);
  useOnScreen(body, LOOK_MS, seen);
  useEffect(() => {
    // Not given back: newer browsers answer a scroll with a promise, and an effect gives back how it ends.
    body.current?.scrollIntoView?.({ block: "nearest" });
  }, []);
  return (
    <div id={id} ref={body} className="batch-opened">
      <section aria-label="Evidence">
        <EvidenceList evidence={view.evidence} caseId={case_id} />
      </section>
      <section aria-label="What the AI proposes">
        <Proposal view={view} />
      </section>
    </div>
  );
}

function Counts({ groups }: { groups: readonly Group[] }) {
  const counts = byRisk(groups);
  if (!counts.length) return null;
  return (
    <ul className="batch-counts" aria-label="Cases by risk">
      {counts.map(([risk, count]) => (
        <li key={risk}>
          <strong>{count}</strong> {risk}
        </li>
      ))}
    </ul>
  );
}

function Out({ out, titleOf, onPutBack }: { out: readonly LeftOut[]; titleOf(id: string): string; onPutBack(id: string): void }) {
  if (!out.length) return null;
  return (
    <section aria-label="Left out">
      <h2>
        Left out <span className="muted">· {cases(out.length)}</span>
      </h2>
      <ul className="batch-out">
        {out.map(({ id, why, own }) => (
          <li key={id}>
            <span>
              <Visible text={titleOf(id)} />
            </span>
            <span className="muted">
              <Visible text={why} />
            </span>
            {own && (
              <button type="button" className="button plain small" onClick={() => onPutBack(id)}>
                Put back<span className="visually-hidden"> {titleOf(id)}</span>
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface ConfirmProps {
  confirming: Confirming;
  onConfirm(): void;
  onClose(): void;
}

function Confirm({ confirming: { kind, groups, changed }, onConfirm, onClose }: ConfirmProps) {
  const number = cases(idsOf(groups).length);
  // The focus begins on the dialog itself: the key that opened it, held for too long, must not answer it.
  return (
    <Frame title={`${VERBS[kind]} ${number}?`} onClose={onClose}>
      {changed && (
        <p className="notice" role="alert">
          The batch changed meanwhile. These are the numbers now.
        </p>
      )}
      <ul className="batch-confirm">
        {groups.map(({ checkpoint, members: found }) => (
          <li key={checkpoint.name}>
            <strong>{cases(found.length)}</strong> at <Visible text={nameInWords(checkpoint.name)} />: {risks(checkpoint).join(", ")}; can be taken back for{" "}
            {checkpoint.undo_s} s
          </li>
        ))}
      </ul>
      <Counts groups={groups} />
      <div className="dialogs-actions">
        <button type="button" className="button primary" onClick={(click) => !isSecond(click) && onConfirm()}>
          {VERBS[kind]} {number}
        </button>
        <button type="button" className="button" onClick={onClose}>
          Back <kbd>Esc</kbd>
        </button>
      </div>
    </Frame>
  );
}

function idsOf(groups: readonly Group[]): string[] {
  return groups.flatMap((group) => group.members.map(({ id }) => id));
}

function cases(count: number): string {
  return count === 1 ? "1 case" : `${count} cases`;
}
