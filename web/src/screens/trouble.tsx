import { Unreachable } from "../api/request";

/** What could not be loaded, and a way to try again. */
export function Trouble({ error, onRetry }: { error: Error | null; onRetry(): void }) {
  if (!error) return null;
  return (
    <div className="problem screens-trouble" role="alert">
      <p>
        {error.message}
        {error instanceof Unreachable && " What is shown may be old."}
      </p>
      <button type="button" className="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}
