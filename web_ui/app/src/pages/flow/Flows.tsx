import { ListCard, Table, useText } from '@prefect-platform/components';
import { useSearchParams } from 'react-router';
import { useFlows, useRuns } from '../../queries/hooks';
import { Dots, FlowLink, PageHead, Since } from '../parts';

export function Flows() {
  const t = useText();
  const flows = useFlows();
  const runs = useRuns().data?.pages.flatMap((page) => page.items) ?? [];
  const [query, setQuery] = useSearchParams();
  const text = query.get('q') ?? '';
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
      <ListCard
        label={t('flows.title')}
        query={flows}
        count={found.length}
        none={text ? t('resources.none') : t('flows.none')}
      >
        <Table
          rows={found}
          id={(flow) => flow.id}
          columns={[
            {
              title: t('run.flow'),
              cell: (flow) => (
                <>
                  <FlowLink id={flow.id} name={flow.name} />
                  {flow.reason && <div className="reason">{flow.reason}</div>}
                </>
              ),
            },
            {
              title: t('flow.deployments'),
              cell: (flow) => (flow.deployments ?? []).map((one) => one.name).join(', '),
            },
            { title: t('run.version'), as: 'number', cell: (flow) => flow.latest_version ?? '–' },
            { title: t('flow.owner'), cell: (flow) => flow.owner },
            {
              title: t('home.flowsLast'),
              cell: (flow) => <Dots runs={runs.filter((run) => run.flow_id === flow.id)} />,
            },
            {
              title: t('secret.changed'),
              as: 'number',
              cell: (flow) => <Since at={flow.updated_at} />,
            },
          ]}
        />
      </ListCard>
    </>
  );
}
