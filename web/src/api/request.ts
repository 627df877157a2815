/** One way to ask the server, and the two ways in which that fails. */
import { heardAt } from "./clock";
import type { ProblemDocument } from "./types";

const PREFIX = "/api/v1";
const TIMEOUT_MS = 20_000;
/** Waits before a question is asked again that the server was too busy for. */
const AGAIN_MS = [400, 1_200];

/** The server said no; `code` is stable, `message` says what happened and what to do next. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  /** What else the server said about this error. */
  readonly facts: Record<string, unknown>;

  constructor(status: number, document: Partial<ProblemDocument>) {
    super(document.detail ?? `The server answered ${status}; try again, or look into its log.`);
    this.name = "Problem";
    this.status = status;
    this.code = document.code ?? "unexpected";
    this.facts = document;
  }

  /** Whether asking again, unchanged, may go better. */
  get passing(): boolean {
    return this.status === 429 || this.status === 503 || this.status === 502 || this.status === 504 || this.status === 408;
  }
}

/** The server did not answer at all. */
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached.");
    this.name = "Unreachable";
  }
}

type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === "") continue;
    if (typeof value === "object") for (const each of value) search.append(name, each);
    else search.append(name, String(value));
  }
  const text = search.toString();
  return `${PREFIX}${path}${text ? `?${text}` : ""}`;
}

type Method = "GET" | "POST" | "DELETE";

interface Asked {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  keepalive?: boolean;
}

let person: string | null = null;

/** Say whose page this is: the server refuses it once another tab has signed somebody else in. */
export function speakFor(id: string | null): void {
  person = id;
}

type Listener = () => void;
const signedOut = new Set<Listener>();

/** Be told when the server no longer knows who asks; gives a function that ends it. */
export function onSignedOut(listener: Listener): () => void {
  signedOut.add(listener);
  return () => signedOut.delete(listener);
}

/**
 * Ask the server.
 *
 * Throws `Problem` for an answer that is no success, and `Unreachable` when there is none. A question that the server was
 * too busy for is asked again a little later; what would change something is for the caller to repeat.
 */
export async function request<T>(method: Method, path: string, asked: Asked = {}): Promise<T> {
  for (const wait_ms of method === "GET" ? AGAIN_MS : []) {
    try {
      return await once<T>(method, path, asked);
    } catch (error) {
      if (!(error instanceof Problem && error.passing)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
  }
  return once<T>(method, path, asked);
}

async function once<T>(method: Method, path: string, { query, body, signal, keepalive }: Asked): Promise<T> {
  const late = AbortSignal.timeout(TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(address(path, query), {
      method,
      headers: {
        ...(body !== undefined && { "Content-Type": "application/json" }),
        ...(person !== null && path !== "/session" && { "Signoff-Person": encodeURIComponent(person) }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, late]) : late,
      credentials: "same-origin",
      keepalive: keepalive ?? false,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Unreachable();
  }
  heardAt(response.headers.get("date"));
  if (response.status === 204) return undefined as T;
  let answer: unknown;
  try {
    answer = await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    // Cut off on its way, or the page of somebody in between: this server's successes can all be read.
    if (response.ok) throw new Unreachable();
  }
  if (response.ok) return answer as T;
  const problem = new Problem(response.status, (answer ?? {}) as Partial<ProblemDocument>);
  if (problem.status === 401 && path !== "/session") for (const listener of signedOut) listener();
  throw problem;
}
