import { useId, useState } from "react";

import { address } from "../api/request";
import type { Evidence } from "../api/types";
import { visible } from "../text/visible";
import { LongText } from "./long_text";
import type { RendererProps } from "./registry";

export const isHtml = ({ value }: Evidence) => typeof value === "string";

interface FrameProps {
  name: string;
  caseId: string;
  /** How many pictures it wants to load, if that is known. */
  remoteImages?: number;
}

/** HTML as the server has sanitised it, where it can neither run nor load anything. */
export function Frame({ name, caseId, remoteImages }: FrameProps) {
  const [images, setImages] = useState(false);
  const told = useId();
  return (
    <div className="evidence-html">
      {images || remoteImages === 0 ? null : (
        <p className="evidence-images small muted">
          <button type="button" className="button" aria-describedby={told} onClick={() => setImages(true)}>
            Show images{remoteImages === undefined ? "" : ` (${remoteImages.toLocaleString("en")})`}
          </button>{" "}
          <span id={told}>
            Images are not loaded. Loading them tells the sender that this was opened, when, and from which network.
          </span>
        </p>
      )}
      <iframe
        className="evidence-frame"
        title={`${visible(name)}, as HTML`}
        sandbox="allow-popups allow-popups-to-escape-sandbox"
        referrerPolicy="no-referrer"
        src={address(`/cases/${encodeURIComponent(caseId)}/frame`, {
          evidence: name,
          ...(images && { images: true }),
        })}
      />
    </div>
  );
}

/** One of several ways to look at the same thing, chosen by native radio buttons. */
export function Ways<Way extends string>(props: {
  label: string;
  ways: readonly (readonly [Way, string])[];
  way: Way;
  onWay(way: Way): void;
}) {
  const group = useId();
  if (props.ways.length < 2) return null;
  return (
    <fieldset className="evidence-ways">
      <legend className="visually-hidden">{props.label}</legend>
      {props.ways.map(([way, words]) => (
        <label key={way}>
          <input type="radio" name={group} checked={props.way === way} onChange={() => props.onWay(way)} />
          <span>{words}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Source({ text }: { text: string }) {
  return (
    <div className="evidence-source">
      <LongText text={text} />
    </div>
  );
}

type HtmlWay = "html" | "source";
const HTML_WAYS = [
  ["html", "HTML"],
  ["source", "Source"],
] as const;

export function Html({ name, evidence, caseId }: RendererProps) {
  const [way, setWay] = useState<HtmlWay>("html");
  return (
    <>
      <Ways<HtmlWay> label={`View of ${visible(name)}`} ways={HTML_WAYS} way={way} onWay={setWay} />
      {way === "html" ? <Frame name={name} caseId={caseId} /> : <Source text={String(evidence.value)} />}
    </>
  );
}
