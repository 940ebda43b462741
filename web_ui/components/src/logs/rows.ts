import { useEffect, useMemo, useRef, useState } from 'react';
import { lineOf } from './lines';
import type { LogBook } from './book';
import type { PaneRow, Rows } from './LogPane';
import { merged, wantAll, type Row } from './merged';
import type { Hit } from './search';
import type { SourceLog } from './source';

/** What a pane looks at: one source by its key, all of them by time, or only lines that were found. */
export type Choice = { source: string } | 'all' | { found: Hit[] };

export interface Shown {
  rows: Rows;
  version: number;
  failed: unknown;
}

/** The rows of a choice; anew whenever one of its sources tells of something. */
export function useRows(book: LogBook, choice: Choice): Shown {
  const version = useChanges(book, choice);
  const all = useRef<{ version: number; rows: Row[] }>({ version: -1, rows: [] });
  const key = typeof choice === 'string' ? choice : 'source' in choice ? choice.source : choice.found;
  const sources = book.sources;
  // eslint-disable-next-line react-hooks/exhaustive-deps -- `key` says what `choice` is
  const rows = useMemo(() => rowsOf(book, choice, all, version), [book, key, version, sources]);
  const failed = sources.find((one) => one.failed !== null)?.failed ?? null;
  return { rows, version, failed };
}

/** A number that grows, once a frame at most, with what is shown. */
function useChanges(book: LogBook, choice: Choice): number {
  const [version, setVersion] = useState(0);
  const key = typeof choice === 'object' && 'source' in choice ? choice.source : '';
  const number = book.sources.length;
  useEffect(() => {
    let frame = 0;
    const changed = () => {
      frame ||= requestAnimationFrame(() => {
        frame = 0;
        setVersion((before) => before + 1);
      });
    };
    const watched = key === '' ? book.sources : book.sources.filter((one) => one.key === key);
    const ends = [book.subscribe(changed), ...watched.map((one) => one.subscribe(changed))];
    return () => {
      cancelAnimationFrame(frame);
      ends.forEach((end) => end());
    };
  }, [book, key, number]);
  return version;
}

function rowsOf(
  book: LogBook,
  choice: Choice,
  all: { current: { version: number; rows: Row[] } },
  version: number,
): Rows {
  if (choice === 'all') {
    if (all.current.version !== version) all.current = { version, rows: merged(book.sources) };
    const rows = all.current.rows;
    return { count: rows.length, at: (place) => paneRow(rows[place]), want: () => wantAll(book.sources) };
  }
  if ('found' in choice) {
    const hits = choice.found;
    return { count: hits.length, at: (place) => hitRow(hits[place]), want: () => undefined };
  }
  const source = book.sources.find((one) => one.key === choice.source);
  return {
    count: source?.lines ?? 0,
    at: (place) => {
      const line = source?.line(place);
      return line && { line };
    },
    want: (first, count) => source?.want(first, count),
  };
}

const paneRow = (row: Row | undefined): PaneRow | undefined =>
  row && { line: row.line, source: row.source.info.source };

const hitRow = (hit: Hit | undefined): PaneRow | undefined =>
  hit && { line: lineOf(hit.line, hit.text, hit.at ? Date.parse(hit.at) : null), source: hit.source };

/** Where a line of a source stands among the rows; null if it is not there. */
export function placeOf(rows: Rows, choice: Choice, source: SourceLog, line: number): number | null {
  if (typeof choice === 'object' && 'source' in choice) return choice.source === source.key ? line : null;
  for (let place = 0; place < rows.count; place += 1) {
    const row = rows.at(place);
    if (row?.line.number === line && row.source === source.info.source) return place;
  }
  return null;
}
