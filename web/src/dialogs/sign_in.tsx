import type { Me } from "../api/types";
import { Frame } from "./frame";
import { SignInForm } from "./sign_in_form";

/** Asks who is there, over whatever is on screen; it stays until somebody signs in. */
export function SignIn({ person, onSignedIn }: { person: string | null; onSignedIn(me: Me): void }) {
  return (
    <Frame title={person === null ? "Sign in" : "You are signed out"}>
      <SignInForm person={person} onSignedIn={onSignedIn} />
    </Frame>
  );
}
