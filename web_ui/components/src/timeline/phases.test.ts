import { expect, test } from 'vitest';
import type { Workload } from '../api/schema';
import { beforeUserCode, phasesOf } from './phases';

const second = (count: number) => new Date(Date.UTC(2026, 0, 1) + count * 1000).toISOString();

function workload(
  moves: [string, number][],
  steps: [string, number][] = [],
  ended: number | null = null,
): Workload {
  return {
    created_at: second(0),
    ended_at: ended === null ? null : second(ended),
    transitions: moves.map(([status, at]) => ({ status, at: second(at), actor: 'x', reason: null })),
    steps: steps.map(([name, at]) => ({
      name,
      at: second(at),
      detail: name === 'environment-ready' ? 'as it is' : null,
    })),
  } as unknown as Workload;
}

const spans = (found: ReturnType<typeof phasesOf>) =>
  found.map((one) => [one.name, (one.to - one.from) / 1000]);

test('a run that succeeded is phases without gaps', () => {
  const found = workload(
    [
      ['queued', 0],
      ['provisioning', 1],
      ['starting', 2],
      ['running', 5],
      ['succeeded', 12],
    ],
    [
      ['environment-ready', 3],
      ['engine-started', 4],
      ['running', 5],
      ['engine-ended', 10],
    ],
    11,
  );
  expect(spans(phasesOf(found, Infinity))).toEqual([
    ['queued', 1],
    ['start', 1],
    ['environment', 2],
    ['imports', 1],
    ['running', 5],
    ['drain', 1],
  ]);
  expect(phasesOf(found, Infinity)[2]?.details).toEqual(['environment-ready: as it is']);
  expect(beforeUserCode(found)).toBe(5);
});

test('a start script has a phase of its own, and one that failed is the last', () => {
  const moves: [string, number][] = [
    ['queued', 0],
    ['provisioning', 1],
    ['starting', 2],
  ];
  const script: [string, number][] = [
    ['environment-ready', 3],
    ['start-script-started', 4],
    ['start-script-ended', 9],
  ];
  const went = workload([...moves, ['running', 11]], [...script, ['engine-started', 10]], 12);
  expect(spans(phasesOf(went, Infinity)).slice(2)).toEqual([
    ['environment', 2],
    ['script', 6],
    ['imports', 1],
    ['running', 1],
  ]);
  const failed = workload([...moves, ['crashed', 10]], script, 10);
  expect(spans(phasesOf(failed, Infinity)).at(-1)).toEqual(['script', 6]);
});

test('one that waits has waited until now', () => {
  const found = workload([['queued', 0]]);
  expect(spans(phasesOf(found, Date.parse(second(30))))).toEqual([['queued', 30]]);
  expect(beforeUserCode(found)).toBeNull();
});

test('one that crashed before its engine ends where its processes did', () => {
  const found = workload(
    [
      ['queued', 0],
      ['provisioning', 1],
      ['starting', 2],
      ['crashed', 4],
    ],
    [],
    3,
  );
  expect(spans(phasesOf(found, Infinity))).toEqual([
    ['queued', 1],
    ['start', 1],
    ['environment', 1],
  ]);
});
