import { useEffect, useState } from "react";

/** Copies a text, and says so for a moment. */
export function Copy({ text, children, what }: { text: string; children: string; what: string }) {
  const [told, setTold] = useState<"copied" | "refused" | null>(null);
  useEffect(() => {
    if (told === null) return;
    const timer = setTimeout(() => setTold(null), 2000);
    return () => clearTimeout(timer);
  }, [told]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setTold("copied");
    } catch {
      setTold("refused"); // without TLS there is no clipboard
    }
  };
  return (
    <>
      <button type="button" className="button plain screens-copy" aria-label={`Copy ${what}`} onClick={() => void copy()}>
        {told === "copied" ? "Copied" : told === "refused" ? "Not allowed here" : children}
      </button>
      <span className="visually-hidden" role="status">
        {told === "copied" && `Copied ${what}.`}
        {told === "refused" && "The browser does not let this page copy."}
      </span>
    </>
  );
}
