import type { LogChunk, LogSource } from '../api/schema';
import { send } from '../api/client';
import { follow } from '../api/events';
import type { Transport } from '../host/transport';
import { SourceLog } from './source';

/** Whose log it is. */
export type Scope = { run: string } | { workload: string };

/** What a workload uses, as numbers for charts (`launcher/samples.py`): no words, so it is not shown as a log. */
const isNumbers = (one: { source: string }): boolean => one.source === 'samples';

/** All sources of a run or a workload, and the stream that makes them grow. */
export class LogBook {
  sources: SourceLog[] = [];
  connected = true;
  loaded = false;
  failed: unknown = null;
  version = 0;
  private readonly listeners = new Set<() => void>();
  private controller = new AbortController();

  constructor(
    readonly scope: Scope,
    private readonly transport: Transport,
  ) {}

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Read what there is, with `live` go on with what comes; until the answer is called. */
  start(live: boolean): () => void {
    const controller = new AbortController();
    this.controller = controller;
    this.failed = null;
    void this.run(live, controller.signal);
    return () => controller.abort();
  }

  private async run(live: boolean, signal: AbortSignal): Promise<void> {
    try {
      await this.read();
      if (live && 'run' in this.scope) await this.followRun(this.scope.run);
      if (live && 'workload' in this.scope) await this.followWorkload(this.scope.workload);
    } catch (error) {
      if (!signal.aborted) this.failed = error;
    }
    this.tell();
  }

  private async read(): Promise<void> {
    const infos = (await (await send(this.transport, `${this.root}/logs`, this.init)).json()) as LogSource[];
    for (const info of infos) if (!isNumbers(info)) this.add(info);
    this.loaded = true;
    this.tell();
  }

  private get root(): string {
    return 'run' in this.scope ? `runs/${this.scope.run}` : `workloads/${this.scope.workload}`;
  }

  private get init(): RequestInit {
    return { signal: this.controller.signal };
  }

  private add(info: LogSource): SourceLog {
    const found = this.sources.find((one) => one.key === `${info.workload_id}/${info.source}`);
    if (found) return found;
    const path = `workloads/${info.workload_id}/logs/${info.source}`;
    const added = new SourceLog(info, async (line, count, signal) => {
      const response = await send(this.transport, `${path}?line=${line}&count=${count}`, { signal });
      return (await response.json()) as LogChunk;
    });
    this.sources = [...this.sources, added];
    return added;
  }

  private followRun(run: string): Promise<void> {
    return this.follow(`runs/${run}/logs/live`, cursorOf(this.sources));
  }

  /** A workload has no stream of its own: each of its sources has. */
  private async followWorkload(workload: string): Promise<void> {
    const names = this.sources.length ? this.sources.map((one) => one.info.source) : [];
    await Promise.all(
      names.map((name) => {
        const size = this.sources.find((one) => one.info.source === name)?.size ?? 0;
        return this.follow(`workloads/${workload}/logs/${name}/live`, size ? String(size) : '');
      }),
    );
  }

  private follow(path: string, after: string): Promise<void> {
    return follow(this.transport, {
      path,
      after,
      signal: this.controller.signal,
      onConnected: (connected) => {
        this.connected = connected;
        this.tell();
      },
      onEvent: (event) => this.take(event.name, event.data),
      isLast: (event) => event.name === 'end',
    });
  }

  private take(name: string, data: string): void {
    if (name === 'log') {
      const chunk = JSON.parse(data) as LogChunk;
      if (isNumbers(chunk)) return;
      const known = this.sources.find((one) => one.key === `${chunk.workload_id}/${chunk.source}`);
      (known ?? this.add(emptySource(chunk))).feed(chunk);
      if (!known) this.tell();
    }
    if (name === 'sealed') {
      const info = JSON.parse(data) as LogSource;
      if (isNumbers(info)) return;
      const source = this.add(info);
      Object.assign(source.info, info);
      source.seal();
      this.tell();
    }
  }

  private tell(): void {
    this.version += 1;
    this.listeners.forEach((listener) => listener());
  }
}

function emptySource(chunk: LogChunk): LogSource {
  return {
    workload_id: chunk.workload_id,
    source: chunk.source,
    size: 0,
    lines: 0,
    sealed_at: null,
    sha256: null,
    gaps: [],
    first_at: null,
    last_at: null,
    removed_at: null,
  };
}

/** The id after which the live log of a run goes on from what these sources hold (`log_cursor.py`). */
export function cursorOf(sources: SourceLog[]): string {
  const offsets = Object.fromEntries(sources.map((one) => [one.key, one.sealed ? -one.size - 1 : one.size]));
  return sources.length ? btoa(JSON.stringify(offsets)).replaceAll('+', '-').replaceAll('/', '_') : '';
}
