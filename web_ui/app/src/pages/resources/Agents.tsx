import { Badge, ListCard, Table, useNow, useText, words, type wire } from '@prefect-platform/components';
import { Link } from 'react-router';
import { useAgents, useResources } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { healthOf } from '../agents';
import { PageHead, Since } from '../parts';
import { Moves } from './moves';
import { NewLink } from './NewLink';

const STOPPED = { tone: 'idle', text: 'agent.stopped', why: null } as const;

/** Prefect agents with the evidence of their health. */
export function Agents() {
  const t = useText();
  const now = useNow();
  const project = useProject();
  const agents = useAgents();
  const resources = useResources().data ?? [];
  const found = (agents.data ?? []).map((agent) => {
    const resource = resources.find((one) => one.kind === 'prefect-agent' && one.name === agent.name);
    const stopped = resource?.state.target === 'stopped';
    return { agent, resource, ...(stopped ? STOPPED : healthOf(agent, now)) };
  });
  return (
    <>
      <PageHead title={t('agents.title')}>
        <NewLink kind="prefect-agent" text="agents.new" />
      </PageHead>
      <ListCard
        label={t('agents.title')}
        query={agents}
        count={found.length}
        none={
          <>
            <p>{t('agents.none')}</p>
            <pre className="pp-code">prefect-platform agent create NAME</pre>
          </>
        }
      >
        <Table
          rows={found}
          id={({ agent }) => agent.id}
          columns={[
            { title: t('agent.health'), cell: ({ tone, text }) => <Badge tone={tone}>{t(text)}</Badge> },
            {
              title: t('resource.name'),
              cell: ({ agent: { name }, resource, why }) => (
                <>
                  {resource ? <Link to={`/p/${project}/resources/prefect-agent/${name}`}>{name}</Link> : name}
                  {why && <div className="reason">{why}</div>}
                </>
              ),
            },
            {
              title: t('agent.pool'),
              cell: ({ agent }) => <code>{agent.report?.work_pool ?? '–'}</code>,
            },
            {
              title: t('agent.prefect'),
              className: 'small soft',
              cell: ({ agent }) => agent.report?.prefect_version ?? '–',
            },
            {
              title: t('agent.pickup'),
              as: 'number',
              className: 'small',
              cell: ({ agent }) => pickup(agent),
            },
            { title: t('agent.seen'), cell: ({ agent }) => <Since at={agent.last_seen_at} /> },
            {
              title: t('resource.start'),
              as: 'buttons',
              cell: ({ resource }) => resource && <Moves resource={resource} />,
            },
          ]}
        />
      </ListCard>
    </>
  );
}

/** The bound under which most starts of this agent lie. */
function pickup(agent: wire.Agent): string {
  const buckets = agent.report?.pickup_seconds ?? [];
  const total = buckets.reduce((sum, one) => sum + one.count, 0);
  let seen = 0;
  for (const bucket of buckets) {
    seen += bucket.count;
    if (total > 0 && seen >= total * 0.95)
      return bucket.le_seconds == null ? '–' : `≤ ${words.duration(bucket.le_seconds)}`;
  }
  return '–';
}
