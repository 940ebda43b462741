import {
  beforeUserCode,
  Button,
  Card,
  data,
  FINAL,
  phasesOf,
  Problem,
  Skeleton,
  Timeline,
  useApi,
  useNow,
  useText,
  words,
  type Lane,
  type wire,
} from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useParams } from 'react-router';
import { useRun } from '../../queries/hooks';
import { useToast } from '../../shell/toasts';
import { FlowLink, PageHead, RunBadge } from '../parts';
import { Clusters } from './Clusters';
import { RunEnvironment } from './Environment';
import { RunFacts } from './Facts';
import { Load } from './Load';
import { RunLog } from './Log';
import { RunParameters } from './Parameters';
import { Promises } from './Promises';
import { Tasks } from './Tasks';

/** One run: why it is as it is, when what happened, and all that it wrote. */
export function Run() {
  const { id = '' } = useParams();
  const run = useRun(id);
  if (run.isError) return <Problem error={run.error} again={() => void run.refetch()} />;
  if (run.isPending)
    return (
      <Card>
        <Skeleton lines={5} />
      </Card>
    );
  return <Shown run={run.data} />;
}

function Shown({ run }: { run: wire.RunDetail }) {
  const attempt = run.attempt_list.at(-1);
  return (
    <>
      <Head run={run} />
      <Cause run={run} />
      <TimelineCard run={run} />
      <div className="side-by">
        <RunLog run={run} />
        <div className="stack">
          <Promises promises={attempt?.workload.promises ?? null} />
          <RunFacts run={run} />
          <Clusters clusters={run.clusters ?? []} />
        </div>
      </div>
      <Load run={run} />
      <div className="two">
        <RunParameters run={run} />
        <RunEnvironment run={run} />
      </div>
      <Tasks run={run} open={!FINAL.has(run.status ?? '')} />
    </>
  );
}

function Head({ run }: { run: wire.RunDetail }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const cancel = useMutation({
    mutationFn: () =>
      data(api.POST('/api/v1/runs/{run_id}/cancel', { params: { path: { run_id: run.id } } })),
    onSuccess: (found) => {
      client.setQueryData(['runs', 'one', run.id], found);
      toast(t('run.cancelled'));
    },
    onError: (error) => toast(error.message, { tone: 'bad' }),
  });
  const open = !FINAL.has(run.status ?? '');
  return (
    <PageHead
      title={run.name}
      beside={
        <span className="row">
          <RunBadge run={run} />
          <FlowLink id={run.flow_id} name={run.flow_name} />
          {run.attempts > 1 && <span>{t('run.attempt', { number: run.attempts })}</span>}
        </span>
      }
    >
      {run.url && (
        <a className="small" href={run.url} target="_blank" rel="noreferrer">
          {t('run.prefect')} ↗
        </a>
      )}
      {open && (
        <Button look="danger" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
          {t('run.cancel')}
        </Button>
      )}
    </PageHead>
  );
}

/** Why it ended as it did, or why it waits: the first thing on the page where there is something to say. */
function Cause({ run }: { run: wire.RunDetail }) {
  const t = useText();
  if (!run.reason || run.status === 'succeeded') return null;
  const waits = run.status === 'queued' || run.status === null;
  return (
    <section
      className={`pp-card cause ${waits ? 'warn' : ''}`}
      aria-label={t(waits ? 'run.waiting' : 'run.what')}
    >
      <div className="body stack" style={{ gap: 4 }}>
        <h2>{t(waits ? 'run.waiting' : 'run.what')}</h2>
        <p>{run.reason}</p>
      </div>
    </section>
  );
}

function TimelineCard({ run }: { run: wire.RunDetail }) {
  const t = useText();
  const now = useNow();
  const lanes = lanesOf(run, now);
  if (lanes.length === 0) return null;
  const last = run.attempt_list.at(-1);
  const before = last ? beforeUserCode(last.workload) : null;
  const all = lanes.flatMap((lane) => lane.phases);
  const whole = (Math.max(...all.map((one) => one.to)) - Math.min(...all.map((one) => one.from))) / 1000;
  return (
    <Card
      title={t('run.timeline')}
      beside={[
        t('run.inAll', { duration: words.duration(whole) }),
        before === null ? '' : t('run.before', { duration: words.duration(before) }),
      ]
        .filter(Boolean)
        .join(' · ')}
    >
      <div className="body">
        <Timeline lanes={lanes} />
      </div>
    </Card>
  );
}

function lanesOf(run: wire.RunDetail, now: number): Lane[] {
  const several = run.attempt_list.length > 1;
  const attempts = run.attempt_list.map((one) => ({
    name: several ? `flow (${one.number})` : 'flow',
    phases: phasesOf(one.workload, now),
    bad: one.status === 'failed' || one.status === 'crashed',
  }));
  const members = (run.clusters ?? []).flatMap((cluster) =>
    cluster.members.map((member) => ({
      name: member.name,
      phases: [
        {
          name: 'running' as const,
          from: new Date(member.created_at).getTime(),
          to: member.ended_at ? new Date(member.ended_at).getTime() : now,
          details: member.reason ? [member.reason] : [],
        },
      ],
      bad: member.ended_at !== null && member.reason !== null,
    })),
  );
  return [...attempts, ...members];
}
