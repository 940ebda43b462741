import type { GpuRequest } from './model';

const FACTORS: Record<string, number> = {
  '': 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12,
  k: 2 ** 10, ki: 2 ** 10, kib: 2 ** 10, m: 2 ** 20, mi: 2 ** 20, mib: 2 ** 20,
  g: 2 ** 30, gi: 2 ** 30, gib: 2 ** 30, t: 2 ** 40, ti: 2 ** 40, tib: 2 ** 40,
}; // prettier-ignore
const AMOUNT = /^([0-9]{1,15}(?:\.[0-9]{1,6})?)\s?([A-Za-z]{0,3})$/;

/** Bytes of `16GiB`, `512 MiB`, as the command line reads them; null where it is no amount. */
export function byteCount(text: string): number | null {
  const found = AMOUNT.exec(text.trim());
  const factor = found ? FACTORS[(found[2] ?? '').toLowerCase()] : undefined;
  if (found === null || factor === undefined) return null;
  return Math.round(Number(found[1]) * factor);
}

const UNITS: [string, number][] = [['TiB', 2 ** 40], ['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]]; // prettier-ignore

/** The shortest text that says it to the byte; in units of 1000 only where `decimal` allows them. */
export function bytesText(count: number, space = '', decimal = true): string {
  const thousands: [string, number][] = decimal ? [['TB', 1e12], ['GB', 1e9], ['MB', 1e6]] : []; // prettier-ignore
  const ways = [...UNITS.slice(0, 3), ...thousands, ...UNITS];
  for (const parts of [1, 10])
    for (const [unit, factor] of ways)
      if (count >= factor && Number.isInteger((count / factor) * parts))
        return `${count / factor}${space}${unit}`;
  return `${count}${space}B`;
}

const GPU_TYPE = /^[A-Za-z][A-Za-z0-9 ._-]{0,63}$/;

/**
 * What `gpu=` and `--gpu` take; null where a request cannot be said so. Of an upper bound GB means
 * GiB there, so none is written.
 */
export function gpuText(gpu: GpuRequest): string | null {
  if (gpu.type && !GPU_TYPE.test(gpu.type)) return null;
  const { min_memory_bytes: low, max_memory_bytes: high } = gpu;
  const memory =
    low == null && high == null
      ? ''
      : `${low == null ? '' : bytesText(low)}..${high == null ? '' : bytesText(high, '', false)}`;
  return [gpu.type, memory, String(gpu.count ?? 1)].filter(Boolean).join(':');
}

/** A price of an hour: two digits, or as many as it has. */
export function perHour(price: number | null): string {
  if (price === null) return '–';
  const exact = price.toFixed(4).replace(/0{1,2}$/, '');
  return `$${exact}`;
}
