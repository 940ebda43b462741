import { Badge, Card, Empty, Lasted, useNow, useText, type wire } from '@prefect-platform/components';
import { Link } from 'react-router';
import { useAgents } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { healthOf } from '../agents';
import { Dots, FlowLink, isBad, isOfLastDay, RunBadge, RunLink, Since } from '../parts';

const MOST_SHOWN = 8;

/** Causes in one sentence each, the newest first. */
export function Look({ runs }: { runs: wire.Run[] }) {
  const t = useText();
  const now = useNow();
  const project = useProject();
  const agents = (useAgents().data ?? []).filter((one) => healthOf(one, now).tone === 'bad');
  const failed = runs.filter((run) => isBad(run) && isOfLastDay(run, now)).slice(0, MOST_SHOWN);
  const late = runs.filter((run) => run.status === 'queued' && run.reason).slice(0, MOST_SHOWN);
  if (failed.length + late.length + agents.length === 0)
    return (
      <Card title={t('home.look')}>
        <Empty>{t('home.lookNone')}</Empty>
      </Card>
    );
  return (
    <Card title={t('home.look')}>
      <table className="lines look">
        <tbody>
          {agents.map((agent) => (
            <tr key={agent.id}>
              <td>
                <Badge tone="bad">{t('agent.silent')}</Badge>
              </td>
              <td>
                <Link to={`/p/${project}/resources/prefect-agent/${agent.name}`}>{agent.name}</Link>
                <div className="reason">{healthOf(agent, now).why}</div>
              </td>
              <td className="r">
                <Since at={agent.last_seen_at} />
              </td>
              <td className="r">
                <Link to={`/p/${project}/resources/prefect-agent/${agent.name}`}>{t('home.why')}</Link>
              </td>
            </tr>
          ))}
          {[...failed, ...late].map((run) => (
            <tr key={run.id}>
              <td>
                <RunBadge run={run} />
              </td>
              <td>
                <b>
                  <FlowLink id={run.flow_id} name={run.flow_name} />
                </b>{' '}
                <span className="faint">
                  <RunLink run={run} />
                </span>
                <div className="reason">{run.reason}</div>
              </td>
              <td className="r">
                <Since at={run.ended_at ?? run.created_at} />
              </td>
              <td className="r">
                <Link to={`runs/${run.id}`}>{t('home.why')}</Link>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

export function Running({ runs }: { runs: wire.Run[] }) {
  const t = useText();
  const open = runs.filter((run) => ['running', 'starting', 'provisioning'].includes(run.status ?? ''));
  return (
    <Card title={t('home.nowRunning')}>
      {open.length === 0 ? (
        <Empty>{t('home.runningNone')}</Empty>
      ) : (
        <div className="pp-table-scroll">
          <table>
            <thead>
              <tr>
                <th>{t('run.flow')}</th>
                <th>{t('run.name')}</th>
                <th>{t('run.duration')}</th>
                <th className="r">{t('run.state')}</th>
              </tr>
            </thead>
            <tbody>
              {open.slice(0, MOST_SHOWN).map((run) => (
                <tr key={run.id}>
                  <td>
                    <FlowLink id={run.flow_id} name={run.flow_name} />
                  </td>
                  <td>
                    <RunLink run={run} />
                  </td>
                  <td>
                    <Lasted from={run.started_at ?? run.created_at} to={null} />
                  </td>
                  <td className="r">
                    <RunBadge run={run} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

export function FlowsCard({ runs, flows }: { runs: wire.Run[]; flows: wire.Flow[] }) {
  const t = useText();
  if (flows.length === 0) return null;
  return (
    <Card title={t('home.flows')} beside={t('home.flowsLast')}>
      <table className="lines">
        <tbody>
          {flows.slice(0, MOST_SHOWN).map((flow) => {
            const own = runs.filter((run) => run.flow_id === flow.id);
            return (
              <tr key={flow.id}>
                <td>
                  <FlowLink id={flow.id} name={flow.name} />
                </td>
                <td className="r">
                  <Dots runs={own} />
                </td>
                <td className="r">
                  <Since at={own[0]?.created_at} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Card>
  );
}

export function AgentsCard() {
  const t = useText();
  const now = useNow();
  const project = useProject();
  const agents = useAgents().data ?? [];
  return (
    <Card title={t('home.agents')}>
      {agents.length === 0 ? (
        <Empty>{t('agents.none')}</Empty>
      ) : (
        <table className="lines">
          <tbody>
            {agents.map((agent) => {
              const health = healthOf(agent, now);
              return (
                <tr key={agent.id}>
                  <td>
                    <Link to={`/p/${project}/resources/prefect-agent/${agent.name}`}>{agent.name}</Link>
                    {health.why && <div className="reason">{health.why}</div>}
                  </td>
                  <td className="r">
                    <Badge tone={health.tone}>{t(health.text)}</Badge>
                  </td>
                  <td className="r">
                    <Since at={agent.last_seen_at} />
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      )}
    </Card>
  );
}
