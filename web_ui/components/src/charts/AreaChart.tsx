import { useState, type KeyboardEvent, type PointerEvent } from 'react';
import { useText } from '../host/i18n';
import { clock } from '../ui/words';
import { across, highest, mean, nearest, paths, top, type Point } from './area';

interface Props {
  name: string;
  points: readonly Point[];
  /** What there is of it: a line to measure the rest by. */
  limit?: number;
  /** Where the plot ends if nothing is told of a limit. */
  full?: number;
  format: (value: number) => string;
  /** Without words around it, for a row of a table. */
  small?: boolean;
}

const WIDTH = 600;
const HEIGHT = 64;

/** A value over time against its limit. Pointer and arrow keys tell single values. */
export function AreaChart({ name, points, limit, full, format, small = false }: Props) {
  const t = useText();
  const [at, setAt] = useState<number | null>(null);
  const most = top(points, limit ?? full);
  const { line, area } = paths(points, most, WIDTH, HEIGHT);
  const chosen = at === null ? undefined : points[Math.min(at, points.length - 1)];
  const told = { mean: format(mean(points)), most: format(highest(points)) };
  const summary =
    limit === undefined ? t('chart.summary', told) : t('chart.summaryOf', { ...told, limit: format(limit) });
  const said = chosen ? t('chart.at', { value: format(chosen.value), time: clock(chosen.at) }) : summary;
  const move = (event: PointerEvent<HTMLElement>) => {
    const box = event.currentTarget.getBoundingClientRect();
    setAt(nearest(points, (event.clientX - box.left) / box.width));
  };
  const step = (event: KeyboardEvent) => {
    const by = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
    const to = { Home: 0, End: points.length - 1 }[event.key];
    if (by === undefined && to === undefined) return;
    event.preventDefault();
    const next = to ?? (at ?? points.length - 1) + (by ?? 0);
    setAt(Math.max(0, Math.min(points.length - 1, next)));
  };
  return (
    <div className={`pp-chart ${small ? 'small' : ''}`}>
      {!small && (
        <div className="words">
          <b>{name}</b>
          <span className="num">{said}</span>
        </div>
      )}
      <div
        className="plot"
        role="slider"
        tabIndex={0}
        aria-label={`${name}: ${summary}`}
        aria-valuemin={0}
        aria-valuemax={points.length - 1}
        aria-valuenow={at ?? points.length - 1}
        aria-valuetext={said}
        title={small ? `${name}: ${said}` : undefined}
        onPointerMove={move}
        onPointerLeave={() => setAt(null)}
        onBlur={() => setAt(null)}
        onKeyDown={step}
      >
        <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <path className="area" d={area} />
          <path className="line" d={line} />
          {limit !== undefined && (
            <path className="limit" d={`M0 ${HEIGHT - (limit / most) * HEIGHT}H${WIDTH}`} />
          )}
          {chosen && <path className="cursor" d={`M${across(points, chosen.at, WIDTH)} 0V${HEIGHT}`} />}
        </svg>
      </div>
    </div>
  );
}
