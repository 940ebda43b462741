import { expect, test } from 'vitest';
import { bounded, MOST_PX, ROW, scrollOf, topOf, windowOf } from './window';

const VIEW = 600;

test('a short log is scrolled line by line', () => {
  expect(windowOf(1000, VIEW)).toEqual({ height: 1000 * ROW, visible: 30, scaled: false });
  expect(topOf(ROW * 10 + 5, 1000, VIEW)).toBe(10.25);
});

test('ten million lines fit into what a browser can scroll, from the first to the last', () => {
  const count = 10_000_000;
  expect(windowOf(count, VIEW)).toMatchObject({ height: MOST_PX, scaled: true });
  expect(topOf(0, count, VIEW)).toBe(0);
  expect(topOf(MOST_PX - VIEW, count, VIEW)).toBe(count - 30);
  for (const line of [0, 1, 4_999_999, count - 30])
    expect(topOf(scrollOf(line, count, VIEW), count, VIEW)).toBeCloseTo(line, 3);
});

test('nobody is led before the beginning or behind the end', () => {
  expect(bounded(-5, 100, VIEW)).toBe(0);
  expect(bounded(99, 100, VIEW)).toBe(70);
  expect(bounded(5, 10, VIEW)).toBe(0);
});
