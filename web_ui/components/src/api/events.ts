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
 * Ends by itself only for a refusal, which is thrown.
 */
export async function follow(transport: Transport, following: Following): Promise<void> {
  const { path, signal, onEvent, onConnected, isLast } = following;
  let last = following.after ?? '';
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      const headers: Record<string, string> = { Accept: 'text/event-stream' };
      if (last !== '') headers['Last-Event-ID'] = last;
      const response = await send(transport, path, { headers, signal });
      if (response.body === null) return;
      onConnected?.(true);
      pause = FIRST_PAUSE_MS;
      for await (const event of eventsOf(response.body)) {
        if (event.id !== '') last = event.id;
        onEvent(event);
        if (isLast?.(event)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof PlatformProblem && error.status >= 400 && error.status < 500) throw error;
    }
    onConnected?.(false);
    await waited(pause, signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

function waited(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
