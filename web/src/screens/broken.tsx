import { Component, type ReactNode } from "react";

interface Props {
  /** What is shown; with another it is tried again. */
  of?: string;
  children: ReactNode;
}

interface State {
  broken: boolean;
  of: string | undefined;
}

/** Stands where a part of the page broke, or could not be loaded: the rest goes on, and nothing that was kept is lost. */
export class Broken extends Component<Props, State> {
  override state: State = { broken: false, of: this.props.of };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  static getDerivedStateFromProps({ of }: Props, state: State): State | null {
    return of === state.of ? null : { broken: false, of };
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <div className="problem" role="alert">
        <p>
          This part of the page cannot be shown; perhaps the server was updated meanwhile. Reload the page: what you wrote
          and every verdict that was not sent are kept.
        </p>
        <button type="button" className="button" onClick={() => window.location.reload()}>
          Reload the page
        </button>
      </div>
    );
  }
}
