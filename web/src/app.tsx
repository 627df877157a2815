/** The application: who is signed in, which screen is shown, and the keys that work on all of them. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, Suspense, useCallback, useEffect, useState } from "react";
import { Route, Switch, useLocation } from "wouter";

import * as api from "./api/calls";
import { later } from "./api/later";
import { onSignedOut, Problem, speakFor } from "./api/request";
import type { Me } from "./api/types";
import { Desk, words } from "./desk/desk";
import { takeMe } from "./desk/first_page";
import { DeskContext } from "./inbox/context";
import { Inbox } from "./inbox/inbox";
import { Nav } from "./inbox/nav";
import { OnItsWay, useCommands, useKeyboard } from "./keys/keyboard";
import { Broken } from "./screens/broken";

const SignInPage = later(() => import("./screens/sign_in_page"));
const SignIn = later(() => import("./dialogs/sign_in").then((found) => ({ default: found.SignIn })));
const Palette = later(() => import("./keys/palette").then((found) => ({ default: found.Palette })));
const Help = later(() => import("./keys/help").then((found) => ({ default: found.Help })));
const CasePage = later(() => import("./screens/case_page"));
const Done = later(() => import("./screens/done"));
const People = later(() => import("./screens/people"));
const Ledger = later(() => import("./screens/ledger"));
const KeysPage = later(() => import("./keys/keys_page"));

const client = new QueryClient({
  defaultOptions: {
    queries: {
      refetchOnWindowFocus: false,
      retry: (count, error) => count < 2 && !(error instanceof Problem && !error.passing),
    },
  },
});

/** All of it; `desk` is that of the person who is known to be here already. */
export function App({ desk }: { desk: Desk | null }) {
  return (
    <QueryClientProvider client={client}>
      <Session first={desk} />
    </QueryClientProvider>
  );
}

const AGAIN_MS = 3_000;

type Asked = { kind: "asking" } | { kind: "nobody" } | { kind: "failed"; words: string } | { kind: "known"; me: Me };

function Session({ first }: { first: Desk | null }) {
  const [asked, setAsked] = useState<Asked>(first ? { kind: "known", me: first.me } : { kind: "asking" });
  const [out, setOut] = useState(false);

  const know = useCallback((me: Me) => {
    speakFor(me.id);
    setAsked({ kind: "known", me });
  }, []);
  const ask = useCallback(() => {
    (takeMe() ?? api.me()).then(
      know,
      (error: unknown) => {
        const nobody = error instanceof Problem && error.status === 401;
        setAsked(nobody ? { kind: "nobody" } : { kind: "failed", words: words(error) });
      },
    );
  }, [know]);
  useEffect(() => {
    if (first === null) ask();
  }, [first, ask]);
  useEffect(() => onSignedOut(() => setOut(true)), []);
  const failed = asked.kind === "failed";
  useEffect(() => {
    if (!failed) return;
    const timer = setInterval(ask, AGAIN_MS);
    return () => clearInterval(timer);
  }, [failed, ask]);

  if (asked.kind === "asking") return null;
  if (asked.kind === "failed") {
    return (
      <main className="app-alone">
        <h1>Signoff does not answer</h1>
        <p role="status">{asked.words} It is asked again every few seconds.</p>
        <button type="button" className="button primary" onClick={ask}>
          Try again
        </button>
      </main>
    );
  }
  if (asked.kind === "nobody") {
    return (
      <Suspense>
        <SignInPage
          onSignedIn={(me) => {
            setOut(false);
            know(me);
          }}
        />
      </Suspense>
    );
  }
  return (
    <SignedIn
      key={asked.me.id}
      me={asked.me}
      first={first?.me === asked.me ? first : null}
      out={out}
      onSignedIn={(me) => {
        setOut(false);
        if (me.id !== asked.me.id) {
          client.clear();
          know(me);
        }
      }}
      onSignOut={async () => {
        await api.signOut();
        client.clear();
        setOut(false);
        speakFor(null);
        setAsked({ kind: "nobody" });
      }}
    />
  );
}

interface SignedInProps {
  me: Me;
  first: Desk | null;
  out: boolean;
  onSignedIn(me: Me): void;
  onSignOut(): Promise<void>;
}

function SignedIn({ me, first, out, onSignedIn, onSignOut }: SignedInProps) {
  const [desk] = useState(() => first ?? new Desk(me));
  useEffect(() => desk.start(), [desk]);
  return (
    <DeskContext value={desk}>
      <Screens onSignOut={onSignOut} />
      {out && (
        <Suspense fallback={<OnItsWay />}>
          <SignIn
            person={me.id}
            onSignedIn={(now) => {
              onSignedIn(now);
              if (now.id === me.id) desk.signedIn();
            }}
          />
        </Suspense>
      )}
    </DeskContext>
  );
}

function Screens({ onSignOut }: { onSignOut(): Promise<void> }) {
  const [, navigate] = useLocation();
  const [over, setOver] = useState<"palette" | "help" | null>(null);
  useKeyboard();
  useCommands({
    palette: () => setOver("palette"),
    help: () => setOver("help"),
    go_inbox: () => navigate("/"),
    go_done: () => navigate("/done"),
    go_people: () => navigate("/people"),
    go_ledger: () => navigate("/ledger"),
    go_keys: () => navigate("/keys"),
  });
  // A dialog that has just closed says so a little later, and must not close the next one.
  const close = (which: typeof over) => () => setOver((now) => (now === which ? null : now));
  return (
    <div className="app">
      <a className="app-skip" href="#main">
        Skip to the case
      </a>
      <Nav onSignOut={onSignOut} />
      <Switch>
        <Route path="/">
          <Inbox />
        </Route>
        <Route path="/cases/:id">{({ id }) => <Beside>{<CasePage key={id} caseId={id} />}</Beside>}</Route>
        <Route path="/done">
          <Beside>
            <Done />
          </Beside>
        </Route>
        <Route path="/people">
          <Beside>
            <People />
          </Beside>
        </Route>
        <Route path="/ledger">
          <Beside>
            <Ledger />
          </Beside>
        </Route>
        <Route path="/keys">
          <Beside>
            <KeysPage />
          </Beside>
        </Route>
        <Route>
          <Beside>
            <h1>There is nothing here</h1>
            <p>
              <a href="/">Back to the inbox</a>
            </p>
          </Beside>
        </Route>
      </Switch>
      <Suspense fallback={<OnItsWay onClose={close(over)} />}>
        {over === "palette" && <Palette onClose={close("palette")} />}
        {over === "help" && <Help onClose={close("help")} />}
      </Suspense>
    </div>
  );
}

function Beside({ children }: { children: ReactNode }) {
  return (
    <main className="app-screen" id="main">
      <Broken>
        <Suspense>{children}</Suspense>
      </Broken>
    </main>
  );
}
