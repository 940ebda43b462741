import { useEffect, useRef, useState } from 'react';
import { send } from '../api/client';
import { eventsOf } from '../api/events';
import { useTransport } from '../host/transport';
import type { Scope } from './book';

/** One place where a search found something; `start` and `end` are in `text`. */
export interface Hit {
  workload_id: string;
  source: string;
  line: number;
  at: string | null;
  text: string;
  start: number;
  end: number;
}

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
export function useSearch(scope: Scope, text: string, regex: boolean): Search {
  const transport = useTransport();
  const [search, setSearch] = useState<Search>(NOTHING);
  const root = 'run' in scope ? `runs/${scope.run}` : `workloads/${scope.workload}`;
  const hits = useRef<Hit[]>([]);
  useEffect(() => {
    hits.current = [];
    if (text === '') {
      setSearch(NOTHING);
      return;
    }
    const controller = new AbortController();
    const run = async () => {
      setSearch({ ...NOTHING, running: true });
      const query = new URLSearchParams({ q: text, regex: String(regex) });
      const response = await send(transport, `${root}/logs/search?${query}`, { signal: controller.signal });
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
  }, [transport, root, text, regex]);
  return search;
}
