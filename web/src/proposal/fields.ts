/** Which fields a proposal has, in which order, and what its schema says of each. */
import type { Arguments, Schema } from "../api/types";
import { nameInWords } from "../text/name";

export interface Field {
  name: string;
  title: string;
  description: string | null;
  schema: Schema;
}

/** Follow a reference, and look past "or null". */
export function resolved(schema: Schema | undefined, root: Schema): Schema {
  let found = schema ?? {};
  // A reference may lead to another; more than a few make a circle.
  for (let step = 0; step < 8; step++) {
    const name = /^#\/\$defs\/(.+)$/.exec(found.$ref ?? "")?.[1];
    const target = name === undefined ? undefined : root.$defs?.[name];
    const choices = (found.anyOf ?? found.oneOf)?.filter(({ type }) => type !== "null") ?? [];
    if (target) found = { ...target, ...without(found, "$ref") };
    else if (choices.length === 1) found = { ...choices[0], ...without(found, "anyOf", "oneOf") };
    else break;
  }
  return found;
}

function without(schema: Schema, ...names: string[]): Schema {
  return Object.fromEntries(Object.entries(schema).filter(([name]) => !names.includes(name)));
}

/** The title a schema gives, unless it only repeats the name with capitals. */
function titleOf(name: string, schema: Schema): string {
  const own = nameInWords(name);
  return schema.title && schema.title.toLowerCase() !== own.toLowerCase() ? schema.title : own;
}

/** The fields of a proposal: those that are required in their order, then the others, then what no schema knows. */
export function fieldsOf(root: Schema, ...given: Arguments[]): Field[] {
  const names = new Set([
    ...(root.required ?? []),
    ...Object.keys(root.properties ?? {}),
    ...given.flatMap(Object.keys),
  ]);
  return [...names]
    .filter((name) => given.some((each) => Object.hasOwn(each, name)))
    .map((name) => {
      const own = Object.hasOwn(root.properties ?? {}, name) ? root.properties?.[name] : undefined;
      const schema = resolved(own, root);
      return { name, title: titleOf(name, schema), description: own?.description ?? null, schema };
    });
}

/** Whether its values are chosen from a list, so that none of them is a claim about the evidence. */
export const isChoice = ({ schema }: Field) => schema.enum !== undefined || schema.const !== undefined;
