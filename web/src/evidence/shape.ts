/** What a JSON value looks like. */

export type Scalar = string | number | boolean | null;

export function isScalar(value: unknown): value is Scalar {
  return value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** More than so many of them are no longer read at a glance. */
const FEW = 10;

/** A value that stands beside its name in a few words: a scalar, or a few of them. */
export type Short = Scalar | Scalar[];

export function isShort(value: unknown): value is Short {
  return isScalar(value) || (Array.isArray(value) && value.length > 0 && value.length <= FEW && value.every(isScalar));
}
