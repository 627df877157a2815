import { LongText } from "./long_text";
import type { RendererProps } from "./registry";

export function PlainText({ evidence }: RendererProps) {
  const text = typeof evidence.value === "string" ? evidence.value : JSON.stringify(evidence.value, null, 2);
  if (text.trim() === "") return <p className="muted">The text is empty.</p>;
  return (
    <div className="reading">
      <LongText text={text} />
    </div>
  );
}
