export interface Point {
  /** Milliseconds since the epoch. */
  at: number;
  value: number;
}

/** The top of a chart: the limit, or what was used, whichever is more, with a little room above. */
export function top(points: readonly Point[], limit: number | undefined): number {
  return Math.max(limit ?? 0, highest(points), Number.MIN_VALUE) * 1.06;
}

export function highest(points: readonly Point[]): number {
  return points.reduce((most, one) => Math.max(most, one.value), 0);
}

export function mean(points: readonly Point[]): number {
  return points.length === 0 ? 0 : points.reduce((sum, one) => sum + one.value, 0) / points.length;
}

/** Where on a line of this width a moment lies. A chart of one moment has it at its end. */
export function across(points: readonly Point[], at: number, width: number): number {
  const from = points[0]?.at ?? at;
  const span = (points.at(-1)?.at ?? at) - from;
  return span > 0 ? ((at - from) / span) * width : width;
}

/** The line over the points, and what is below it, as paths of SVG. */
export function paths(points: readonly Point[], most: number, width: number, height: number) {
  const steps = points.map((one) => {
    const x = across(points, one.at, width).toFixed(1);
    return `${x} ${(height - (one.value / most) * height).toFixed(1)}`;
  });
  if (steps.length === 1) steps.unshift(`0 ${steps[0]?.split(' ')[1] ?? height}`);
  const line = `M${steps.join('L')}`;
  return { line, area: steps.length === 0 ? '' : `${line}L${width} ${height}L0 ${height}Z` };
}

/** The point that lies next to a share of the width. */
export function nearest(points: readonly Point[], share: number): number {
  let found = 0;
  points.forEach((one, index) => {
    const distance = Math.abs(across(points, one.at, 1) - share);
    const best = points[found];
    if (best && distance < Math.abs(across(points, best.at, 1) - share)) found = index;
  });
  return found;
}
