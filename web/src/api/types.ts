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

export type Mail = Schemas["MailGiven"];

export interface Evidence {
  media_type: string;
  value: unknown;
  mail?: Mail;
}

/** Evidence is one of many kinds of documents, so the description leaves its members open. */
export type CaseView = Omit<Schemas["CaseView"], "evidence"> & { evidence: Record<string, Evidence> };

export interface Page<T> {
  items: T[];
  after: string | null;
}

/** A page of the queue, with its first case as a whole where that was asked for. */
export interface QueuePage extends Page<Case> {
  first?: CaseView | null;
}

export type Similar = Schemas["SimilarCase"];
export type Person = Schemas["Person"];
export type Desk = Schemas["DeskView"];

export type Assigned = "me" | "group" | "anyone";
