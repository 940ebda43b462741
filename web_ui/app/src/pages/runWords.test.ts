import { translate, type Translate, type wire } from '@prefect-platform/components';
import { expect, test } from 'vitest';
import { peakOf, sizeOf } from './runWords';

const t: Translate = (key, values) => translate(key, values);
const run = (facts: Partial<wire.Run>) => ({ workers: 0, ...facts }) as wire.Run;

test('a run alone', () => {
  expect(sizeOf(run({ size: 'large', cores: 4 }), t)).toBe('large');
  expect(sizeOf(run({ cores: 1 }), t)).toBe('1 core');
  expect(sizeOf(run({}), t)).toBe('–');
  expect(peakOf(run({ peak_memory_bytes: 1 << 30 }), t)).toBe('1 GiB');
  expect(peakOf(run({}), t)).toBe('–');
});

test('a run with a Dask cluster', () => {
  const found = run({
    size: 'small',
    workers: 4,
    peak_memory_bytes: 1 << 20,
    worker_peak_memory_bytes: 3 << 29,
  });
  expect(sizeOf(found, t)).toBe('small + 4 workers');
  expect(sizeOf({ ...found, workers: 1 }, t)).toBe('small + 1 worker');
  expect(peakOf(found, t)).toBe('1 MiB, a worker 1.5 GiB');
});
