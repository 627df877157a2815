/** Draws a text that may be hostile: what is hidden in it is seen, and nothing in it turns round what stands beside it. */
import "./visible.css";

import { memo } from "react";

import { bracketed, pieces } from "./hidden";

/** A text in one line of plain text, for titles and labels: hidden characters as `⟦RLO⟧`. */
export function visible(text: string): string {
  return pieces(text)
    .map((piece) => (typeof piece === "string" ? piece : bracketed(piece)))
    .join("");
}

/** The pieces of a text without an element around them. */
export function Pieces({ text }: { text: string }) {
  return pieces(text).map((piece, index) =>
    typeof piece === "string" ? (
      piece
    ) : (
      <span key={index} className="text-mark" role="img" aria-label={piece.name} title={piece.name}>
        {piece.sign}
      </span>
    ),
  );
}

export const Visible = memo(function Visible({ text }: { text: string }) {
  return (
    <bdi className="text-visible" dir="auto">
      <Pieces text={text} />
    </bdi>
  );
});
