import { useSyncExternalStore } from 'react';
import { duration, exact, relative } from './words';

/** One clock for all times on a page. Set off by what the server's answers say, for machines whose clock is wrong. */
let offset = 0;
let current = Date.now();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

export function setServerTime(date: string | null): void {
  const said = date === null ? Number.NaN : Date.parse(date);
  // The header counts whole seconds: a smaller difference says nothing.
  if (!Number.isNaN(said)) offset = Math.abs(said - Date.now()) > 2000 ? said - Date.now() : 0;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    current = Date.now();
    listeners.forEach((one) => one());
  }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Milliseconds since 1970 by the server's clock, anew every second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => current) + offset;
}

/** A time as people say it; exactly, in the reader's zone, when one points at it. */
export function Time({ at }: { at: string | null | undefined }) {
  const now = useNow();
  if (!at) return <span className="faint">–</span>;
  return (
    <time dateTime={at} title={exact(at)}>
      {relative(at, now)}
    </time>
  );
}

/** How long something took, or has taken until now. */
export function Lasted({ from, to }: { from: string | null | undefined; to: string | null | undefined }) {
  const now = useNow();
  if (!from) return <span className="faint">–</span>;
  const end = to ? new Date(to).getTime() : now;
  return <span className="num">{duration((end - new Date(from).getTime()) / 1000)}</span>;
}
