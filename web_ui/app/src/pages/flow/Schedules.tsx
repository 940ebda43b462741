import {
  Badge,
  Button,
  Card,
  data,
  Empty,
  Problem,
  Skeleton,
  Time,
  useApi,
  useText,
  words,
  type wire,
} from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useSchedules } from '../../queries/hooks';
import { useToast } from '../../shell/toasts';

/** The schedules of a flow's deployments as Prefect has them, each to be paused and resumed. */
export function Schedules({ flow }: { flow: wire.Flow }) {
  const t = useText();
  const found = useSchedules(flow.id);
  if (found.isPending)
    return (
      <Card title={t('flow.schedules')}>
        <Skeleton lines={2} />
      </Card>
    );
  if (found.isError)
    return (
      <Card title={t('flow.schedules')}>
        <div className="body">
          <Problem error={found.error} again={() => void found.refetch()} />
        </div>
      </Card>
    );
  return found.data.map((one) => <Deployment key={one.deployment_name} flow={flow} deployment={one} />);
}

function Deployment({ flow, deployment }: { flow: wire.Flow; deployment: wire.DeploymentSchedules }) {
  const t = useText();
  return (
    <Card
      title={t('flow.schedules')}
      beside={deployment.deployment_name}
      actions={deployment.paused && <Badge tone="warn">{t('schedule.paused')}</Badge>}
    >
      {deployment.schedules.length === 0 ? (
        <Empty>{t('schedule.none')}</Empty>
      ) : (
        <table>
          <tbody>
            {deployment.schedules.map((one) => (
              <Row key={one.slug} flow={flow} deployment={deployment.deployment_name} schedule={one} />
            ))}
          </tbody>
        </table>
      )}
    </Card>
  );
}

interface RowProps {
  flow: wire.Flow;
  deployment: string;
  schedule: wire.FlowSchedule;
}

function Row({ flow, deployment, schedule }: RowProps) {
  const t = useText();
  const turn = useTurn(flow, deployment, schedule);
  const next = schedule.next_times[0];
  return (
    <tr>
      <td>
        <code>{textOf(schedule, (time) => t('schedule.every', { time }))}</code>
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

function useTurn(flow: wire.Flow, deployment: string, schedule: wire.FlowSchedule) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const params = { path: { flow_id: flow.id, slug: schedule.slug }, query: { deployment } };
  const turn = useMutation({
    mutationFn: (active: boolean) =>
      active
        ? data(api.POST('/api/v1/flows/{flow_id}/schedules/{slug}/resume', { params }))
        : data(api.POST('/api/v1/flows/{flow_id}/schedules/{slug}/pause', { params })),
    onSuccess: async (all, active) => {
      client.setQueryData(['flows', 'schedules', flow.id], all);
      await client.invalidateQueries({ queryKey: ['runs', 'scheduled'] });
      toast(t(active ? 'schedule.resumed' : 'schedule.rests'), { undo: () => turn.mutate(!active) });
    },
    onError: (error) => toast(error.message, { tone: 'bad' }),
  });
  return turn;
}

function textOf(schedule: wire.FlowSchedule, every: (time: string) => string): string {
  if (schedule.interval_seconds != null) return every(words.duration(schedule.interval_seconds));
  return schedule.cron ?? schedule.rrule ?? '';
}
