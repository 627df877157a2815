/** The documents of the server, by the names they have in Python. */
import type { components } from "./schema.gen";

type Schemas = components["schemas"];

export type Case = Schemas["Case"];
export type State = Schemas["State"];
export type Checkpoint = Schemas["Checkpoint"];
export type Content = Schemas["Content"];
export type Routing = Schemas["Routing"];
export type Entry = Schemas["Entry"];
export type History = Schemas["History"];
export type Me = Schemas["Me"];
export type Event = Schemas["Event"];
export type VerdictKind = Schemas["VerdictKind"];
export type ProblemDocument = Schemas["Problem"];

export type Arguments = Record<string, unknown>;

/** A JSON Schema, as far as the inbox looks into it. */
export interface Schema {
  type?: string | string[];
  title?: string;
  description?: string;
  format?: string;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  oneOf?: Schema[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  $ref?: string;
  $defs?: Record<string, Schema>;
  [keyword: string]: unknown;
}

export interface Mail {
  from: string;
  to: string[];
  cc: string[];
  subject: string;
  date: string | null;
  text: string;
  html: boolean;
  attachments: { name: string; media_type: string; bytes: number }[];
  remote_images: number;
  problems: string[];
}

export interface Evidence {
  media_type: string;
  value: unknown;
  mail?: Mail;
}

export interface CaseView {
  case: Case;
  checkpoint: Checkpoint;
  content: Content;
  evidence: Record<string, Evidence>;
  routing: Routing | null;
  withheld: boolean;
}

export interface Page<T> {
  items: T[];
  after: string | null;
}

export interface Similar {
  case_id: string;
  title: string;
  verdict: VerdictKind;
  label: string | null;
  edited: string[];
  reviewer: string;
  ruled_at: string;
  likeness: number;
}

export interface Person {
  id: string;
  roles: string[];
  groups: string[];
  here: boolean;
  seen_at: string | null;
  away_since: string | null;
  claimed: number;
  assigned: number;
  ruled_today: number;
}

export interface Desk {
  queues: {
    checkpoint: string;
    waiting: number;
    oldest_at: string | null;
    claimed: number;
    assigned: number;
    snoozed: number;
  }[];
  stuck: { case: Case; why: "claimed_long" | "assigned_away" | "deadline_near" }[];
  unknown: Case[];
}

export type Assigned = "me" | "group" | "anyone";
