/** Which renderer draws a piece of evidence. */
import { type ComponentType } from "react";

import { later } from "../api/later";

import type { Evidence } from "../api/types";
import { Fields } from "./fields";
import { isHtml, Html } from "./html";
import { isPicture, Picture } from "./image";
import { Mail } from "./mail";
import { isPoints, Points } from "./points";
import { isRecord, isShort } from "./shape";
import { Csv, Rows, isRows } from "./table";
import { PlainText } from "./text";
import { Tree } from "./tree";

export interface RendererProps {
  name: string;
  evidence: Evidence;
  caseId: string;
}

export interface Renderer {
  /** What it is, in plain words. */
  words: string;
  /** Whether it can draw this; what it cannot is drawn by the shape of the value. */
  fits(evidence: Evidence): boolean;
  Draw: ComponentType<RendererProps>;
}

const isText = ({ value }: Evidence) => typeof value === "string";

const TEXT: Renderer = { words: "Text", fits: isText, Draw: PlainText };
const TREE: Renderer = { words: "Data", fits: () => true, Draw: Tree };
const CSV: Renderer = { words: "Table", fits: isText, Draw: Csv };
const MARKDOWN: Renderer = { words: "Formatted text", fits: isText, Draw: later(() => import("./markdown")) };

/** By media type: exactly, then `type/*`. */
const RENDERERS: Readonly<Record<string, Renderer>> = {
  "message/rfc822": { words: "E-mail", fits: ({ mail }) => mail !== undefined, Draw: Mail },
  "text/html": { words: "Web page", fits: isHtml, Draw: Html },
  "text/markdown": MARKDOWN,
  "text/csv": CSV,
  "text/tab-separated-values": CSV,
  "application/geo+json": { words: "Places", fits: isPoints, Draw: Points },
  "image/svg+xml": { words: "Source of a drawing", fits: isText, Draw: PlainText },
  "image/*": { words: "Picture", fits: isPicture, Draw: Picture },
  "text/*": TEXT,
};

/** By the shape of the value, first that fits. */
const SHAPES: readonly Renderer[] = [
  TEXT,
  { words: "Table", fits: ({ value }) => isRows(value), Draw: Rows },
  { words: "Fields", fits: ({ value }) => isRecord(value) && Object.values(value).every(isShort), Draw: Fields },
  TREE,
];

/** The renderer for a piece of evidence: there always is one. */
export function rendererOf(evidence: Evidence): Renderer {
  const exact = evidence.media_type.split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const broad = `${exact.split("/", 1)[0] ?? ""}/*`;
  const known = [exact, broad].map((type) => (Object.hasOwn(RENDERERS, type) ? RENDERERS[type] : undefined));
  return [...known, ...SHAPES].find((each) => each?.fits(evidence)) ?? TREE;
}

export { TREE };
