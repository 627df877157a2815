/** The navigation: queues with what waits in each, the other screens, and who is signed in. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Link, useLocation, useSearch } from "wouter";

import * as api from "../api/calls";
import { words } from "../desk/desk";
import { nameInWords } from "../text/name";
import { Visible } from "../text/visible";
import { place } from "./address";
import { useDesk, useShown } from "./context";

const PRESENCE_MS = 60_000;

export function Nav({ onSignOut }: { onSignOut(): Promise<void> }) {
  const desk = useDesk();
  const ruled = useShown((now) => now.sitting.ruled);
  const arrived = useShown((now) => now.sitting.arrived);
  const [path] = useLocation();
  const search = useSearch();
  const client = useQueryClient();
  const shown = path === "/" ? place(search).filter : null;
  const { data: counts } = useQuery({ queryKey: ["counts"], queryFn: api.counts, refetchInterval: 30_000 });
  const { data: checkpoints } = useQuery({ queryKey: ["checkpoints"], queryFn: api.checkpoints, staleTime: 300_000 });
  useEffect(() => {
    const timer = setTimeout(() => void client.invalidateQueries({ queryKey: ["counts"] }), 2_000);
    return () => clearTimeout(timer);
  }, [client, ruled, arrived]);

  const waiting = (name: string) => counts?.checkpoints[name]?.waiting ?? 0;
  const all = Object.keys(counts?.checkpoints ?? {}).reduce((sum, name) => sum + waiting(name), 0);
  const queue = (name: string | null, assigned: string | null, words: string, count?: number) => {
    const params = new URLSearchParams({ ...(name && { checkpoint: name }), ...(assigned && { assigned }) }).toString();
    const current = shown !== null && shown.checkpoint === name && shown.assigned === assigned;
    return (
      <Link key={`${name}${assigned}`} href={params ? `/?${params}` : "/"} aria-current={current ? "page" : undefined} className="nav-link">
        <span className="nav-name">
          <Visible text={words} />
        </span>
        {count ? <span className="nav-count">{count.toLocaleString("en")}</span> : null}
      </Link>
    );
  };
  const screen = (href: string, words: string) => (
    <Link href={href} className="nav-link" aria-current={path === href ? "page" : undefined}>
      {words}
    </Link>
  );

  return (
    <nav className="nav" aria-label="Screens">
      <p className="nav-brand">
        <svg width="20" height="20" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="7" className="nav-mark" />
          <path d="M8 17l5 5 11-12" className="nav-tick" />
        </svg>
        Signoff
      </p>
      <h2 className="nav-head">Queues</h2>
      {queue(null, null, "Everything", all)}
      {checkpoints
        ?.filter((checkpoint) => !checkpoint.reverses || waiting(checkpoint.name))
        .map((checkpoint) => queue(checkpoint.name, null, nameInWords(checkpoint.name), waiting(checkpoint.name)))}
      <h2 className="nav-head">Assigned</h2>
      {queue(null, "me", "To me")}
      {desk.me.groups.length > 0 && queue(null, "group", "To my groups")}
      <h2 className="nav-head">Run</h2>
      {screen("/done", "Decided")}
      {screen("/people", "People")}
      {screen("/ledger", "Ledger")}
      <div className="nav-person">
        <Presence />
        <SignOut onSignOut={onSignOut} />
      </div>
    </nav>
  );
}

/** Says so if it did not work: whoever walks away has to know. */
function SignOut({ onSignOut }: { onSignOut(): Promise<void> }) {
  const [trouble, setTrouble] = useState<string | null>(null);
  const leave = () => {
    setTrouble(null);
    onSignOut().catch((error: unknown) => setTrouble(words(error)));
  };
  return (
    <>
      <button type="button" className="button plain small" onClick={leave}>
        Sign out
      </button>
      <span role="alert" className="bad small">
        {trouble && `You are still signed in. ${trouble}`}
      </span>
    </>
  );
}

/** Who is signed in, and whether cases may be assigned to them; told to the server while somebody looks. */
function Presence() {
  const desk = useDesk();
  const away = useShown((now) => now.away);
  useEffect(() => {
    const tell = () => {
      if (document.visibilityState !== "visible") return;
      api.presence(null).then(
        (person) => desk.setAway(person.away_since !== null),
        () => undefined,
      );
    };
    tell();
    const timer = setInterval(tell, PRESENCE_MS);
    return () => clearInterval(timer);
  }, [desk]);
  const change = () => {
    api.presence(!away).then(
      (person) => {
        desk.setAway(person.away_since !== null);
        desk.say("plain", away ? "You are back." : "You are marked away: cases that were assigned to you passed on.");
        void desk.refresh();
      },
      (error: unknown) => desk.say("bad", error instanceof Error ? error.message : "That did not work; try again."),
    );
  };
  return (
    <>
      <span className="nav-name" title={desk.me.id}>
        <span aria-hidden="true" className={away ? "warn" : "ok"}>
          {away ? "◌" : "●"}{" "}
        </span>
        <Visible text={desk.me.id} />
        <span className="muted">{away ? ", away" : ""}</span>
      </span>
      <button type="button" className="button plain small" aria-pressed={away} onClick={change}>
        {away ? "I am back" : "Mark me away"}
      </button>
    </>
  );
}
