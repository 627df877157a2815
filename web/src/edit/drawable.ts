/** What of a checkpoint's JSON Schema can be drawn as fields, in the few forms that the form knows. */
import type { RJSFSchema, UiSchema } from "@rjsf/utils";

import type { Arguments, Schema } from "../api/types";
import { isRecord, named, own, plain } from "./validator";

export interface Drawn {
  schema: RJSFSchema;
  ui: UiSchema<Arguments>;
}

/** How deep fields are drawn within fields; what is deeper is edited as JSON. */
const DEEPEST = 5;
const LONG = 60;
const WORDY = /(body|text|message|reply|answer|description|comment|note|content|summary|reason|instruction|html|markdown)s?$/i;

/**
 * Reduce a schema to what the form draws: plain types without references or alternatives.
 *
 * A part that cannot be drawn becomes one field for JSON. Null is taken out and noted beside the part.
 *
 * Returns:
 *   Null when not even the arguments themselves can be drawn, or they hold what the schema does not know.
 */
export function drawn(schema: unknown, value: Arguments): Drawn | null {
  if (!isRecord(schema) || holdsProto(value)) return null;
  const root = schema as Schema;
  const found = part(root, value, { root, name: "", depth: 0, within: [] });
  return found && found.schema.type === "object" ? found : null;
}

/** Whether a key anywhere is `__proto__`: the form would drop it unsaid, and what is approved would not be what was shown. */
function holdsProto(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(holdsProto);
  return isRecord(value) && Object.entries(value).some(([key, each]) => key === "__proto__" || holdsProto(each));
}

/** Whether a part of the form is edited as JSON. */
export const JSON_FIELD = "JsonField";

interface Place {
  root: Schema;
  name: string;
  depth: number;
  /** References on the way here. */
  within: readonly string[];
}

function part(written: unknown, value: unknown, place: Place): Drawn | null {
  if (!isRecord(written)) return null;
  const reference = (written as Schema).$ref;
  if (reference !== undefined && place.within.includes(reference)) return null;
  const within = reference === undefined ? place.within : [...place.within, reference];
  let schema = plain(written as Schema, place.root);
  if (schema.$ref !== undefined || schema.$dynamicRef !== undefined || schema.$recursiveRef !== undefined) return null;
  if (schema.allOf !== undefined) {
    const all = schema.allOf as Schema[];
    const [only] = all;
    if (all.length !== 1 || !only) return null;
    const both: Schema = { ...only, ...schema };
    delete both.allOf;
    return part(both, value, { ...place, within });
  }
  const [bare, nullable] = withoutNull(schema);
  if (!bare) return null;
  if (bare !== schema && (bare.$ref !== undefined || bare.anyOf !== undefined || bare.allOf !== undefined)) {
    const inner = part(withTitle(bare, schema), value, { ...place, within });
    return inner && nullable ? noted(inner, { nullable: true }) : inner;
  }
  schema = withTitle(bare, schema);
  const found = shaped(schema, value, { ...place, within });
  return found && nullable ? noted(found, { nullable: true }) : found;
}

function withTitle(inner: Schema, outer: Schema): Schema {
  return {
    ...inner,
    ...(outer.title !== undefined && { title: outer.title }),
    ...(outer.description !== undefined && { description: outer.description }),
  };
}

/** Part a schema from null; gives no schema where several others are left. */
function withoutNull(schema: Schema): [Schema | null, boolean] {
  const options = schema.anyOf ?? schema.oneOf;
  if (options) {
    if (!Array.isArray(options) || schema.properties) return [null, false];
    const rest = options.filter((option) => !isRecord(option) || option.type !== "null");
    const nullable = rest.length < options.length;
    const [first, second] = rest as [Schema | undefined, Schema | undefined];
    if (rest.length === 1 && first) return [isRecord(first) ? first : null, nullable];
    // Decimals: a number, or digits in a string. The string keeps every digit.
    if (rest.length === 2 && first?.type === "number" && second?.type === "string" && second.pattern !== undefined)
      return [{ type: "string", format: "decimal" }, nullable];
    return [null, nullable];
  }
  if (Array.isArray(schema.type)) {
    const rest = schema.type.filter((type) => type !== "null");
    if (rest.length !== 1) return [null, false];
    return [{ ...schema, type: rest[0] as string }, rest.length < schema.type.length];
  }
  if (schema.enum?.includes(null))
    return [{ ...schema, enum: schema.enum.filter((value) => value !== null) }, true];
  return [schema, false];
}

function shaped(schema: Schema, value: unknown, place: Place): Drawn | null {
  const title = schema.title ?? named(place.name);
  const common = { title, ...(schema.description !== undefined && { description: schema.description }) };
  const choices = schema.const !== undefined ? [schema.const] : schema.enum;
  if (choices !== undefined) {
    if (!choices.length || !choices.every((one) => ["string", "number", "boolean"].includes(typeof one))) return null;
    return { schema: { ...common, type: "string" }, ui: { "ui:widget": "choice", "ui:options": { choices } } };
  }
  if (["if", "then", "else", "not", "dependentSchemas", "patternProperties", "prefixItems"].some((word) => word in schema))
    return null;
  switch (schema.type) {
    case "string":
      return isScalar(value) ? text(schema, value, place, common) : null;
    case "number":
    case "integer":
      return isScalar(value) ? { schema: { ...common, type: "string" }, ui: { "ui:widget": "number" } } : null;
    case "boolean":
      return isScalar(value) ? { schema: { ...common, type: "string" }, ui: { "ui:widget": "yesno" } } : null;
    case "array":
      return array(schema, value, place, common);
    case "object":
      return object(schema, value, place, common);
    default:
      return null;
  }
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value !== "object";
}

function text(schema: Schema, value: unknown, place: Place, common: object): Drawn {
  const written = typeof value === "string" ? value : "";
  const isLong = written.length > LONG || /[\n\r]/.test(written);
  const isWordy = !schema.format && WORDY.test(place.name);
  const widget =
    schema.format === "date" && (!written || /^\d{4}-\d{2}-\d{2}$/.test(written))
      ? "day"
      : isLong || isWordy || schema.format === "multiline" || schema.format === "textarea"
        ? "long"
        : "line";
  const decimal = schema.format === "decimal" ? { "ui:options": { decimal: true } } : {};
  return { schema: { ...common, type: "string" }, ui: { "ui:widget": widget, ...decimal } };
}

function array(schema: Schema, value: unknown, place: Place, common: object): Drawn | null {
  if (place.depth >= DEEPEST || !isRecord(schema.items)) return null;
  if (value !== undefined && value !== null && !Array.isArray(value)) return null;
  const inner = { ...place, name: place.name.replace(/s$/, ""), depth: place.depth + 1 };
  const each = ((value ?? []) as unknown[]).map((item) => part(schema.items, item, inner));
  if (each.some((one) => one === null)) return null;
  // One form serves all entries: the roomiest that any of them needs.
  const empty = part(schema.items, undefined, inner);
  const holdsJson = (one: Drawn | null) => JSON.stringify(one?.ui ?? {}).includes(JSON_FIELD);
  const items = each.find(holdsJson) ?? each.find((one) => one?.ui["ui:widget"] === "long") ?? each[0] ?? empty;
  if (!items) return null;
  const itemTitle = (schema.items as Schema).title;
  return {
    schema: { ...common, type: "array", items: { ...items.schema, title: itemTitle ?? "Entry" } },
    ui: { items: items.ui },
  };
}

function object(schema: Schema, value: unknown, place: Place, common: object): Drawn | null {
  if (place.depth >= DEEPEST || !isRecord(schema.properties)) return null;
  if (value !== undefined && value !== null && !isRecord(value)) return null;
  const names = Object.keys(schema.properties);
  if (names.some((name) => name === "__proto__" || name.startsWith("ui:"))) return null;
  if (isRecord(value) && Object.keys(value).some((name) => !names.includes(name))) return null;
  const properties: Record<string, RJSFSchema> = {};
  const ui: UiSchema<Arguments> = {};
  for (const name of names) {
    const written = own(schema.properties, name);
    const inner = isRecord(value) ? own(value, name) : undefined;
    const found = part(written, inner, { ...place, name, depth: place.depth + 1 }) ?? asJson(written, name);
    properties[name] = found.schema;
    ui[name] = found.ui;
  }
  return {
    schema: { ...common, type: "object", properties, required: schema.required ?? [] } as RJSFSchema,
    ui,
  };
}

function asJson(written: unknown, name: string): Drawn {
  const schema = isRecord(written) ? (written as Schema) : {};
  return {
    schema: { type: "string", title: schema.title ?? named(name), ...(schema.description && { description: schema.description }) },
    ui: { "ui:field": JSON_FIELD },
  };
}

function noted(found: Drawn, options: Record<string, unknown>): Drawn {
  return { ...found, ui: { ...found.ui, "ui:options": { ...found.ui["ui:options"], ...options } } };
}
