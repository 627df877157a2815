/** Reads comma-separated values as RFC 4180 has them, and as spreadsheets write them. */

export interface Csv {
  head: string[];
  body: string[][];
}

const SEPARATORS = [",", ";", "\t", "|"] as const;

/** The separator that stands most often in the first line, outside quotes. */
function separatorOf(text: string): string {
  const line =
    text
      .slice(0, 10_000)
      .replace(/"(?:[^"]|"")*"/g, "")
      .split(/\r?\n/, 1)[0] ?? "";
  const counts = SEPARATORS.map((each) => line.split(each).length);
  return SEPARATORS[counts.indexOf(Math.max(...counts))] ?? ",";
}

function rowsOf(text: string, separator: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let field: string;
    if (text.charAt(at) === '"') {
      field = "";
      at += 1;
      for (;;) {
        const close = text.indexOf('"', at);
        field += text.slice(at, close < 0 ? text.length : close);
        at = close < 0 ? text.length : close + 1;
        if (close < 0 || text.charAt(at) !== '"') break;
        field += '"';
        at += 1;
      }
    } else field = "";
    let end = at;
    while (end < text.length && text.charAt(end) !== separator && text.charAt(end) !== "\n") end += 1;
    field += text.slice(at, end).replace(/\r$/, "");
    row.push(field);
    at = end + 1;
    if (end >= text.length || text.charAt(end) === "\n") {
      if (row.length > 1 || row[0] !== "") rows.push(row);
      row = [];
    } else if (at >= text.length) row.push("");
  }
  if (row.length > 0) rows.push(row);
  return rows;
}

/** The first row is the head, unless there is a number in it: then columns are numbered. */
export function parseCsv(text: string, separator?: string): Csv {
  const source = text.replace(/^\ufeff/, "");
  const rows = rowsOf(source, separator ?? separatorOf(source));
  const [first, ...rest] = rows;
  const width = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const headed = first !== undefined && rest.length > 0 && first.every((cell) => !/^\s*[-+]?\d[\d.,]*\s*$/.test(cell));
  const numbered = (from: number) => Array.from({ length: width - from }, (_, index) => String(from + index + 1));
  return headed ? { head: [...first, ...numbered(first.length)], body: rest } : { head: numbered(0), body: rows };
}
