import { Badge, ListCard, Time, useText } from '@prefect-platform/components';
import { useScheduledRuns } from '../../queries/hooks';
import { FlowLink } from '../parts';

/** The next runs that a schedule will make. */
export function Upcoming() {
  const t = useText();
  const due = useScheduledRuns();
  return (
    <ListCard
      title={t('home.next')}
      query={due}
      lines={2}
      count={due.data?.length ?? 0}
      none={t('home.nextNone')}
    >
      <table>
        <tbody>
          {due.data?.map((one) => (
            <tr key={one.run_id}>
              <td>
                <FlowLink id={one.flow_id} name={one.flow_name} />{' '}
                <span className="faint">{one.deployment_name}</span>
              </td>
              <td className="r small soft num">
                {one.late && <Badge tone="warn">{t('home.late')}</Badge>} <Time at={one.due} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ListCard>
  );
}
