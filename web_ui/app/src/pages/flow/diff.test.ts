import { expect, test } from 'vitest';
import { differing } from './Changes';
import { sideBySide } from './diff';

test('what was replaced stands beside what replaced it', () => {
  const rows = sideBySide('a\nb\nc\n', 'a\nB\nc\nd\n');
  expect(rows.map((row) => [row.left?.text, row.right?.text, row.changed])).toEqual([
    ['a', 'a', false],
    ['b', 'B', true],
    ['c', 'c', false],
    [undefined, 'd', true],
  ]);
  expect(rows.map((row) => [row.left?.number, row.right?.number])).toEqual([
    [1, 1],
    [2, 2],
    [3, 3],
    [undefined, 4],
  ]);
});

test('documents differ by their leaves', () => {
  expect(differing({ a: 1, b: { c: [1], d: null } }, { a: 1, b: { c: [2] }, e: 'x' })).toEqual([
    ['b.c', '[1]', '[2]'],
    ['e', '–', '"x"'],
  ]);
});
