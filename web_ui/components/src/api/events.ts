import type { Transport } from '../host/transport';
import { send } from './client';
import { PlatformProblem } from './problem';

/** One server-sent event. */
export interface ServerEvent {
  name: string;
  data: string;
  id: string;
}

/**
 * The events of one answer, as they come. `EventSource` would not do: it cannot send a header, and hides why it
 * was refused.
 *
 * The grammar is that of the HTML standard, section 9.2.6.
 */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .getReader();
  let rest = '';
  let event = { name: 'message', data: [] as string[], id: '' };
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') {
          if (event.data.length) yield { name: event.name, data: event.data.join('\n'), id: event.id };
          event = { name: 'message', data: [], id: event.id };
        } else take(event, line);
      }
    }
  } finally {
    await reader.cancel();
  }
}

function take(event: { name: string; data: string[]; id: string }, line: string): void {
  const colon = line.indexOf(':');
  if (colon === 0) return;
  const field = colon < 0 ? line : line.slice(0, colon);
  const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (field === 'event') event.name = value;
  if (field === 'data') event.data.push(value);
  if (field === 'id') event.id = value;
}

export interface Following {
  path: string;
  /** Go on after this id; without one the stream begins at its beginning. */
  after?: string;
  signal: AbortSignal;
  onEvent: (event: ServerEvent) => void;
  /** Told whenever the connection is lost or there again. */
  onConnected?: (connected: boolean) => void;
  /** Whether this event is the last one. */
  isLast?: (event: ServerEvent) => boolean;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Follow a stream until its last event, over lost connections: each time it goes on after the last id that came.
 * Nothing is followed while nobody looks: a browser has six connections to a platform for all of its tabs, and
 * tabs in the background would take them from the one in front. Ends by itself only for a refusal, which is thrown.
 */
export async function follow(transport: Transport, following: Following): Promise<void> {
  const { signal, onConnected } = following;
  const place = { last: following.after ?? '', ended: false };
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    await seen(signal);
    const turn = new Turn(signal);
    try {
      const connected = () => {
        pause = FIRST_PAUSE_MS;
        onConnected?.(true);
      };
      await read(transport, following, place, turn.signal, connected);
    } catch (error) {
      if (!turn.signal.aborted && isRefusal(error)) throw error;
    } finally {
      turn.end();
    }
    if (place.ended || signal.aborted) return;
    if (turn.hidden) continue;
    onConnected?.(false);
    await waited(pause, signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function read(
  transport: Transport,
  { path, onEvent, isLast }: Following,
  place: { last: string; ended: boolean },
  signal: AbortSignal,
  connected: () => void,
): Promise<void> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  if (place.last !== '') headers['Last-Event-ID'] = place.last;
  const response = await send(transport, path, { headers, signal });
  if (response.body === null) return;
  connected();
  for await (const event of eventsOf(response.body)) {
    if (event.id !== '') place.last = event.id;
    onEvent(event);
    if (isLast?.(event)) {
      place.ended = true;
      return;
    }
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof PlatformProblem && error.status >= 400 && error.status < 500;

/** One connection: it ends with what it belongs to, and when the page is no longer seen. */
class Turn {
  hidden = false;
  private readonly controller = new AbortController();

  constructor(private readonly outer: AbortSignal) {
    outer.addEventListener('abort', this.abort);
    document.addEventListener('visibilitychange', this.look);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  end(): void {
    this.outer.removeEventListener('abort', this.abort);
    document.removeEventListener('visibilitychange', this.look);
  }

  private readonly abort = () => this.controller.abort();

  private readonly look = () => {
    if (!document.hidden) return;
    this.hidden = true;
    this.controller.abort();
  };
}

/** Resolves once the page is seen, or nothing is wanted any more. */
function seen(signal: AbortSignal): Promise<void> {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener('visibilitychange', look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal.addEventListener('abort', look);
  });
}

function waited(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
