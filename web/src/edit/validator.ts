/** Checks arguments against a checkpoint's JSON Schema without `eval`, and says in words what does not fit. */
import { type OutputUnit, Validator } from "@cfworker/json-schema";
import type { RJSFValidationError, ValidatorType } from "@rjsf/utils";

import type { Arguments, Schema } from "../api/types";
import { isExact } from "./strict_json";

export type Path = readonly (string | number)[];

export interface Complaint {
  path: Path;
  message: string;
}

/** A path as one text, for maps and ids. */
export function pathKey(path: Path): string {
  return JSON.stringify(path);
}

/** Everything that does not fit; empty when nothing does, or when the schema itself cannot be read. */
export function complaints(schema: Schema, value: unknown): Complaint[] {
  const prepared = preparedOf(schema);
  if (!prepared) return [];
  let errors: OutputUnit[];
  try {
    errors = prepared.validator.validate(withoutUndefined(value)).errors;
  } catch {
    return []; // A schema that refers to what is not there: the server, which has the function, decides.
  }
  const found = told(errors, prepared.schema, value);
  const seen = new Set<string>();
  return found.filter(({ path, message }) => {
    const key = pathKey([...path, message]);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** The title of a place in the arguments: "Lines, entry 2, Amount". */
export function titleOf(schema: Schema, path: Path): string {
  const parts: string[] = [];
  let here: Schema | undefined = schema;
  for (const step of path) {
    here = here && plain(here, schema);
    const inner: Schema | undefined = typeof step === "number" ? here?.items : own(here?.properties, step);
    parts.push(typeof step === "number" ? `entry ${step + 1}` : (inner?.title ?? named(step)));
    here = inner;
  }
  return parts.join(", ") || "The arguments";
}

/** The name of an argument as words: "order_id" is "Order id". */
export function named(name: string): string {
  const text = name.replace(/_+/g, " ").trim() || name;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function own<T>(record: Record<string, T> | undefined, key: string): T | undefined {
  return record && Object.hasOwn(record, key) ? record[key] : undefined;
}

/** What rjsf asks of a validator. The form itself is not checked by rjsf but by `complaints`. */
export const validator: ValidatorType<Arguments> = {
  validateFormData: (value, schema) => {
    const errors = complaints(schema as Schema, value).map(
      ({ path, message }): RJSFValidationError => ({ property: `.${path.join(".")}`, message, stack: message }),
    );
    return { errors, errorSchema: {} };
  },
  isValid: (schema, value, root) => complaints({ ...root, ...schema } as Schema, value).length === 0,
  rawValidation: <Result>(schema: unknown, value?: unknown) => ({
    errors: complaints(schema as Schema, value) as unknown as Result[],
  }),
};

interface Prepared {
  validator: Validator;
  schema: Schema;
}

const known = new WeakMap<object, Prepared | null>();

function preparedOf(schema: Schema): Prepared | null {
  const found = known.get(schema);
  if (found !== undefined) return found;
  const prepared = preparedFrom(schema);
  known.set(schema, prepared);
  return prepared;
}

function preparedFrom(schema: Schema): Prepared | null {
  try {
    const checked = withoutForeignPatterns(structuredClone(schema)) as Schema;
    return { validator: new Validator(checked as never, "2020-12", false), schema: checked };
  } catch {
    return null;
  }
}

/** Python takes patterns that JavaScript does not; those are left to the server. */
function withoutForeignPatterns(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(withoutForeignPatterns);
  if (!isRecord(part)) return part;
  if (typeof part.pattern === "string") {
    try {
      new RegExp(part.pattern, "u");
    } catch {
      delete part.pattern;
    }
  }
  for (const key of Object.keys(part)) if (key !== "__proto__") part[key] = withoutForeignPatterns(part[key]);
  return part;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutUndefined(item) ?? null);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => [key, withoutUndefined(inner)]),
  );
}

// Whatever these say, an error that follows says better.
const WRAPPERS = new Set(["$ref", "properties", "items", "prefixItems", "allOf", "patternProperties", "if", "then", "else"]);

function told(errors: OutputUnit[], schema: Schema, root: unknown): Complaint[] {
  const found: Complaint[] = [];
  for (let at = 0; at < errors.length; at++) {
    const error = errors[at];
    if (!error) continue;
    if (error.keyword === "anyOf" || error.keyword === "oneOf") {
      let end = at + 1;
      while (errors[end]?.keywordLocation.startsWith(`${error.keywordLocation}/`)) end++;
      found.push(...branches(error, errors.slice(at + 1, end), schema, root));
      at = end - 1;
    } else if (error.keyword === "additionalProperties" || error.keyword === "unevaluatedProperties") {
      const name = /^Property "([\s\S]*)" does not match/.exec(error.error)?.[1];
      if (errors[at + 1]?.keyword === "false") {
        found.push({
          path: pathOf(error.instanceLocation, root),
          message: `${name === undefined ? "Something" : `“${short(name)}”`} does not belong here; remove it.`,
        });
        at++;
      }
    } else if (!WRAPPERS.has(error.keyword)) {
      const one = leaf(error, schema, root);
      if (one) found.push(one);
    }
  }
  return found;
}

/** Of several forms, speak about the one that was meant: that whose type fits, else the only one that is a value. */
function branches(error: OutputUnit, inner: OutputUnit[], schema: Schema, root: unknown): Complaint[] {
  const options = (at(schema, error.keywordLocation) as Schema[] | undefined) ?? [];
  const here = error.instanceLocation;
  const byBranch = options.map((_, index) =>
    inner.filter((one) => `${one.keywordLocation}/`.startsWith(`${error.keywordLocation}/${index}/`)),
  );
  const meant = byBranch.find(
    (own) => own.length > 0 && !own.some((one) => one.instanceLocation === here && one.keyword === "type"),
  );
  if (meant) return told(meant, schema, root);
  const types = options.map((option) => plain(option, schema).type).filter((type) => type !== "null");
  const index = options.findIndex((option) => plain(option, schema).type !== "null");
  if (types.length === 1 && byBranch[index]?.length) return told(byBranch[index], schema, root);
  const words = types.map((type) => (typeof type === "string" ? (KINDS[type] ?? type) : "another value"));
  return [{ path: pathOf(here, root), message: `Must be ${[...new Set(words)].join(" or ") || "something else"}.` }];
}

const KINDS: Record<string, string> = {
  string: "text",
  number: "a number",
  integer: "a whole number",
  boolean: "yes or no",
  array: "a list",
  object: "an object",
  null: "no value",
};

const FORMATS: Record<string, string> = {
  date: "a date, such as 2026-10-03",
  "date-time": "a time, such as 2026-10-03T14:00:00Z",
  time: "a time of day, such as 14:00:00Z",
  duration: "a duration, such as P1DT2H",
  email: "an e-mail address",
  uri: "an address, such as https://example.org/",
  uuid: "a UUID",
};

function leaf(error: OutputUnit, schema: Schema, root: unknown): Complaint | null {
  const path = pathOf(error.instanceLocation, root);
  const limit = at(schema, error.keywordLocation);
  const value = valueAt(root, path);
  const say = (message: string): Complaint => ({ path, message });
  switch (error.keyword) {
    case "type":
      return say(ofType(limit, value));
    case "required": {
      const name = /required property "([\s\S]*)"\.$/.exec(error.error)?.[1];
      return { path: name === undefined ? path : [...path, name], message: "Is needed." };
    }
    case "enum":
      return say(`Choose one of ${list(limit)}.`);
    case "const":
      return say(`Must be ${list([limit])}.`);
    case "minLength":
      return say(limit === 1 ? "Must not be empty." : `Too short: at least ${limit} characters.`);
    case "maxLength":
      return say(`Too long: ${[...String(value)].length.toLocaleString("en")} characters, at most ${limit}.`);
    case "minItems":
      return say(limit === 1 ? "Needs at least one entry." : `Needs at least ${limit} entries.`);
    case "maxItems":
      return say(`Too many entries: at most ${limit}.`);
    case "minimum":
      return say(`Too small: at least ${limit}.`);
    case "maximum":
      return say(`Too large: at most ${limit}.`);
    case "exclusiveMinimum":
      return say(`Too small: more than ${limit}.`);
    case "exclusiveMaximum":
      return say(`Too large: less than ${limit}.`);
    case "multipleOf":
      return say(`Must be a multiple of ${limit}.`);
    case "pattern":
      return say(`Does not have the expected form: ${short(String(limit))}`);
    case "format":
      return say(`Must be ${FORMATS[String(limit)] ?? `of the form ${short(String(limit))}`}.`);
    case "false":
      return say("Does not belong here; remove it.");
    default:
      return say(`Does not meet ${error.keyword}.`);
  }
}

function ofType(type: unknown, value: unknown): string {
  const types = (Array.isArray(type) ? type : [type]).filter((one) => one !== "null").map(String);
  const numeric = types.includes("number") || types.includes("integer");
  if (numeric && typeof value === "string" && value.trim()) {
    if (/^-?[\d.]+(e[+-]?\d+)?$/i.test(value.trim()) && Number.isFinite(Number(value)) && !isExact(value.trim()))
      return "Has more digits than a number carries exactly; shorten it.";
    if (/^-?\d+,\d+$/.test(value.trim())) return "Enter a number with a point, such as 40.5.";
  }
  if (types.length === 1) {
    if (types[0] === "integer") return "Enter a whole number.";
    if (types[0] === "number") return "Enter a number.";
    if (types[0] === "boolean") return "Choose yes or no.";
  }
  return `Must be ${types.map((one) => KINDS[one] ?? one).join(" or ")}.`;
}

function list(values: unknown): string {
  if (!Array.isArray(values)) return "the values of the schema";
  const shown = values.slice(0, 8).map((value) => short(typeof value === "string" ? value : JSON.stringify(value)));
  return shown.join(", ") + (values.length > 8 ? ` and ${values.length - 8} more` : "");
}

function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

function steps(pointer: string): string[] {
  return pointer
    .replace(/^#\/?/, "")
    .split("/")
    .filter((_, index, all) => all.length > 1 || all[index] !== "")
    .map((step) => {
      try {
        return decodeURIComponent(step).replace(/~1/g, "/").replace(/~0/g, "~");
      } catch {
        return step.replace(/~1/g, "/").replace(/~0/g, "~");
      }
    });
}

/** The place of an error; digits are places in a list only where there is one. */
function pathOf(pointer: string, root: unknown): Path {
  const path: (string | number)[] = [];
  let here: unknown = root;
  for (const step of steps(pointer)) {
    const inList = Array.isArray(here);
    path.push(inList ? Number(step) : step);
    here = inList ? (here as unknown[])[Number(step)] : isRecord(here) ? own(here, step) : undefined;
  }
  return path;
}

export function valueAt(root: unknown, path: Path): unknown {
  let here = root;
  for (const step of path)
    here = Array.isArray(here) ? here[Number(step)] : isRecord(here) ? own(here, String(step)) : undefined;
  return here;
}

/** What stands at a place of the schema, through the references on the way. */
function at(schema: Schema, pointer: string): unknown {
  let here: unknown = schema;
  for (const step of steps(pointer)) {
    if (step === "$ref") {
      const to = isRecord(here) ? here.$ref : undefined;
      here = typeof to === "string" && to.startsWith("#") ? valueAt(schema, steps(to)) : undefined;
    } else here = Array.isArray(here) ? here[Number(step)] : isRecord(here) ? own(here, step) : undefined;
  }
  return here;
}

/** Follow references, a few at most; what stands beside one stays. */
export function plain(part: Schema, root: Schema): Schema {
  let here: Schema = part;
  for (let count = 0; count < 8 && isRecord(here) && typeof here.$ref === "string"; count++) {
    const { $ref, ...beside } = here;
    const meant = $ref.startsWith("#") ? valueAt(root, steps($ref)) : undefined;
    if (!isRecord(meant)) return here;
    here = { ...meant, ...beside };
  }
  return here;
}
