import { useEffect, useRef, useState } from 'react';
import type { LogHit, LogLevel } from '../api/schema';
import { send } from '../api/client';
import { eventsOf } from '../api/events';
import { useTransport } from '../host/transport';
import type { Scope } from './book';

export type Hit = LogHit;

/** What is looked for: a text, or lines of a level. */
export type Query = { q: string } | { level: LogLevel } | null;

export interface Search {
  hits: Hit[];
  running: boolean;
  /** Part of the log that was looked through, 0 to 1. */
  progress: number;
  truncated: boolean;
  error: unknown;
}

const NOTHING: Search = { hits: [], running: false, progress: 0, truncated: false, error: null };
const TYPING_MS = 150;

/** Search the whole log on the server. Typing on ends the search before; hits come as they are found. */
export function useSearch(scope: Scope, query: Query): Search {
  const transport = useTransport();
  const [search, setSearch] = useState<Search>(NOTHING);
  const root = 'run' in scope ? `runs/${scope.run}` : `workloads/${scope.workload}`;
  const asked = query === null ? '' : new URLSearchParams(query).toString();
  const hits = useRef<Hit[]>([]);
  useEffect(() => {
    hits.current = [];
    if (asked === '') {
      setSearch(NOTHING);
      return;
    }
    const controller = new AbortController();
    const run = async () => {
      setSearch({ ...NOTHING, running: true });
      const response = await send(transport, `${root}/logs/search?${asked}`, { signal: controller.signal });
      if (response.body === null) return;
      for await (const event of eventsOf(response.body)) {
        if (controller.signal.aborted) return;
        const found = JSON.parse(event.data) as unknown;
        if (event.name === 'hits') {
          hits.current = [...hits.current, ...(found as Hit[])];
          setSearch((before) => ({ ...before, hits: hits.current }));
        } else if (event.name === 'progress') {
          const { bytes, of_bytes: all } = found as { bytes: number; of_bytes: number };
          setSearch((before) => ({ ...before, progress: all ? bytes / all : 1 }));
        } else if (event.name === 'end') {
          const { truncated } = found as { truncated: boolean };
          setSearch((before) => ({ ...before, running: false, progress: 1, truncated }));
        }
      }
    };
    const timer = setTimeout(() => {
      run().catch((error: unknown) => {
        if (!controller.signal.aborted) setSearch((before) => ({ ...before, running: false, error }));
      });
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [transport, root, asked]);
  return search;
}
