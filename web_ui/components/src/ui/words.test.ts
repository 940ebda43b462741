import { expect, test } from 'vitest';
import { duration } from './words';

test.each([
  [null, '–'],
  [Number.NaN, '–'],
  [0, '0 s'],
  [-1, '0 s'],
  [0.03, '< 0.1 s'],
  [0.84, '0.8 s'],
  [12, '12 s'],
  [72, '1 min 12 s'],
  [3 * 3600 + 300, '3 h 05 min'],
  [52 * 3600, '2 d 4 h'],
])('%j seconds are %j', (seconds, said) => {
  expect(duration(seconds)).toBe(said);
});
