import { Card, Empty, Problem, Skeleton, useText } from '@prefect-platform/components';
import { useSearchParams } from 'react-router';
import { useFlows, useRuns } from '../../queries/hooks';
import { Dots, FlowLink, PageHead, Since } from '../parts';

export function Flows() {
  const t = useText();
  const flows = useFlows();
  const runs = useRuns().data?.pages.flatMap((page) => page.items) ?? [];
  const [query, setQuery] = useSearchParams();
  const text = query.get('q') ?? '';
  if (flows.isError) return <Problem error={flows.error} again={() => void flows.refetch()} />;
  const found = (flows.data ?? []).filter((one) => one.name.toLowerCase().includes(text.toLowerCase()));
  return (
    <>
      <PageHead title={t('flows.title')} />
      <div className="filters">
        <input
          type="search"
          aria-label={t('runs.filter')}
          placeholder={t('runs.filter')}
          value={text}
          onChange={(event) =>
            setQuery(event.target.value ? { q: event.target.value } : {}, { replace: true })
          }
        />
      </div>
      <Card label={t('flows.title')}>
        {flows.isPending ? (
          <Skeleton />
        ) : found.length === 0 ? (
          <Empty>{text ? t('resources.none') : t('flows.none')}</Empty>
        ) : (
          <div className="pp-table-scroll">
            <table>
              <thead>
                <tr>
                  <th>{t('run.flow')}</th>
                  <th>{t('flow.deployments')}</th>
                  <th className="r">{t('run.version')}</th>
                  <th>{t('flow.owner')}</th>
                  <th>{t('home.flowsLast')}</th>
                  <th className="r">{t('secret.changed')}</th>
                </tr>
              </thead>
              <tbody>
                {found.map((flow) => (
                  <tr key={flow.id}>
                    <td>
                      <FlowLink id={flow.id} name={flow.name} />
                      {flow.reason && <div className="reason">{flow.reason}</div>}
                    </td>
                    <td>{(flow.deployments ?? []).map((one) => one.name).join(', ')}</td>
                    <td className="r num">{flow.latest_version ?? '–'}</td>
                    <td>{flow.owner}</td>
                    <td>
                      <Dots runs={runs.filter((run) => run.flow_id === flow.id)} />
                    </td>
                    <td className="r">
                      <Since at={flow.updated_at} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </div>
        )}
      </Card>
    </>
  );
}
