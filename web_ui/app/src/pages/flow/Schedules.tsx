import {
  Badge,
  Button,
  Card,
  data,
  Empty,
  ListCard,
  Time,
  useApi,
  useText,
  words,
  type wire,
} from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useSchedules } from '../../queries/hooks';
import { useToast } from '../../shell/toasts';

/** What reads cron is loaded by flows that have it. */
const CronWords = lazy(async () => ({ default: (await import('./CronWords')).CronWords }));

/** The schedules of a flow's deployments as Prefect has them, each and all to be paused and resumed. */
export function Schedules({ flow }: { flow: wire.Flow }) {
  const t = useText();
  const found = useSchedules(flow.id);
  if (found.data === undefined)
    return (
      <ListCard title={t('flow.schedules')} query={found} lines={2} count={0} none={t('schedule.none')}>
        {null}
      </ListCard>
    );
  return found.data.map((one) => <Deployment key={one.deployment_name} flow={flow} deployment={one} />);
}

function Deployment({ flow, deployment }: { flow: wire.Flow; deployment: wire.DeploymentSchedules }) {
  const t = useText();
  const { paused, schedules, deployment_name: name } = deployment;
  const turn = <Switch flow={flow} deployment={deployment} />;
  return (
    <Card title={t('flow.schedules')} beside={name} actions={!paused && schedules.length > 0 && turn}>
      {paused && (
        <div className="body row">
          <Badge tone="warn">{t('schedule.paused')}</Badge>
          <span className="grow" />
          {turn}
        </div>
      )}
      {schedules.length === 0 ? (
        <Empty>{t('schedule.none')}</Empty>
      ) : (
        <table className={paused ? 'soft' : undefined}>
          <tbody>
            {schedules.map((one) => (
              <Row key={one.slug} flow={flow} deployment={name} schedule={one} />
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

/** For all schedules of a deployment at once, also those that later versions bring. */
function Switch({ flow, deployment }: { flow: wire.Flow; deployment: wire.DeploymentSchedules }) {
  const t = useText();
  const api = useApi();
  const { paused, deployment_name } = deployment;
  const params = { path: { flow_id: flow.id, deployment: deployment_name } };
  const turn = useTurn(flow, 'deployment', (active) =>
    active
      ? data(api.POST('/api/v1/flows/{flow_id}/deployments/{deployment}/resume', { params }))
      : data(api.POST('/api/v1/flows/{flow_id}/deployments/{deployment}/pause', { params })),
  );
  return (
    <Button small disabled={turn.isPending} onClick={() => turn.mutate(paused)}>
      {t(paused ? 'deployment.resume' : 'deployment.pause')}
    </Button>
  );
}

interface RowProps {
  flow: wire.Flow;
  deployment: string;
  schedule: wire.FlowSchedule;
}

function Row({ flow, deployment, schedule }: RowProps) {
  const t = useText();
  const api = useApi();
  const params = { path: { flow_id: flow.id, slug: schedule.slug }, query: { deployment } };
  const turn = useTurn(flow, 'schedule', (active) =>
    active
      ? data(api.POST('/api/v1/flows/{flow_id}/schedules/{slug}/resume', { params }))
      : data(api.POST('/api/v1/flows/{flow_id}/schedules/{slug}/pause', { params })),
  );
  const next = schedule.next_times[0];
  return (
    <tr>
      <td>
        <code>{textOf(schedule, (time) => t('schedule.every', { time }))}</code>
        {schedule.cron && (
          <Suspense fallback={null}>
            <CronWords cron={schedule.cron} timezone={schedule.timezone ?? 'UTC'} />
          </Suspense>
        )}
        <div className="faint small">
          {schedule.timezone}
          {next && (
            <span title={schedule.next_times.map((at) => words.exact(at)).join('\n')}>
              {' '}
              <Time at={next} />
            </span>
          )}
        </div>
      </td>
      <td className="r">
        <Button small disabled={turn.isPending} onClick={() => turn.mutate(!schedule.active)}>
          {t(schedule.active ? 'schedule.pause' : 'schedule.resume')}
        </Button>
      </td>
    </tr>
  );
}

const SAID = {
  schedule: { active: 'schedule.resumed', rests: 'schedule.rests' },
  deployment: { active: 'deployment.resumed', rests: 'deployment.rests' },
} as const;

type Call = (active: boolean) => Promise<wire.DeploymentSchedules[]>;

/** Pauses and resumes; either can be taken back. */
function useTurn(flow: wire.Flow, what: keyof typeof SAID, call: Call) {
  const t = useText();
  const toast = useToast();
  const client = useQueryClient();
  const turn = useMutation({
    mutationFn: call,
    onSuccess: async (all, active) => {
      client.setQueryData(['flows', 'schedules', flow.id], all);
      await client.invalidateQueries({ queryKey: ['runs', 'scheduled'] });
      toast(t(SAID[what][active ? 'active' : 'rests']), { undo: () => turn.mutate(!active) });
    },
    onError: (error) => toast(error.message, { tone: 'bad' }),
  });
  return turn;
}

function textOf(schedule: wire.FlowSchedule, every: (time: string) => string): string {
  if (schedule.interval_seconds != null) return every(words.duration(schedule.interval_seconds));
  return schedule.cron ?? schedule.rrule ?? '';
}
