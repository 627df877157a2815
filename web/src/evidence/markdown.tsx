/** Markdown without pictures and raw HTML: what micromark makes is drawn anew from a short list of elements. */
import { micromark } from "micromark";
import { createElement, Fragment, type ReactNode, useMemo, useState } from "react";

import { Pieces, visible } from "../text/visible";
import { cut, LongText } from "./long_text";
import type { RendererProps } from "./registry";
import { sizeOf } from "./words";

const FIRST = 8_000;
/** Longer than this it is shown as it is written: formatting it would hold up the page. */
const MOST = 60_000;
const DEEPEST = 40;
const MOST_BLOCKS = 1_000;
const MOST_SIGNS = 600;

/**
 * Whether micromark would be slow on it: its time grows with the square of such things, of which no reader makes sense.
 */
function isKnotted(text: string): boolean {
  if (text.length > MOST || /^(?:[ \t]*(?:>|[-*+]|\d{1,9}[.)])[ \t]*){12,}/m.test(text)) return true;
  if ((text.match(/^[ \t]*(?:[>#*+-]|\d{1,9}[.)])/gm)?.length ?? 0) > MOST_BLOCKS) return true;
  return text.split(/\n[ \t]*\n/).some((block) => (block.match(/[*_[\]`!<]/g)?.length ?? 0) > MOST_SIGNS);
}

const DRAWN: Readonly<Record<string, string>> = {
  P: "p",
  UL: "ul",
  OL: "ol",
  LI: "li",
  BLOCKQUOTE: "blockquote",
  PRE: "pre",
  CODE: "code",
  EM: "em",
  STRONG: "strong",
  BR: "br",
  HR: "hr",
  H1: "h4",
  H2: "h4",
  H3: "h5",
  H4: "h5",
  H5: "h6",
  H6: "h6",
};

/** Where a link leads, if it may be followed: to a site or an address, never to a script or back into the inbox. */
function targetOf(href: string): { href: string; host: string } | null {
  let url: URL;
  try {
    url = new URL(href);
  } catch {
    return null;
  }
  if (url.protocol === "https:" || url.protocol === "http:") return { href: url.href, host: url.host };
  return url.protocol === "mailto:" ? { href: url.href, host: decoded(url.pathname) } : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function children(node: Node, depth: number): ReactNode {
  return [...node.childNodes].map((child, index) => <Fragment key={index}>{drawn(child, depth + 1)}</Fragment>);
}

function drawn(node: Node, depth: number): ReactNode {
  if (node.nodeType === Node.TEXT_NODE) return <Pieces text={node.nodeValue ?? ""} />;
  if (!(node instanceof Element)) return null;
  if (depth > DEEPEST) return <Pieces text={node.textContent} />;
  if (node.tagName === "IMG") {
    const told = node.getAttribute("alt") ?? "";
    return (
      <span className="muted">
        [picture{told ? ": " : ""}
        <Pieces text={told} />]
      </span>
    );
  }
  if (node.tagName === "A") {
    const target = targetOf(node.getAttribute("href") ?? "");
    if (target === null) return children(node, depth);
    return (
      <>
        <a href={target.href} target="_blank" rel="noopener noreferrer nofollow" title={visible(target.href)}>
          {children(node, depth)}
        </a>{" "}
        <bdi className="small muted">
          (<Pieces text={target.host} />)
        </bdi>
      </>
    );
  }
  const name = DRAWN[node.tagName];
  if (name === undefined) return children(node, depth);
  if (name === "br" || name === "hr") return createElement(name);
  const start = name === "ol" ? Number(node.getAttribute("start") ?? 1) : 1;
  return createElement(name, { dir: "auto", ...(start !== 1 && { start }) }, children(node, depth));
}

export default function Markdown({ evidence }: RendererProps) {
  const text = typeof evidence.value === "string" ? evidence.value : "";
  const [all, setAll] = useState(false);
  const whole = all || text.length <= FIRST;
  const shown = useMemo(() => {
    const part = whole ? text : text.slice(0, cut(text, FIRST));
    if (isKnotted(part)) return null;
    // Entities for raw HTML, no dangerous protocols: micromark's defaults, said aloud.
    const html = micromark(part, { allowDangerousHtml: false, allowDangerousProtocol: false });
    // A document of its own loads and runs nothing, and only what is on the list above comes out of it.
    return children(new DOMParser().parseFromString(html, "text/html").body, 0);
  }, [text, whole]);
  if (shown === null) return <LongText text={text} />;
  return (
    <div className="reading evidence-markdown" dir="auto">
      {shown}
      {whole ? null : (
        <button type="button" className="button evidence-more" onClick={() => setAll(true)}>
          Show all ({sizeOf(text)})
        </button>
      )}
    </div>
  );
}
