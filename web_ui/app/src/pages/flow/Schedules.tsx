import {
  Badge,
  Button,
  Card,
  data,
  Empty,
  Problem,
  Skeleton,
  useApi,
  useText,
  words,
  type wire,
} from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useDeployment } from '../../queries/hooks';
import { useToast } from '../../shell/toasts';

/** The schedules of a deployment as Prefect has them, each to be paused and resumed. */
export function Schedules({ flow, deployment }: { flow: wire.Flow; deployment: string }) {
  const t = useText();
  const found = useDeployment(flow.id, deployment);
  return (
    <Card
      title={t('flow.schedules')}
      beside={deployment}
      actions={found.data?.paused && <Badge tone="warn">{t('schedule.paused')}</Badge>}
    >
      {found.isPending ? (
        <Skeleton lines={2} />
      ) : found.isError ? (
        <div className="body">
          <Problem error={found.error} again={() => void found.refetch()} />
        </div>
      ) : found.data.schedules.length === 0 ? (
        <Empty>{t('schedule.none')}</Empty>
      ) : (
        <table>
          <tbody>
            {found.data.schedules.map((one) => (
              <Row key={one.id} flow={flow} deployment={deployment} schedule={one} />
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
  schedule: wire.Schedule;
}

function Row({ flow, deployment, schedule }: RowProps) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const params = { path: { flow_id: flow.id, deployment, schedule: schedule.id } };
  const turn = useMutation({
    mutationFn: (active: boolean) =>
      active
        ? data(
            api.POST('/api/v1/flows/{flow_id}/deployments/{deployment}/schedules/{schedule}/resume', {
              params,
            }),
          )
        : data(
            api.POST('/api/v1/flows/{flow_id}/deployments/{deployment}/schedules/{schedule}/pause', {
              params,
            }),
          ),
    onSuccess: async (detail, active) => {
      client.setQueryData(['flows', 'deployment', flow.id, deployment], detail);
      await client.invalidateQueries({ queryKey: ['runs', 'scheduled'] });
      toast(t(active ? 'schedule.resumed' : 'schedule.rests'), { undo: () => turn.mutate(!active) });
    },
    onError: (error) => toast(error.message, { tone: 'bad' }),
  });
  return (
    <tr>
      <td>
        <code>
          {schedule.kind === 'interval'
            ? t('schedule.every', { time: words.duration(Number(schedule.text)) })
            : schedule.text}
        </code>
        {schedule.timezone && <div className="faint small">{schedule.timezone}</div>}
      </td>
      <td className="r">
        <Button small disabled={turn.isPending} onClick={() => turn.mutate(!schedule.active)}>
          {t(schedule.active ? 'schedule.pause' : 'schedule.resume')}
        </Button>
      </td>
    </tr>
  );
}
