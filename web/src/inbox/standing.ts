/** How a row says where its case stands: a shape and words, never colour alone. */
import type { Row } from "../desk/sitting";

export interface Sign {
  shape: "○" | "◔" | "●" | "✓" | "✕" | "↷" | "!" | "–";
  tone: "plain" | "ok" | "warn" | "bad" | "muted";
  words: string;
}

const VERDICTS = { approved: "approved", edited: "approved as edited", rejected: "rejected" } as const;

export function sign(row: Row, now: number): Sign {
  const { standing } = row;
  switch (standing.kind) {
    case "open":
      return { shape: "○", tone: "plain", words: row.case.assigned_to ? `assigned to ${row.case.assigned_to.replace("group:", "")}` : "" };
    case "claimed":
      return { shape: "◔", tone: "muted", words: `${standing.by} has it` };
    case "sending":
      return { shape: shapeOf(standing.verdict.kind), tone: "muted", words: `${VERDICTS[standing.verdict.kind]}, being sent` };
    case "ruled": {
      // The clock that is read here may be a second old.
      const left = standing.until === null ? 0 : Math.min(standing.verdict.hold_s, Math.ceil((standing.until - now) / 1000));
      const words = standing.verdict.label ?? VERDICTS[standing.verdict.kind];
      return { shape: shapeOf(standing.verdict.kind), tone: toneOf(standing.verdict.kind), words: left > 0 ? `${words}, undo for ${left} s` : words };
    }
    case "elsewhere":
      return { shape: "–", tone: "muted", words: standing.words };
    case "passed_on":
      return { shape: "↷", tone: "muted", words: standing.words };
    case "changed":
      return { shape: "!", tone: "warn", words: "changed, look again" };
    case "refused":
      return { shape: "!", tone: "bad", words: "your verdict did not count" };
  }
}

function shapeOf(kind: keyof typeof VERDICTS): "✓" | "✕" {
  return kind === "rejected" ? "✕" : "✓";
}

function toneOf(kind: keyof typeof VERDICTS): "ok" | "muted" {
  return kind === "rejected" ? "muted" : "ok";
}
