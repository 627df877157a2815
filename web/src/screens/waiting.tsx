/** Stands where something is loaded; seen only if that takes long enough to be noticed. */
export function Waiting({ what }: { what: string }) {
  return (
    <p className="screens-waiting muted" role="status">
      Loading {what}…
    </p>
  );
}
