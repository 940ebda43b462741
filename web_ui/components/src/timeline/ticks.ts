const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
const MOST = 5;

/** Round places on an axis of so many seconds, from 0: at most five, and none so near the end that its words leave the axis. */
export function ticksOf(seconds: number): number[] {
  const step = stepFor(seconds);
  const count = Math.floor((seconds * 0.9) / step);
  return Array.from({ length: count + 1 }, (_, at) => Number((at * step).toPrecision(12)));
}

function stepFor(seconds: number): number {
  const least = seconds / MOST;
  if (least < 1) {
    const power = 10 ** Math.floor(Math.log10(least));
    return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= least) ?? 1;
  }
  const days = Math.ceil(least / 86_400) * 86_400;
  return STEPS.find((one) => one >= least) ?? days;
}

/** `0.5 s`, `10 s`, `2 min`, `6 h`: a place on an axis, which is round, without what is zero in it. */
export function briefly(seconds: number): string {
  const [size, unit] =
    seconds < 60 ? [1, 's'] : seconds < 3600 ? [60, 'min'] : seconds < 86_400 ? [3600, 'h'] : [86_400, 'd'];
  return `${Number((seconds / Number(size)).toPrecision(3))} ${unit}`;
}
