import type { DaskSpec, Size } from './model';

/** What a cluster takes with so many workers. A price is null where a size of it has none. */
export interface Sum {
  workers: number;
  cores: number;
  memory_bytes: number;
  gpus: number;
  price_per_hour: number | null;
}

/** What one has that names no size: 1 core and 1 GiB for a worker, half a GiB for the scheduler. */
export const WORKER = { cores: 1, memory_bytes: 2 ** 30, price_per_hour: null, gpu: null };
export const SCHEDULER = { cores: 0, memory_bytes: 2 ** 29, price_per_hour: null, gpu: null };

type Amount = Pick<Size, 'cores' | 'memory_bytes' | 'price_per_hour' | 'gpu'>;

export function sum(spec: DaskSpec, sizes: readonly Size[], workers: number): Sum {
  const worker = amount(spec.worker_size, sizes, WORKER);
  const scheduler = amount(spec.scheduler_size, sizes, SCHEDULER);
  const gpus = spec.gpu ? (spec.gpu.count ?? 1) : (worker.gpu?.count ?? 0);
  return {
    workers,
    cores: worker.cores * workers + scheduler.cores,
    memory_bytes: worker.memory_bytes * workers + scheduler.memory_bytes,
    gpus: gpus * workers,
    price_per_hour: price(spec, worker, scheduler, workers),
  };
}

/** At the least and at the most; the same twice where the number of workers is fixed. */
export function bounds(spec: DaskSpec, sizes: readonly Size[]): { least: Sum; most: Sum } {
  const workers = spec.n_workers ?? 1;
  const least = sum(spec, sizes, spec.adapt ? (spec.adapt.minimum ?? 0) : workers);
  const most = sum(spec, sizes, spec.adapt ? (spec.adapt.maximum ?? 1) : workers);
  return { least, most };
}

function amount(name: string | null | undefined, sizes: readonly Size[], without: Amount): Amount {
  return sizes.find((one) => one.name === name) ?? without;
}

/** The scheduler of half a GiB has no price of its own: it is left out where it has none. */
function price(spec: DaskSpec, worker: Amount, scheduler: Amount, workers: number): number | null {
  if (worker.price_per_hour === null) return null;
  if (spec.scheduler_size && scheduler.price_per_hour === null) return null;
  return worker.price_per_hour * workers + (scheduler.price_per_hour ?? 0);
}
