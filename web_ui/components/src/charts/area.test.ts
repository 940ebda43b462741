import { expect, test } from 'vitest';
import { across, highest, mean, nearest, paths, top } from './area';

const POINTS = [
  { at: 1000, value: 0 },
  { at: 2000, value: 3 },
  { at: 5000, value: 1 },
];

test('the limit is in the picture, and so is what goes beyond it', () => {
  expect(top(POINTS, 10)).toBeCloseTo(10.6);
  expect(top(POINTS, 2)).toBeCloseTo(3.18);
  expect(top([], undefined)).toBeGreaterThan(0);
});

test('a moment lies where its time is, not its number', () => {
  expect(POINTS.map((one) => across(POINTS, one.at, 100))).toEqual([0, 25, 100]);
  expect(across([{ at: 7, value: 1 }], 7, 100)).toBe(100);
});

test('the area is closed along the bottom', () => {
  const { line, area } = paths(POINTS, 4, 100, 40);
  expect(line).toBe('M0.0 40.0L25.0 10.0L100.0 30.0');
  expect(area).toBe(`${line}L100 40L0 40Z`);
});

test('one point is a line all the same, and none is nothing', () => {
  expect(paths([{ at: 7, value: 2 }], 4, 100, 40).line).toBe('M0 20.0L100.0 20.0');
  expect(paths([], 4, 100, 40).area).toBe('');
});

test('a pointer finds the point beside it', () => {
  expect([0, 0.1, 0.2, 0.6, 0.7, 1].map((share) => nearest(POINTS, share))).toEqual([0, 0, 1, 1, 2, 2]);
});

test('what is said of all of them', () => {
  expect([highest(POINTS), highest([])]).toEqual([3, 0]);
  expect(mean(POINTS)).toBeCloseTo(4 / 3);
  expect(mean([])).toBe(0);
});
