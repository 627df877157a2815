import { useState } from "react";

import type { Evidence } from "../api/types";
import type { RendererProps } from "./registry";
import { visible } from "../text/visible";
import { size } from "./words";

const PICTURE = /^data:image\/(png|jpe?g|gif|webp);base64,([A-Za-z0-9+/\s]+={0,2}\s*)$/i;
const TYPE = /^image\/(?:png|jpe?g|gif|webp)$/i;
const BASE64 = /^[A-Za-z0-9+/\s]{24,}={0,2}\s*$/;

/** The data URL of a picture that can run nothing; an address elsewhere, or a drawing with scripts, gives null. */
function dataOf({ media_type, value }: Evidence): string | null {
  if (typeof value !== "string") return null;
  if (PICTURE.test(value)) return value;
  const type = media_type.split(";", 1)[0]?.trim() ?? "";
  return TYPE.test(type) && BASE64.test(value) ? `data:${type.toLowerCase()};base64,${value.replace(/\s/g, "")}` : null;
}

export const isPicture = (evidence: Evidence) => dataOf(evidence) !== null;

export function Picture({ name, evidence }: RendererProps) {
  const [broken, setBroken] = useState(false);
  const data = dataOf(evidence) ?? "";
  const bytes = Math.floor((data.length - data.indexOf(",") - 1) * 0.75);
  if (broken) return <p className="muted">This picture cannot be drawn; its data ({size(bytes)}) is damaged.</p>;
  return (
    <figure className="evidence-picture">
      <img src={data} alt={`Evidence “${visible(name)}”`} decoding="async" onError={() => setBroken(true)} />
    </figure>
  );
}
