import {
  AreaChart,
  Card,
  Empty,
  FINAL,
  Problem,
  Skeleton,
  useText,
  words,
  type Point,
  type wire,
} from '@prefect-platform/components';
import { useState } from 'react';
import { useSamples } from '../../queries/samples';

/** What the run used of its size, and what each member of its Dask clusters did. */
export function Load({ run }: { run: wire.RunDetail }) {
  const t = useText();
  const [number, setNumber] = useState<number | null>(null);
  const attempts = run.attempt_list.filter((one) => one.workload.status !== 'queued');
  const attempt = attempts.find((one) => one.number === number) ?? attempts.at(-1);
  if (!attempt) return null;
  return (
    <Card
      title={t('load.title')}
      actions={
        attempts.length > 1 && (
          <select
            aria-label={t('load.attempt')}
            value={attempt.number}
            onChange={(event) => setNumber(Number(event.target.value))}
          >
            {attempts.map((one) => (
              <option key={one.number} value={one.number}>
                {t('run.attempt', { number: one.number })}
              </option>
            ))}
          </select>
        )
      }
    >
      <div className="body pp-load">
        <Charts key={attempt.id} id={attempt.workload.id} open={!FINAL.has(attempt.workload.status)} />
        {(run.clusters ?? []).map((cluster) => (
          <Members key={cluster.id} cluster={cluster} />
        ))}
      </div>
    </Card>
  );
}

function Charts({ id, open }: { id: string; open: boolean }) {
  const t = useText();
  const samples = useSamples(id, open);
  if (samples.isError) return <Problem error={samples.error} again={() => void samples.refetch()} />;
  if (samples.isPending) return <Skeleton />;
  const all = valuesOf(samples.data);
  if (samples.data.points.length === 0) return <Empty>{t(open ? 'load.noneYet' : 'load.none')}</Empty>;
  return (
    <>
      <AreaChart name={t('load.cpu')} points={all.cores} limit={all.limit} format={words.cores} />
      <AreaChart
        name={t('load.memory')}
        points={all.memory}
        limit={samples.data.memory_bytes}
        format={words.bytes}
      />
      {all.gpu.length > 0 && <AreaChart name={t('load.gpu')} points={all.gpu} full={100} format={percent} />}
      {all.gpuMemory.length > 0 && (
        <AreaChart name={t('load.gpuMemory')} points={all.gpuMemory} format={words.bytes} />
      )}
    </>
  );
}

/** One row for each, asked for when somebody opens them: there may be many. */
function Members({ cluster }: { cluster: wire.Cluster }) {
  const t = useText();
  const [shown, setShown] = useState(false);
  return (
    <details onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>
        {t('load.workers')} <span className="soft">({cluster.members.length})</span>
      </summary>
      {shown && (
        <div className="pp-table-scroll">
          <table className="pp-load-workers">
            <thead>
              <tr>
                <th>{t('load.member')}</th>
                <th>{t('load.cpu')}</th>
                <th>{t('load.memory')}</th>
              </tr>
            </thead>
            <tbody>
              {cluster.members.map((one) => (
                <Member key={one.workload_id} member={one} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

function Member({ member }: { member: wire.ClusterMember }) {
  const t = useText();
  const samples = useSamples(member.workload_id, member.ended_at === null);
  const all = samples.data && valuesOf(samples.data);
  return (
    <tr>
      <td>{member.name}</td>
      {!all || all.cores.length === 0 ? (
        <td colSpan={2} className="soft">
          {samples.isError ? samples.error.message : '–'}
        </td>
      ) : (
        <>
          <td>
            <AreaChart small name={t('load.cpu')} points={all.cores} limit={all.limit} format={words.cores} />
          </td>
          <td>
            <AreaChart
              small
              name={t('load.memory')}
              points={all.memory}
              limit={member.memory_bytes}
              format={words.bytes}
            />
          </td>
        </>
      )}
    </tr>
  );
}

function valuesOf(samples: wire.Samples) {
  const of = (value: (one: wire.Sample) => number | null): Point[] =>
    samples.points.flatMap((one) => {
      const found = value(one);
      return found === null ? [] : [{ at: new Date(one.at).getTime(), value: found }];
    });
  return {
    limit: samples.cores > 0 ? samples.cores : undefined,
    cores: of((one) => one.cores),
    memory: of((one) => one.memory_bytes),
    gpu: of((one) => one.gpu_percent),
    gpuMemory: of((one) => one.gpu_memory_bytes),
  };
}

const percent = (value: number) => `${Math.round(value)} %`;
