/** A part of the page that is loaded on its own. If it cannot be drawn, the rest of the page stays. */
import { Component, type ReactNode, Suspense } from "react";

interface Props {
  /** With another one it is tried anew. */
  of?: string;
  fallback?: ReactNode;
  children: ReactNode;
}

export function Part({ of = "", fallback, children }: Props) {
  return (
    <Holding key={of}>
      <Suspense fallback={fallback}>{children}</Suspense>
    </Holding>
  );
}

class Holding extends Component<{ children: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <div className="problem" role="alert">
        <p>This part of the page could not be shown. The server may run a newer version, or cannot be reached. Load the page again; what you wrote is kept.</p>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Load the page again
        </button>
      </div>
    );
  }
}
