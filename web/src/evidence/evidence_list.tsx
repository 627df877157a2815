import "./evidence.css";

import { Component, memo, type ReactNode, Suspense, useEffect, useId, useState } from "react";

import type { Evidence } from "../api/types";
import { Visible, visible } from "../text/visible";
import { rendererOf, TREE } from "./registry";
import { nameInWords } from "../text/name";

/** Evidence from here on is folded at first. */
const FOLDED_FROM = 8;

export const EvidenceList = memo(function EvidenceList({ evidence, caseId }: { evidence: Record<string, Evidence>; caseId: string }) {
  const all = Object.entries(evidence);
  if (all.length === 0) return <p className="muted">No evidence came with this proposal.</p>;
  return (
    <div className="evidence-list">
      {all.map(([name, each], index) => (
        <Section key={`${caseId} ${name}`} name={name} evidence={each} caseId={caseId} folded={index >= FOLDED_FROM} />
      ))}
    </div>
  );
});

interface SectionProps {
  name: string;
  evidence: Evidence;
  caseId: string;
  folded: boolean;
}

function Section({ name, evidence, caseId, folded }: SectionProps) {
  const [open, setOpen] = useState(!folded);
  const heading = useId();
  const body = useId();
  const renderer = rendererOf(evidence);
  const props = { name, evidence, caseId };
  return (
    <section className="evidence-section" aria-labelledby={heading}>
      <header>
        <h3 id={heading}>
          <button type="button" aria-expanded={open} aria-controls={body} onClick={() => setOpen(!open)}>
            <svg className="evidence-chevron" viewBox="0 0 12 12" aria-hidden="true">
              <path d="M4 2.5 8 6 4 9.5" />
            </svg>
            <Visible text={nameInWords(name)} />
          </button>
        </h3>
        <span className="small muted" title={visible(evidence.media_type)}>
          {renderer.words}
        </span>
        <Copy evidence={evidence} name={name} />
      </header>
      <div id={body} className="evidence-body" hidden={!open}>
        {open ? (
          <Fallback key={evidence.media_type} otherwise={<TREE.Draw {...props} />}>
            <Suspense fallback={<p className="muted">Loading …</p>}>
              <renderer.Draw {...props} />
            </Suspense>
          </Fallback>
        ) : null}
      </div>
    </section>
  );
}

function Copy({ evidence, name }: { evidence: Evidence; name: string }) {
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (said === "") return;
    const timer = setTimeout(() => setSaid(""), 3000);
    return () => clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    const { value } = evidence;
    try {
      await navigator.clipboard.writeText(typeof value === "string" ? value : JSON.stringify(value, null, 2));
      setSaid("Copied");
    } catch {
      setSaid("Not copied: the browser does not allow it here");
    }
  };
  return (
    <span className="evidence-copy small">
      <span role="status" className="muted">
        {said}
      </span>
      <button
        type="button"
        className="button plain"
        aria-label={`Copy ${visible(nameInWords(name))}`}
        onClick={() => void copy()}
      >
        Copy
      </button>
    </span>
  );
}

/** A renderer that breaks on its evidence takes nothing else with it: the evidence is drawn as data instead. */
class Fallback extends Component<{ otherwise: ReactNode; children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <>
        <p className="small muted">It cannot be drawn as what it is said to be; here is its data.</p>
        {this.props.otherwise}
      </>
    );
  }
}
