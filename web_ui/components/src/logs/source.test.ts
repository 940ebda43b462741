import { expect, test, vi } from 'vitest';
import type { LogChunk, LogSource } from '../api/schema';
import { BLOCK, linesOf, SourceLog } from './source';

const signal = expect.any(AbortSignal) as AbortSignal;

function info(lines: number): LogSource {
  return {
    workload_id: 'w',
    source: 'flow',
    lines,
    size: lines * 7,
    sealed_at: null,
    gaps: [],
  } as unknown as LogSource;
}

function chunk(first: number, texts: string[], offset = first * 7, open = false): LogChunk {
  const text = texts.join('\n') + (open ? '' : '\n');
  return {
    workload_id: 'w',
    source: 'flow',
    offset,
    end: offset + text.length,
    first_line: first,
    text,
    at: null,
    times: [],
    eof: false,
  };
}

const named = (number: number) => String(number).padStart(6, '0');

function log(lines: number, most = Infinity) {
  const fetch = vi.fn((line: number, count: number) =>
    Promise.resolve(
      chunk(
        line,
        Array.from({ length: Math.min(count, most) }, (_, at) => named(line + at)),
      ),
    ),
  );
  return { fetch, source: new SourceLog(info(lines), fetch) };
}

test('only the blocks that are looked at are fetched, each once', async () => {
  const { fetch, source } = log(1_000_000);
  source.want(500_000, 40);
  await vi.waitFor(() => expect(source.line(500_000)?.text).toBe('500000'));
  source.want(500_000, 40);
  expect(fetch).toHaveBeenCalledTimes(1);
  expect(fetch).toHaveBeenCalledWith(500_000, BLOCK, signal);
  expect(source.line(0)).toBeUndefined();
});

test('a block of long lines comes in several pieces', async () => {
  const { fetch, source } = log(BLOCK, 64);
  source.want(0, 10);
  await vi.waitFor(() => expect(source.line(BLOCK - 1)?.text).toBe(named(BLOCK - 1)));
  expect(fetch.mock.calls.map(([line, count]) => [line, count])).toEqual([
    [0, 200],
    [64, 136],
    [128, 72],
    [192, 8],
  ]);
});

test('what is written is joined to the line that was begun', () => {
  const { source } = log(0);
  source.feed(chunk(0, ['one', 'tw'], 0, true));
  expect([source.lines, source.line(1)?.text]).toEqual([2, 'tw']);
  source.feed(chunk(1, ['o', 'three'], 6));
  expect([source.lines, source.line(1)?.text, source.line(2)?.text]).toEqual([3, 'two', 'three']);
});

test('what comes again after a lost connection is passed over', () => {
  const { source } = log(0);
  source.feed(chunk(0, ['one', 'two'], 0));
  source.feed(chunk(0, ['one', 'two'], 0));
  expect([source.lines, source.line(0)?.text, source.line(1)?.text]).toEqual([2, 'one', 'two']);
});

test('a refusal is told, and asking again asks again', async () => {
  const fetch = vi
    .fn()
    .mockRejectedValueOnce(new Error('no'))
    .mockResolvedValue(chunk(0, ['x']));
  const source = new SourceLog(info(1), fetch);
  source.want(0, 1);
  await vi.waitFor(() => expect(source.failed).toBeInstanceOf(Error));
  source.want(0, 1);
  await vi.waitFor(() => expect(source.line(0)?.text).toBe('x'));
  expect(source.failed).toBeNull();
});

test('memory is bounded: what is far away goes', async () => {
  const { source } = log(10_000_000);
  const long = 'y'.repeat(3000);
  (source as unknown as { fetch: unknown }).fetch = (line: number, count: number) =>
    Promise.resolve(
      chunk(
        line,
        Array.from({ length: count }, () => long),
      ),
    );
  for (let block = 0; block < 40; block += 1) {
    source.want(block * BLOCK, 40);
    await vi.waitFor(() => expect(source.line(block * BLOCK + BLOCK - 1)).toBeDefined());
  }
  expect(source.line(0)).toBeUndefined();
  expect(source.line(39 * BLOCK)).toBeDefined();
});

test('every line has the time at which its first byte came', () => {
  const found = linesOf({
    ...chunk(0, ['é', 'b', 'c'], 0),
    times: [
      [0, 100],
      [3, 200],
      [5, 300],
    ],
  });
  expect(found.map((line) => line.at)).toEqual([100, 200, 300]);
});
