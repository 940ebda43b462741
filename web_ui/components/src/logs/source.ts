import type { LogChunk, LogSource } from '../api/schema';
import { lineOf, type Line } from './lines';

/** Lines that are fetched and forgotten together. */
export const BLOCK = 200;
/** Characters of lines that one source keeps; what was looked at longest ago goes first. */
const MOST_KEPT = 8 << 20;

export type Fetch = (line: number, count: number, signal: AbortSignal) => Promise<LogChunk>;

interface Block {
  lines: (Line | undefined)[];
  size: number;
}

/**
 * One source of a log, of which only the parts near what is seen are in memory. Parts come from `fetch` when
 * they are looked at, and the end by `feed` while it is written.
 */
export class SourceLog {
  lines: number;
  size: number;
  sealed: boolean;
  private readonly blocks = new Map<number, Block>();
  private readonly fetching = new Map<number, AbortController>();
  private kept = 0;
  private open = false;
  private readonly listeners = new Set<() => void>();
  version = 0;
  failed: unknown = null;

  constructor(
    readonly info: LogSource,
    private readonly fetch: Fetch,
  ) {
    this.lines = info.lines;
    this.size = info.size;
    this.sealed = info.sealed_at !== null;
  }

  get key(): string {
    return `${this.info.workload_id}/${this.info.source}`;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** A line if it is here; the blocks around it are asked for by `want`. */
  line(number: number): Line | undefined {
    return this.blocks.get(Math.floor(number / BLOCK))?.lines[number % BLOCK];
  }

  /** See that these lines come, and forget what is far from them. */
  want(first: number, count: number, all = false): void {
    const low = Math.floor(first / BLOCK);
    const high = Math.floor(Math.max(first, first + count - 1) / BLOCK);
    for (const [number, controller] of this.fetching)
      if (!all && (number < low - 1 || number > high + 1)) {
        controller.abort();
        this.fetching.delete(number);
      }
    for (let number = low; number <= high; number += 1) void this.load(number);
    this.forget(low, high);
  }

  private async load(number: number): Promise<void> {
    const block = this.blocks.get(number);
    if (block) {
      // The youngest of a Map is its last.
      this.blocks.delete(number);
      this.blocks.set(number, block);
    }
    const first = number * BLOCK;
    const wanted = Math.min(BLOCK, this.lines - first);
    if (wanted <= 0 || this.fetching.has(number) || (block && isWhole(block, wanted))) return;
    const controller = new AbortController();
    this.fetching.set(number, controller);
    try {
      await this.fill(number, first, wanted, controller.signal);
      this.failed = null;
    } catch (error) {
      if (!controller.signal.aborted) this.failed = error;
    } finally {
      if (this.fetching.get(number) === controller) this.fetching.delete(number);
      this.tell();
    }
  }

  /** A piece is bounded by its bytes: a block of long lines takes several. */
  private async fill(number: number, first: number, wanted: number, signal: AbortSignal): Promise<void> {
    let got = 0;
    while (got < wanted) {
      const chunk = await this.fetch(first + got, wanted - got, signal);
      const found = linesOf(chunk);
      if (found.length === 0) return;
      for (const line of found) this.put(line);
      got = (found.at(-1)?.number ?? first) - first + 1;
      this.tell();
      if (signal.aborted) return;
      if (!this.blocks.has(number)) return;
    }
  }

  private put(line: Line): void {
    const number = Math.floor(line.number / BLOCK);
    const block = this.blocks.get(number) ?? { lines: [], size: 0 };
    this.blocks.set(number, block);
    const before = block.lines[line.number % BLOCK];
    const grown = line.text.length - (before?.text.length ?? 0) + (before ? 0 : 64);
    block.lines[line.number % BLOCK] = line;
    block.size += grown;
    this.kept += grown;
  }

  private forget(low: number, high: number): void {
    for (const [number, block] of this.blocks) {
      if (this.kept <= MOST_KEPT) return;
      if (number >= low - 1 && number <= high + 1) continue;
      this.blocks.delete(number);
      this.kept -= block.size;
    }
  }

  /** The next piece of what is being written. What was seen before is passed over. */
  feed(chunk: LogChunk): void {
    if (chunk.end <= this.size && this.size > 0) return;
    if (chunk.offset > this.size) this.drop(Math.floor(this.lines / BLOCK));
    const found = linesOf(chunk);
    const first = found[0];
    if (first && this.open && first.number === this.lines - 1) {
      const before = this.line(first.number);
      if (before)
        found[0] = {
          ...lineOf(first.number, before.text + first.text, before.at),
          cut: before.cut + first.cut,
        };
    }
    for (const line of found) {
      const number = Math.floor(line.number / BLOCK);
      // Only where the block is whole up to here: the rest of it would be taken for there.
      if (this.blocks.has(number) || line.number % BLOCK === 0) this.put(line);
    }
    this.size = chunk.end;
    this.open = !chunk.text.endsWith('\n');
    this.lines = Math.max(this.lines, (found.at(-1)?.number ?? this.lines - 1) + 1);
    this.forget(Math.floor(this.lines / BLOCK) - 1, Math.floor(this.lines / BLOCK));
    this.tell();
  }

  seal(): void {
    this.sealed = true;
    this.tell();
  }

  private drop(number: number): void {
    const block = this.blocks.get(number);
    if (!block) return;
    this.blocks.delete(number);
    this.kept -= block.size;
  }

  private tell(): void {
    this.version += 1;
    this.listeners.forEach((listener) => listener());
  }
}

function isWhole(block: Block, wanted: number): boolean {
  for (let at = 0; at < wanted; at += 1) if (block.lines[at] === undefined) return false;
  return true;
}

const encoder = new TextEncoder();

/** The lines of a piece, each with the time at which its first byte arrived. */
export function linesOf(chunk: LogChunk): Line[] {
  if (chunk.text === '') return [];
  const texts = chunk.text.split('\n');
  if (texts.at(-1) === '') texts.pop();
  const times = chunk.times ?? [];
  let offset = chunk.offset;
  let at = 0;
  return texts.map((text, index) => {
    while (at + 1 < times.length && (times[at + 1]?.[0] ?? Infinity) <= offset) at += 1;
    const time = times[at]?.[1] ?? null;
    offset += lengthOf(text) + 1;
    return lineOf(chunk.first_line + index, text, time);
  });
}

/** Bytes of a text in UTF-8. Most lines are ASCII, for which the length is the answer. */
function lengthOf(text: string): number {
  for (let at = 0; at < text.length; at += 1)
    if (text.charCodeAt(at) > 127) return encoder.encode(text).length;
  return text.length;
}
