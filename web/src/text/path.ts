/** Where a nested value stands: the argument's name, then its keys and indices, as a JSON pointer does it. */
export function pathTo(path: string, key: string | number): string {
  return `${path}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
