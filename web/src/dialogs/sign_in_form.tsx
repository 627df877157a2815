import "./dialogs.css";

import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useEffect, useId, useRef, useState } from "react";

import { signIn, signOut } from "../api/calls";
import { Problem } from "../api/request";
import type { Me } from "../api/types";
import { Refusal } from "./frame";

/** Seconds until the server listens again, counted down; 0 when it does. */
function useLocked(error: Error | null): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    const told = error instanceof Problem && error.status === 429 ? Number(error.facts.retry_after_s ?? 0) : 0;
    const until = Date.now() + told * 1000;
    const tick = () => setLeft(Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    tick();
    if (told <= 0) return;
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [error]);
  return left;
}

/** Name and password, in a dialog or on a page of its own. */
export function SignInForm({ person, onSignedIn }: { person: string | null; onSignedIn(me: Me): void }) {
  const name = useId();
  const word = useId();
  const [account, setAccount] = useState(person ?? "");
  const [password, setPassword] = useState("");
  const [shown, setShown] = useState(false);
  const [other, setOther] = useState<Me | null>(null);
  const passwordField = useRef<HTMLInputElement>(null);

  const asked = useMutation({
    mutationFn: () => signIn(account.trim(), password),
    onSuccess: (me) => {
      if (person !== null && me.id !== person) setOther(me);
      else onSignedIn(me);
    },
    onError: () => passwordField.current?.select(),
  });
  const again = useMutation({
    mutationFn: signOut,
    onSuccess: () => {
      setOther(null);
      setAccount(person ?? "");
      setPassword("");
      asked.reset();
    },
  });
  const locked = useLocked(asked.error);

  if (other && person !== null) {
    return (
      <div className="dialogs-form">
        <p className="notice" role="alert">
          You are signed in as {other.id} now, not as {person}. What {person} wrote and did not send stays with {person}: it
          is there again when {person} signs in on this browser.
        </p>
        <Refusal error={again.error} />
        <div className="dialogs-actions">
          <button type="button" className="button primary" onClick={() => onSignedIn(other)}>
            Go on as {other.id}
          </button>
          <button type="button" className="button" disabled={again.isPending} onClick={() => again.mutate()}>
            Sign in as {person} instead
          </button>
        </div>
      </div>
    );
  }

  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (locked === 0 && !asked.isPending) asked.mutate();
  };

  return (
    <form className="dialogs-form" onSubmit={submit}>
      {person !== null && <p>Sign in again as {person}; nothing you did is lost.</p>}
      <div>
        <label htmlFor={name}>Account</label>
        <input
          id={name}
          className="field"
          name="account"
          autoComplete="username"
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          maxLength={200}
          required
          value={account}
          onChange={(event) => setAccount(event.target.value)}
          {...(person === null && { "data-first": true })}
        />
      </div>
      <div>
        <label htmlFor={word}>Password</label>
        <div className="dialogs-password">
          <input
            id={word}
            ref={passwordField}
            className="field"
            name="password"
            type={shown ? "text" : "password"}
            autoComplete="current-password"
            autoCapitalize="none"
            spellCheck={false}
            maxLength={1024}
            required
            value={password}
            onChange={(event) => setPassword(event.target.value)}
            {...(person !== null && { "data-first": true })}
          />
          <button type="button" className="button" aria-label={shown ? "Hide password" : "Show password"} onClick={() => setShown(!shown)}>
            {shown ? "Hide" : "Show"}
          </button>
        </div>
      </div>
      <Refusal error={asked.error} />
      <div className="dialogs-actions">
        <button type="submit" className="button primary" disabled={asked.isPending || locked > 0}>
          {locked > 0 ? `Wait ${locked} s` : asked.isPending ? "Signing in…" : "Sign in"}
        </button>
      </div>
    </form>
  );
}
