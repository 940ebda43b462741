import { Card, toneOf, useText, words, type wire } from '@prefect-platform/components';
import { Link } from 'react-router';
import { useProject } from '../../shell/project';

const MOST = 60;
const HEIGHT = 72;

/** One bar for each of the last runs, as high as it took long: what is unusual stands out. */
export function Durations({ runs }: { runs: wire.Run[] }) {
  const t = useText();
  const project = useProject();
  const done = runs
    .filter((run) => run.started_at && run.ended_at)
    .slice(0, MOST)
    .reverse();
  if (done.length < 2) return null;
  const took = done.map((run) => words.seconds(run.started_at, run.ended_at) ?? 0);
  const longest = Math.max(...took, 0.001);
  const middle = [...took].sort((a, b) => a - b)[Math.floor(took.length / 2)] ?? 0;
  return (
    <Card
      title={t('flow.durations')}
      beside={`median ${words.duration(middle)}, longest ${words.duration(longest)}`}
    >
      <div className="body durations" style={{ height: HEIGHT + 28 }}>
        {done.map((run, at) => {
          const height = Math.max(2, ((took[at] ?? 0) / longest) * HEIGHT);
          const said = `${run.name}: ${run.status ?? ''}, ${words.duration(took[at])}`;
          return (
            <Link key={run.id} to={`/p/${project}/runs/${run.id}`} title={said} aria-label={said}>
              <i className={toneOf(run.status)} style={{ height }} />
            </Link>
          );
        })}
      </div>
    </Card>
  );
}
