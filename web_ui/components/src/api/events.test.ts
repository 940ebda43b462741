import { afterEach, expect, test, vi } from 'vitest';
import type { Transport } from '../host/transport';
import { follow, type ServerEvent } from './events';

/** A stream that a test writes to, and that ends when whoever reads it goes away. */
class Server implements Transport {
  asked: (string | null)[] = [];
  private writer: ReadableStreamDefaultController<Uint8Array> | null = null;

  request(_path: string, init: RequestInit = {}): Promise<Response> {
    this.asked.push(new Headers(init.headers).get('Last-Event-ID'));
    const body = new ReadableStream<Uint8Array>({
      start: (writer) => {
        this.writer = writer;
        init.signal?.addEventListener('abort', () => writer.error(new DOMException('gone', 'AbortError')));
      },
    });
    return Promise.resolve(new Response(body));
  }

  say(text: string): void {
    this.writer?.enqueue(new TextEncoder().encode(text));
  }

  drop(): void {
    this.writer?.error(new Error('connection reset'));
  }
}

let hidden = false;

function show(visible: boolean): void {
  hidden = !visible;
  document.dispatchEvent(new Event('visibilitychange'));
}

Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });
afterEach(() => show(true));

function following(server: Server) {
  const controller = new AbortController();
  const events: ServerEvent[] = [];
  const connected: boolean[] = [];
  const done = follow(server, {
    path: 'live',
    signal: controller.signal,
    onEvent: (event) => events.push(event),
    onConnected: (now) => connected.push(now),
    isLast: (event) => event.name === 'end',
  });
  return { controller, events, connected, done };
}

test('events come whole, however they are cut, and the last one ends it', async () => {
  const server = new Server();
  const { events, done } = following(server);
  await vi.waitFor(() => expect(server.asked).toEqual([null]));
  server.say('id: 1\nevent: log\nda');
  server.say('ta: {"a":1}\n\n: here\n\nevent: end\ndata: {}\n\n');
  await done;
  expect(events).toEqual([
    { name: 'log', data: '{"a":1}', id: '1' },
    { name: 'end', data: '{}', id: '1' },
  ]);
});

test('a lost connection goes on after what came last', async () => {
  const server = new Server();
  const { connected, controller, done } = following(server);
  await vi.waitFor(() => expect(server.asked).toHaveLength(1));
  server.say('id: 7\ndata: x\n\n');
  await vi.waitFor(() => expect(connected).toEqual([true]));
  server.drop();
  await vi.waitFor(() => expect(server.asked).toEqual([null, '7']), 3000);
  expect(connected).toEqual([true, false, true]);
  controller.abort();
  await done;
});

test('nothing is followed while nobody looks, and that is no lost connection', async () => {
  const server = new Server();
  const { connected, controller, done } = following(server);
  await vi.waitFor(() => expect(server.asked).toHaveLength(1));
  server.say('id: 3\ndata: x\n\n');
  await vi.waitFor(() => expect(connected).toEqual([true]));
  show(false);
  await Promise.resolve();
  expect(server.asked).toHaveLength(1);
  show(true);
  await vi.waitFor(() => expect(server.asked).toEqual([null, '3']));
  expect(connected).toEqual([true, true]);
  controller.abort();
  await done;
});

test('a refusal is thrown', async () => {
  const problem = { code: 'not-found', detail: 'no such run' };
  const transport = {
    request: () => Promise.resolve(new Response(JSON.stringify(problem), { status: 404 })),
  };
  const wanted = { path: 'live', signal: new AbortController().signal, onEvent: () => undefined };
  await expect(follow(transport, wanted)).rejects.toThrow('no such run');
});
