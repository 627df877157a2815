/** What the browser keeps for this site between visits; a person may have forbidden it, and it may be full. */

/** The storage, or null where there is none: asking for it throws where it is forbidden. */
export function storage(): Storage | null {
  try {
    return window.localStorage ?? null;
  } catch {
    return null;
  }
}

/** Keep a text, or nothing with null; false if the browser does not. */
export function keep(key: string, text: string | null): boolean {
  try {
    const kept = storage();
    if (text === null) kept?.removeItem(key);
    else kept?.setItem(key, text);
    return kept !== null;
  } catch {
    return false;
  }
}

/** What was kept under a key. */
export function kept(key: string): string | null {
  try {
    return storage()?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

/** Every key there is with this beginning. */
export function keptKeys(beginning: string): string[] {
  try {
    return Object.keys(storage() ?? {}).filter((key) => key.startsWith(beginning));
  } catch {
    return [];
  }
}
