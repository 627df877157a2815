import "./screens.css";

import { useEffect, useRef } from "react";

import type { Me } from "../api/types";
import { SignInForm } from "../dialogs/sign_in_form";

/** The whole page while nobody is signed in. */
export default function SignInPage({ onSignedIn }: { onSignedIn(me: Me): void }) {
  const page = useRef<HTMLElement>(null);
  useEffect(() => page.current?.querySelector<HTMLElement>("[data-first]")?.focus(), []);
  return (
    <main className="screens-sign-in" ref={page}>
      <h1>Signoff</h1>
      <p className="muted">Sign in to review what is waiting.</p>
      <SignInForm person={null} onSignedIn={onSignedIn} />
    </main>
  );
}
