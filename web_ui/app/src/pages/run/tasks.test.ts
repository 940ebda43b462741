import { expect, test } from 'vitest';
import { layout } from './Tasks';

const task = (id: string, ...upstream: string[]) => ({ id, upstream });

test('a task stands behind all that it waited for', () => {
  const places = layout([
    task('a'),
    task('b'),
    task('c', 'a', 'b'),
    task('d', 'c', 'a'),
    task('e', 'unknown'),
  ]);
  expect(Object.fromEntries(places)).toEqual({
    a: { column: 0, row: 0 },
    b: { column: 0, row: 1 },
    c: { column: 1, row: 0 },
    d: { column: 2, row: 0 },
    e: { column: 0, row: 2 },
  });
});

test('what claims to wait for itself is drawn all the same', () => {
  expect(layout([task('a', 'b'), task('b', 'a')]).size).toBe(2);
});
