import { describe, expect, it } from 'vitest';
import { briefly, ticksOf } from './ticks';

describe('ticks of an axis', () => {
  it.each([
    [0.8, [0, 0.2, 0.4, 0.6]],
    [13, [0, 5, 10]],
    [91, [0, 30, 60]],
    [3 * 3600, [0, 3600, 7200]],
    [10 * 86_400, [0, 172_800, 345_600, 518_400, 691_200]],
  ])('of %s seconds are round', (seconds, ticks) => {
    expect(ticksOf(seconds)).toEqual(ticks);
  });

  it('are never more than six and never past the end', () => {
    for (let seconds = 0.01; seconds < 1e7; seconds *= 1.37) {
      const ticks = ticksOf(seconds);
      expect(ticks.length).toBeLessThanOrEqual(6);
      expect(ticks.at(-1)).toBeLessThanOrEqual(seconds);
    }
  });

  it.each([
    [0.2, '0.2 s'],
    [30, '30 s'],
    [90, '1.5 min'],
    [7200, '2 h'],
    [172_800, '2 d'],
  ])('%s seconds are %s', (seconds, words) => {
    expect(briefly(seconds)).toBe(words);
  });
});
