import { useContext, useMemo, useState } from "react";

import { pathTo } from "../text/path";
import { Pieces, Visible, visible } from "../text/visible";
import { parseCsv } from "./csv";
import type { RendererProps } from "./registry";
import { isRecord, isScalar } from "./shape";
import { FoldedTree } from "./tree";
import { Marking, Value } from "./value";
import { nameInWords } from "../text/name";

const FIRST = 200;
const MOST_CELLS = 2_000;
const PLAIN = 200;
const MOST_COLUMNS = 40;

/** What a table is drawn from: cells are looked up when they come to be shown. */
export interface TableData {
  columns: string[];
  rows: number;
  cell(row: number, column: number): unknown;
  /** The path of a cell in what it came from. */
  path?(row: number, column: number): string;
}

const NUMBER = /^[-+−]?[€$£]? ?\d[\d.,' ]*(?: ?[%€$£])?$/;

function isNumeric(data: TableData, column: number, rows: number): boolean {
  let any = false;
  for (let row = 0; row < rows; row++) {
    const value = data.cell(row, column);
    if (value === undefined || value === null || value === "") continue;
    if (typeof value !== "number" && !(typeof value === "string" && value.length < 40 && NUMBER.test(value)))
      return false;
    any = true;
  }
  return any;
}

/** Rows and columns: so many at first that it stays quick, and more when they are asked for. */
export function Table({ data, label }: { data: TableData; label: string }) {
  const [wide, setWide] = useState(false);
  const [asked, setAsked] = useState<number | null>(null);
  const columns = wide ? data.columns : data.columns.slice(0, MOST_COLUMNS);
  const first = Math.max(1, Math.min(FIRST, Math.floor(MOST_CELLS / Math.max(1, columns.length))));
  const shown = Math.min(data.rows, asked ?? first);
  const numeric = useMemo(() => columns.map((_, column) => isNumeric(data, column, shown)), [columns, data, shown]);
  if (data.rows === 0) return <p className="muted">The table has no rows.</p>;
  return (
    <div className="evidence-table">
      <div className="evidence-scroll" role="group" aria-label={`Table of ${visible(label)}`} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {columns.map((column, index) => (
                <th
                  key={index}
                  scope="col"
                  className={numeric[index] ? "evidence-number" : undefined}
                  title={visible(column)}
                >
                  <Visible text={column} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {Array.from({ length: shown }, (_, row) => (
              <tr key={row}>
                {columns.map((_, column) => (
                  <td key={column} dir="auto" className={widthOf(data.cell(row, column), numeric[column])}>
                    <Cell value={data.cell(row, column)} path={data.path?.(row, column)} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p className="evidence-showing small muted">
        {shown < data.rows ? (
          <>
            Showing {shown.toLocaleString("en")} of {data.rows.toLocaleString("en")} rows.{" "}
            <button type="button" className="button" onClick={() => setAsked(shown + first)}>
              Show more
            </button>
          </>
        ) : (
          `${data.rows.toLocaleString("en")} ${data.rows === 1 ? "row" : "rows"}`
        )}
        {columns.length < data.columns.length ? (
          <button type="button" className="button" onClick={() => setWide(true)}>
            Show all {data.columns.length.toLocaleString("en")} columns
          </button>
        ) : null}
      </p>
    </div>
  );
}

const LONG = 40;

/** What is short stays on one line, and what is long is not squeezed into a few letters. */
function widthOf(value: unknown, numeric: boolean | undefined): string | undefined {
  if (numeric) return "evidence-number";
  if (typeof value !== "string") return undefined;
  return value.length > LONG ? "evidence-long" : value.includes("\n") ? undefined : "evidence-short";
}

/** A cell is a block of its own, so its text needs no other element around it: a table has thousands of them. */
function Cell({ value, path }: { value: unknown; path: string | undefined }) {
  const marker = useContext(Marking);
  if (value === undefined || value === "") return null;
  const under = path === undefined ? {} : { path };
  if (typeof value === "string" && value.length <= PLAIN && !marker) return <Pieces text={value} />;
  if (isScalar(value)) return <Value value={value} {...under} />;
  return <FoldedTree value={value} {...under} />;
}

/** Whether it is a list of objects, or of lists: what reads best as a table. */
export function isRows(value: unknown): value is Record<string, unknown>[] | unknown[][] {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every(isRecord) || (value.every(Array.isArray) && value.some((row) => row.length > 1));
}

export function tableOf(rows: Record<string, unknown>[] | unknown[][], path?: string): TableData {
  const lists = rows.every(Array.isArray);
  const keys = new Map<string, string | number>();
  const longest = lists ? rows.reduce((most, row) => Math.max(most, (row as unknown[]).length), 0) : 0;
  if (lists) for (let index = 0; index < longest; index++) keys.set(String(index + 1), index);
  else for (const row of rows) for (const key of Object.keys(row)) keys.set(key, key);
  const places = [...keys.values()];
  return {
    columns: lists ? [...keys.keys()] : [...keys.keys()].map(nameInWords),
    rows: rows.length,
    cell: (row, column) => {
      const key = places[column];
      const of = rows[row] as Record<string | number, unknown> | undefined;
      return of !== undefined && key !== undefined && Object.hasOwn(of, key) ? of[key] : undefined;
    },
    ...(path !== undefined && {
      path: (row: number, column: number) => pathTo(pathTo(path, row), places[column] ?? column),
    }),
  };
}

export function Rows({ name, evidence }: RendererProps) {
  const data = useMemo(() => tableOf(isRows(evidence.value) ? evidence.value : []), [evidence.value]);
  return <Table data={data} label={name} />;
}

export function Csv({ name, evidence }: RendererProps) {
  const text = typeof evidence.value === "string" ? evidence.value : "";
  const tabs = evidence.media_type.includes("tab-separated");
  const data = useMemo(() => {
    const { head, body } = parseCsv(text, tabs ? "\t" : undefined);
    return { columns: head, rows: body.length, cell: (row: number, column: number) => body[row]?.[column] };
  }, [text, tabs]);
  return <Table data={data} label={name} />;
}
