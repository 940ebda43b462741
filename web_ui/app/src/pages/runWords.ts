import { words, type Translate, type wire } from '@prefect-platform/components';

/** Its own size, and the Dask workers that it had. */
export function sizeOf(run: wire.Run, t: Translate): string {
  const own = run.size ?? (run.cores == null ? '–' : words.cores(run.cores));
  if (!run.workers) return own;
  return t(run.workers === 1 ? 'run.plusWorker' : 'run.plusWorkers', { own, count: run.workers });
}

/** The most memory that it had in use, and the most of one of its Dask workers. */
export function peakOf(run: wire.Run, t: Translate): string {
  const own = words.bytes(run.peak_memory_bytes);
  if (run.worker_peak_memory_bytes == null) return own;
  return t('run.plusWorkerPeak', { own, worker: words.bytes(run.worker_peak_memory_bytes) });
}
