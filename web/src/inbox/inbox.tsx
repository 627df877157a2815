/** The inbox: queue, case and verdict on one screen, all of it by keyboard. */
import "./inbox.css";

import { useQuery } from "@tanstack/react-query";
import { Suspense, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useLocation, useSearch } from "wouter";

import * as api from "../api/calls";
import { later } from "../api/later";
import type { Arguments, Case, CaseView } from "../api/types";
import { paintKey } from "../desk/desk";
import { mayBeRuled, rowOf, type Standing } from "../desk/sitting";
import { EvidenceList } from "../evidence/evidence_list";
import { keyboard, OnItsWay, useCommands } from "../keys/keyboard";
import { hasSuggestion } from "../label/label_choice";
import { focusLabelField, LabelChooser, labelKeys } from "../label/label_chooser";
import { Effect } from "../proposal/effect";
import { loadDifference, Proposal } from "../proposal/proposal";
import { Broken } from "../screens/broken";
import { useNow } from "../text/now";
import { Visible } from "../text/visible";
import { ActionBar } from "./action_bar";
import { addressOf, place, sameFilter } from "./address";
import { age, left } from "./age";
import { useDesk, useShown, useSnapshot } from "./context";
import { List } from "./list";
import { nameInWords } from "../text/name";
import { Why } from "./why";

const loadEdit = () => import("../edit/edit_form");
const EditForm = later(loadEdit);
const loadSnooze = () => import("../dialogs/snooze").then((found) => ({ default: found.Snooze }));
const loadHandOver = () => import("../dialogs/hand_over").then((found) => ({ default: found.HandOver }));
const loadRedraft = () => import("../dialogs/redraft").then((found) => ({ default: found.Redraft }));
const Batch = later(() => import("./batch").then((found) => ({ default: found.Batch })));
const Snooze = later(loadSnooze);
const HandOver = later(loadHandOver);
const Redraft = later(loadRedraft);
const AHEAD = [loadEdit, loadDifference, loadSnooze, loadHandOver, loadRedraft];

/** A dialog is about the case it was opened on, whatever comes on screen behind it. */
type Asking = { what: "snooze" | "hand_over" | "redraft"; view: CaseView } | null;

export function Inbox() {
  const desk = useDesk();
  const { sitting, shown: kept, confirming, notice } = useSnapshot();
  const [, navigate] = useLocation();
  const search = useSearch();
  const asked = place(search);
  const [asking, setAsking] = useState<Asking>(null);
  const [batch, setBatch] = useState<readonly string[] | null>(null);
  const [reading, setReading] = useState(asked.case_id !== null);
  const [comparing, setComparing] = useState<string | null>(null);
  const wide = useMedia("(width >= 1180px)");
  // On a phone list and case take turns: what is shown is the page's main part.
  const listed = useMedia("(width < 720px)") && !reading && sitting.current !== null;
  const Heading = listed ? "h1" : "h2";
  const searching = useRef<HTMLInputElement>(null);

  const { current } = sitting;
  const view = current ? (sitting.views[current] ?? null) : null;
  const row = rowOf(sitting, current);
  const standing: Standing = row?.standing ?? { kind: "open" };
  const ready = view !== null && mayBeRuled(standing);
  const editing = asked.editing && asked.case_id === current && view !== null && mayBeRuled(standing);
  const labelled = view?.checkpoint.label ?? null;
  const draft = kept ? sitting.drafts[kept.case.id] : undefined;
  const labels = useQuery({
    queryKey: ["labels", view?.checkpoint.name],
    queryFn: () => api.labels(view?.checkpoint.name ?? ""),
    enabled: labelled !== null,
    staleTime: 60_000,
  });

  // The address says which queue; the case on screen and whether it is edited follow the person without a step back each.
  const filter = asked.filter;
  const opened = useRef<typeof filter | null>(null);
  useEffect(() => {
    if (opened.current && sameFilter(opened.current, filter)) return;
    const again = opened.current === null && desk.snapshot().sitting.listed !== "no" && sameFilter(desk.snapshot().sitting.filter, filter);
    opened.current = filter;
    if (!again) void desk.open(filter, asked.case_id);
    else if (asked.case_id) desk.go(asked.case_id);
  });
  useEffect(() => {
    if (!current || current === asked.case_id) return;
    const timer = setTimeout(() => navigate(addressOf({ filter, case_id: current, editing: false }), { replace: true }));
    return () => clearTimeout(timer);
  });
  const edit = useCallback(
    (open: boolean) => {
      navigate(addressOf({ filter, case_id: current, editing: open }), { replace: true });
    },
    [navigate, filter, current],
  );

  // What a key may open is loaded once there is nothing better to do: the first `e` does not wait, nor does it fail offline.
  const idle = view !== null;
  useEffect(() => {
    if (!idle) return;
    const all = () => {
      for (const load of AHEAD) load().catch(() => undefined);
    };
    const timer = setTimeout(all, 1_000);
    return () => clearTimeout(timer);
  }, [idle]);

  const compared = useCompared(standing, kept, comparing !== null && comparing === current);

  const passedOn = (done: (after: Case) => string) => (after: Case) => {
    setAsking(null);
    desk.passedOn(after, done(after));
  };
  const rulable = ready && !confirming && !editing && batch === null;
  const rejected = notice?.rejected;

  useCommands(
    batch !== null
      ? {}
      : {
          next: () => desk.next(),
          previous: () => desk.previous(),
          show_new: () => void desk.refresh(),
          undo: () => void desk.undo(),
          search: () => {
            if (!focusLabelField()) searching.current?.focus();
          },
          ...(rulable && {
            approve: () => {
              if (hasSuggestion(view)) desk.approve();
              else desk.say("warn", "There is no suggestion to approve: choose a category.");
            },
            reject: () => desk.reject(),
            edit: () => edit(true),
            snooze: () => setAsking({ what: "snooze", view }),
            hand_over: () => setAsking({ what: "hand_over", view }),
            redraft: () => setAsking({ what: "redraft", view }),
            difference: () => {
              if (view.case.revision > 1) setComparing((before) => (before === current ? null : current));
              else desk.say("plain", "This is the first draft: there is nothing to compare it with.");
            },
          }),
          ...(current && {
            select: () => desk.select(),
            extend_down: () => desk.extend(1),
            extend_up: () => desk.extend(-1),
            open_case: () => navigate(`/cases/${current}`),
            copy_link: () => copyLink(current, (text) => desk.say("plain", text)),
          }),
          ...(sitting.selected.size > 0 && { batch: () => setBatch([...sitting.selected]) }),
        },
    {
      mayRule: () => desk.settledOnScreen,
      other: (key, event) => {
        if (batch !== null) return false;
        if (confirming) {
          if (key === "Enter") desk.confirm();
          else if (key === "Escape") desk.unconfirm();
          else return false;
          return true;
        }
        if (key === "Escape") {
          if (editing) return false;
          if (sitting.selected.size) desk.unselect();
          else if (reading && matchMedia("(width < 720px)").matches) setReading(false);
          else desk.hush();
          return true;
        }
        const digit = /^Digit([1-9])$/.exec(event.code)?.[1];
        const reasons = rejected && sitting.views[rejected.case_id]?.checkpoint.reasons;
        if (rejected && reasons && digit && event.shiftKey === (labelled !== null)) {
          const reason = reasons[Number(digit) - 1];
          if (reason) void desk.giveReason(rejected, reason);
          return reason !== undefined;
        }
        const label = rulable && labelled ? labelKeys(view, labels.data?.items ?? [], key) : null;
        if (label !== null) desk.choose(label);
        return label !== null;
      },
    },
  );

  const empty = sitting.listed === "yes" && sitting.rows.length === 0 && current === null;
  return (
    <div className={`inbox${reading ? " reading-case" : ""}${editing ? " editing-case" : ""}${current === null ? " nothing" : ""}`}>
      <section className="inbox-list" aria-label="Queue" role={listed ? "main" : undefined}>
        <header className="inbox-list-head">
          <Heading>{filter.assigned === "me" ? "Assigned to me" : filter.assigned === "group" ? "My groups" : nameInWords(filter.checkpoint ?? "Everything")}</Heading>
          <Search key={filter.text ?? ""} input={searching} text={filter.text} onSearch={(text) => navigate(addressOf({ filter: { ...filter, text }, case_id: null, editing: false }))} />
        </header>
        <List onOpen={() => setReading(true)} />
        {sitting.selected.size > 0 && (
          <button type="button" className="inbox-new" onClick={() => setBatch([...sitting.selected])}>
            {sitting.selected.size} selected: open as a batch
          </button>
        )}
        {sitting.listed === "failed" && (
          <p className="notice inbox-list-note">
            The queue could not be read. <button type="button" className="button small" onClick={() => void desk.refresh()}>Try again</button>
          </p>
        )}
        {sitting.listed === "yes" && sitting.rows.length === 0 && <p className="muted inbox-list-note">{filter.text === null ? "Nothing waits here." : "Nothing found."}</p>}
      </section>
      <main className="inbox-main" id="main">
        <Connection />
        {batch !== null ? (
          <Suspense fallback={<Skeleton />}>
            <Batch ids={batch} onClose={() => setBatch(null)} />
          </Suspense>
        ) : kept ? (
          <Broken of={paintKey(kept)}>
          <article className="inbox-case" aria-labelledby="case-title">
            <button type="button" className="button plain inbox-back" onClick={() => setReading(false)}>
              ← Queue
            </button>
            <CaseHead view={kept} />
            <Banner standing={standing} view={kept} />
            <div className={`inbox-case-body${editing ? " editing" : ""}`}>
              <section className="inbox-source" aria-label="Evidence">
                <h2 className="visually-hidden">Evidence</h2>
                <EvidenceList evidence={kept.evidence} caseId={kept.case.id} />
              </section>
              <section className="inbox-proposal" aria-label={editing ? "Edit" : "What the AI proposes"}>
                {editing && view ? (
                  <Suspense
                    fallback={
                      <>
                        <Skeleton />
                        <OnItsWay onClose={() => edit(false)} />
                      </>
                    }
                  >
                    <Editing key={paintKey(view)} view={view} draft={sitting.drafts[view.case.id]?.arguments ?? null} onLeave={() => edit(false)} />
                  </Suspense>
                ) : (
                  <>
                    {draft && ready && (
                      <p className="notice">
                        {draft.content_hash === kept.case.content_hash
                          ? "There is an edit of yours that was not sent."
                          : "There is an edit of yours, made on a draft before this one. Beside the form stands all that it changes in this one."}{" "}
                        <button type="button" className="button small" onClick={() => edit(true)}>
                          Go on editing
                        </button>{" "}
                        <button type="button" className="button plain small" onClick={() => desk.draft(kept.case.id, null)}>
                          Drop it
                        </button>
                      </p>
                    )}
                    {kept.checkpoint.label ? (
                      <>
                      <LabelChooser
                        key={kept.case.id}
                        view={kept}
                        labels={labels.data?.items ?? []}
                        disabled={!ready || confirming !== null || asking !== null}
                        onChoose={(label) => {
                          if (desk.settledOnScreen) desk.choose(label);
                        }}
                      />
                      <Besides view={kept} />
                      </>
                    ) : (
                      <Proposal view={kept} {...compared} />
                    )}
                  </>
                )}
              </section>
            </div>
            {!wide && (
              <aside className="inbox-why-inline" aria-label="Why you see this">
                <Why view={kept} />
              </aside>
            )}
            <Painted view={view} />
          </article>
          </Broken>
        ) : current && sitting.missing[current] ? (
          <div className="inbox-empty">
            <h1>This case cannot be shown</h1>
            <p>{sitting.missing[current]}</p>
            <button type="button" className="button" onClick={() => desk.flush()}>
              Try again
            </button>
          </div>
        ) : empty ? (
          <Empty text={filter.text} />
        ) : sitting.listed === "failed" && current === null ? (
          <div className="inbox-empty">
            <h1>The queue could not be read</h1>
            <p>{notice?.tone === "bad" ? notice.text : "The server did not answer. It is asked again by itself."}</p>
            <button type="button" className="button" onClick={() => void desk.refresh()}>
              Try again
            </button>
          </div>
        ) : (
          <Skeleton />
        )}
        {batch === null && <ActionBar view={view} ready={rulable} editing={editing} />}
      </main>
      {wide && !editing && (
        <aside className="inbox-why" aria-label="Why you see this">
          {kept && batch === null && <Why view={kept} />}
        </aside>
      )}
      <Suspense fallback={<OnItsWay onClose={() => setAsking(null)} />}>
        {asking?.what === "snooze" && (
          <Snooze caseView={asking.view} onClose={() => setAsking(null)} onDone={passedOn((after) => `Snoozed until ${time(after.snoozed_until)}: ${after.title}`)} />
        )}
        {asking?.what === "hand_over" && (
          <HandOver caseView={asking.view} onClose={() => setAsking(null)} onDone={passedOn((after) => `Handed over to ${after.assigned_to ?? "others"}: ${after.title}`)} />
        )}
        {asking?.what === "redraft" && (
          <Redraft
            caseView={asking.view}
            onClose={() => setAsking(null)}
            onDone={(after) => {
              setAsking(null);
              desk.redrafted(after);
            }}
          />
        )}
      </Suspense>
    </div>
  );
}

function useMedia(query: string): boolean {
  const subscribe = useCallback(
    (listener: () => void) => {
      const media = matchMedia(query);
      media.addEventListener("change", listener);
      return () => media.removeEventListener("change", listener);
    },
    [query],
  );
  return useSyncExternalStore(subscribe, () => matchMedia(query).matches);
}

/** What else would run on a label queue: the arguments that are neither the category nor shown as evidence already. */
function Besides({ view }: { view: CaseView }) {
  const rest = useMemo(() => {
    const there = new Set(Object.values(view.evidence).map(({ value }) => JSON.stringify(value)));
    const hidden = (name: string, value: unknown) => name === view.checkpoint.label || there.has(JSON.stringify(value));
    const kept = Object.entries(view.content.arguments).filter(([name, value]) => !hidden(name, value));
    const schema = view.checkpoint.arguments_schema as { properties?: Record<string, unknown> };
    const properties = Object.fromEntries(Object.entries(schema.properties ?? {}).filter(([name]) => kept.some(([own]) => own === name)));
    return {
      ...view,
      checkpoint: { ...view.checkpoint, arguments_schema: { ...schema, properties } },
      content: { ...view.content, arguments: Object.fromEntries(kept) },
    };
  }, [view]);
  return Object.keys(rest.content.arguments).length ? <Proposal view={rest} /> : <Effect checkpoint={view.checkpoint} />;
}

/** What to compare the case with: what was there when it changed under the person's eyes, or the draft before. */
function useCompared(standing: Standing, view: CaseView | null, comparing: boolean): { compareWith?: Arguments } {
  const { data } = useQuery({
    queryKey: ["history", view?.case.id, view?.case.content_hash],
    queryFn: () => api.history(view?.case.id ?? ""),
    enabled: comparing && view !== null && view.case.revision > 1,
    staleTime: 30_000,
  });
  if (standing.kind === "changed") return { compareWith: standing.before };
  const before = comparing && data?.contents.find((content) => content.revision === (view?.case.revision ?? 0) - 1);
  return before ? { compareWith: before.arguments as Arguments } : {};
}

/** Says when the case on screen was painted: verdict keys count from a moment later. */
function Painted({ view }: { view: CaseView | null }) {
  const desk = useDesk();
  const key = view ? paintKey(view) : null;
  useLayoutEffect(() => {
    if (key === null) return;
    const frame = requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => desk.painted(key);
      channel.port2.postMessage(null);
    });
    return () => {
      cancelAnimationFrame(frame);
      desk.painted(null);
    };
  }, [key, desk]);
  return null;
}

function CaseHead({ view }: { view: CaseView }) {
  const now = useNow(30_000).getTime();
  const { case: shown, checkpoint } = view;
  return (
    <header className="inbox-case-head">
      <h1 id="case-title" tabIndex={-1} data-case-id={shown.id}>
        <Visible text={shown.title || "Untitled case"} />
      </h1>
      <p className="muted small">
        {nameInWords(checkpoint.name)} · proposed by <Visible text={shown.proposer} /> {age(shown.created_at, now)} ago
        {shown.deadline_at && <span className={Date.parse(shown.deadline_at) - now < 3_600_000 ? "warn" : ""}> · expires in {left(shown.deadline_at, now)}</span>}
        {shown.opinions > 1 && ` · ${shown.opinions} people have to agree`}
      </p>
    </header>
  );
}

function Banner({ standing, view }: { standing: Standing; view: CaseView }) {
  const desk = useDesk();
  const now = useNow(1000).getTime();
  switch (standing.kind) {
    case "claimed":
      return (
        <p className="notice" role="status">
          <strong>
            <Visible text={standing.by} />
          </strong>{" "}
          has this case. You can read it; go on to the next one, or take it once it is free.{" "}
          <button type="button" className="button small" onClick={() => void desk.retake(view.case.id)}>
            Is it free?
          </button>
        </p>
      );
    case "changed":
      return (
        <p className="notice" role="status">
          {standing.words}
          {!view.checkpoint.label && " What is struck through was there before."}
        </p>
      );
    case "elsewhere":
    case "passed_on":
      return (
        <p className="notice" role="status">
          <Visible text={standing.words} />
        </p>
      );
    case "refused":
      return (
        <p className="problem" role="alert">
          Your verdict did not count: <Visible text={standing.words} />
        </p>
      );
    case "sending":
    case "ruled": {
      const left = standing.kind === "ruled" && standing.until !== null ? Math.min(standing.verdict.hold_s, Math.ceil((standing.until - now) / 1000)) : 0;
      return (
        <p className="inbox-ruled">
          You {standing.verdict.kind === "rejected" ? "rejected" : "approved"} this
          {standing.verdict.label !== undefined && (
            <>
              {" as "}
              <Visible text={standing.verdict.label} />
            </>
          )}
          {standing.kind === "sending" ? "; it is being sent." : left > 0 ? `; it takes effect in ${left} s.` : "."}{" "}
          {(left > 0 || (standing.kind === "sending" && standing.verdict.hold_s > 0)) && (
            <button type="button" className="button small" onClick={() => void desk.undoVerdict(standing.verdict)}>
              Take it back
            </button>
          )}
        </p>
      );
    }
    default:
      return null;
  }
}

function Editing({ view, draft, onLeave }: { view: CaseView; draft: Arguments | null; onLeave(): void }) {
  const desk = useDesk();
  const newest = useRef<{ args: Arguments; problems: string[] } | null>(null);
  const id = view.case.id;
  return (
    <EditForm
      view={view}
      draft={draft}
      onChange={(args, problems) => {
        newest.current = { args, problems };
        const same = JSON.stringify(args) === JSON.stringify(view.content.arguments);
        desk.draft(id, same ? null : args);
      }}
      onApprove={() => {
        const args = newest.current?.args ?? draft ?? (view.content.arguments as Arguments);
        if (newest.current?.problems.length) return;
        // Another draft has just come under what was typed: nobody can have seen it.
        if (rowOf(desk.snapshot().sitting, id)?.standing.kind === "changed" && !desk.settledOnScreen) return;
        onLeave();
        desk.approveEdited(args);
      }}
      onCancel={onLeave}
    />
  );
}

function Search({ input, text, onSearch }: { input: React.RefObject<HTMLInputElement | null>; text: string | null; onSearch(text: string | null): void }) {
  return (
    <form
      role="search"
      onSubmit={(event) => {
        event.preventDefault();
        const wanted = input.current?.value.trim() ?? "";
        onSearch(wanted || null);
        input.current?.blur();
      }}
    >
      <input
        ref={input}
        className="field"
        type="search"
        name="text"
        maxLength={200}
        placeholder="Search  /"
        aria-label="Search waiting cases"
        defaultValue={text ?? ""}
        onKeyDown={(event) => {
          if (event.key !== "Escape") return;
          event.preventDefault();
          event.currentTarget.value = "";
          event.currentTarget.blur();
          if (text !== null) onSearch(null);
        }}
      />
    </form>
  );
}

/** Says that the server does not answer, and what that means for what was done. */
function Connection() {
  const reachable = useShown((now) => now.reachable);
  const following = useShown((now) => now.following);
  const waiting = useShown((now) => now.waiting);
  if (reachable && following) return null;
  return (
    <p className="notice inbox-connection" role="status">
      {reachable
        ? "News do not come through: the list may be behind."
        : waiting > 0
          ? `The server does not answer. ${waiting === 1 ? "One verdict is" : `${waiting} verdicts are`} kept here and sent when it does; you can go on.`
          : "The server does not answer. What is loaded can be read; verdicts that can be taken back are kept and sent when it does."}
    </p>
  );
}

function Empty({ text }: { text: string | null }) {
  return (
    <div className="inbox-empty">
      <h1>{text === null ? "All done" : "Nothing found"}</h1>
      <p className="muted">
        {text === null ? "Nothing waits for you. New cases appear here by themselves." : `No waiting case holds “${text}”. Search all cases under Decided, or clear the search.`}
      </p>
      {text === null && (
        <p className="muted small">
          <button type="button" className="button plain" onClick={() => void keyboard.run("go_done")}>
            See what was decided
          </button>
        </p>
      )}
    </div>
  );
}

function Skeleton() {
  return (
    <div className="inbox-skeleton" role="status" aria-busy="true" aria-label="Loading">
      <span />
      <span />
      <span />
    </div>
  );
}

function copyLink(id: string, say: (text: string) => void): void {
  const link = `${window.location.origin}/cases/${id}`;
  // Pages that are not served over TLS have no clipboard, whatever the types say.
  const clipboard = navigator.clipboard as Clipboard | undefined;
  if (!clipboard) say(link);
  else
    clipboard.writeText(link).then(
      () => say("The link is copied."),
      () => say(link),
    );
}

function time(at: string | null | undefined): string {
  return at ? new Date(at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "later";
}
