import {
  Badge,
  Card,
  Empty,
  Problem,
  Skeleton,
  useNow,
  useText,
  words,
  type wire,
} from '@prefect-platform/components';
import { Link } from 'react-router';
import { useAgents, useResources } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { healthOf } from '../agents';
import { PageHead, Since } from '../parts';
import { Moves } from './moves';
import { NewLink } from './NewLink';

/** Prefect agents with the evidence of their health. */
export function Agents() {
  const t = useText();
  const now = useNow();
  const project = useProject();
  const agents = useAgents();
  const resources = useResources().data ?? [];
  if (agents.isError) return <Problem error={agents.error} again={() => void agents.refetch()} />;
  const found = agents.data ?? [];
  return (
    <>
      <PageHead title={t('agents.title')}>
        <NewLink kind="prefect-agent" text="agents.new" />
      </PageHead>
      <Card label={t('agents.title')}>
        {agents.isPending ? (
          <Skeleton />
        ) : found.length === 0 ? (
          <Empty>
            <p>{t('agents.none')}</p>
            <pre className="pp-code">prefect-platform agent create NAME</pre>
          </Empty>
        ) : (
          <div className="pp-table-scroll">
            <table>
              <thead>
                <tr>
                  <th>{t('agent.health')}</th>
                  <th>{t('resource.name')}</th>
                  <th>{t('agent.pool')}</th>
                  <th>{t('agent.prefect')}</th>
                  <th className="r">{t('agent.pickup')}</th>
                  <th>{t('agent.seen')}</th>
                  <th>
                    <span className="unseen">{t('resource.start')}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {found.map((agent) => {
                  const resource = resources.find(
                    (one) => one.kind === 'prefect-agent' && one.name === agent.name,
                  );
                  const stopped = resource?.state.target === 'stopped';
                  const health = healthOf(agent, now);
                  return (
                    <tr key={agent.id}>
                      <td>
                        <Badge tone={stopped ? 'idle' : health.tone}>
                          {t(stopped ? 'agent.stopped' : health.text)}
                        </Badge>
                      </td>
                      <td>
                        {resource ? (
                          <Link to={`/p/${project}/resources/prefect-agent/${agent.name}`}>{agent.name}</Link>
                        ) : (
                          agent.name
                        )}
                        {!stopped && health.why && <div className="reason">{health.why}</div>}
                      </td>
                      <td>
                        <code>{agent.report?.work_pool ?? '–'}</code>
                      </td>
                      <td className="small soft">{agent.report?.prefect_version ?? '–'}</td>
                      <td className="r small num">{pickup(agent)}</td>
                      <td>
                        <Since at={agent.last_seen_at} />
                      </td>
                      <td className="r">{resource && <Moves resource={resource} />}</td>
                    </tr>
                  );
                })}
              </tbody>
            </table>
          </div>
        )}
      </Card>
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
