import type { Line } from './lines';
import { BLOCK, type SourceLog } from './source';

/** A line with where it is from. */
export interface Row {
  key: string;
  source: SourceLog;
  line: Line;
}

/** Bytes of all sources together up to which they are merged: all of them have to be read for it. */
export const MOST_MERGED = 4 << 20;

export function canMerge(sources: SourceLog[]): boolean {
  return sources.reduce((sum, one) => sum + one.size, 0) <= MOST_MERGED;
}

/**
 * The lines of several sources in the order in which they arrived. Within a source they stay in theirs, whatever
 * the times say; lines without a time stand with the line before them.
 */
export function merged(sources: SourceLog[]): Row[] {
  const queues = sources.map((source) => ({ source, at: 0, time: -Infinity }));
  const rows: Row[] = [];
  for (;;) {
    let next: { source: SourceLog; at: number; time: number; line: Line } | null = null;
    for (const queue of queues) {
      const line = queue.at < queue.source.lines ? queue.source.line(queue.at) : undefined;
      if (line === undefined) continue;
      queue.time = Math.max(queue.time, line.at ?? queue.time);
      if (next === null || queue.time < next.time) next = Object.assign(queue, { line });
    }
    if (next === null) return rows;
    rows.push({ key: `${next.source.key}:${next.line.number}`, source: next.source, line: next.line });
    next.at += 1;
  }
}

/** See that all lines of these sources come. */
export function wantAll(sources: SourceLog[]): void {
  for (const source of sources)
    for (let first = 0; first < source.lines; first += BLOCK)
      if (
        source.line(first) === undefined ||
        source.line(Math.min(first + BLOCK, source.lines) - 1) === undefined
      )
        source.want(first, Math.min(BLOCK, source.lines - first), true);
}
