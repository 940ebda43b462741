import {
  Card,
  Copy,
  Fact,
  Facts,
  Problem,
  Skeleton,
  Time,
  useText,
  type wire,
} from '@prefect-platform/components';
import { Link, useParams } from 'react-router';
import { useAgent, useResource } from '../../queries/hooks';
import { PageHead, StatusBadge } from '../parts';
import { WorkloadLog } from '../run/Log';
import { DeleteButton, ExtendButton, Moves } from './moves';

/** One resource: how it is and why, what it was asked to be, and what it wrote. */
export function Resource() {
  const { kind = '', name = '' } = useParams();
  const resource = useResource(kind as wire.ResourceKind, name);
  if (resource.isError) return <Problem error={resource.error} again={() => void resource.refetch()} />;
  if (resource.isPending)
    return (
      <Card>
        <Skeleton lines={5} />
      </Card>
    );
  return <Shown resource={resource.data} />;
}

function Shown({ resource }: { resource: wire.Resource }) {
  const t = useText();
  const state = resource.state;
  return (
    <>
      <PageHead title={resource.name} beside={<StatusBadge status={state.status} />}>
        <DeleteButton resource={resource} />
        <Link className="pp-button" to="edit">
          {t('resource.edit')}
        </Link>
        {resource.kind === 'jupyter-server' && state.status === 'running' && (
          <ExtendButton resource={resource} />
        )}
        <Moves resource={resource} small={false} />
      </PageHead>
      {state.reason && (
        <section className="pp-card cause" aria-label={t('run.what')}>
          <div className="body">
            <p>{state.reason}</p>
          </div>
        </section>
      )}
      {state.needs_restart && <p className="soft">{t('resource.needsRestart')}</p>}
      <div className="side-by">
        {state.workload_id ? (
          <WorkloadLog
            id={state.workload_id}
            open={state.status !== 'stopped' && state.status !== 'failed'}
          />
        ) : (
          <Spec resource={resource} />
        )}
        <div className="stack">
          <StateFacts resource={resource} />
          {resource.kind === 'prefect-agent' && <AgentFacts name={resource.name} />}
          {state.workload_id && <Spec resource={resource} />}
        </div>
      </div>
    </>
  );
}

function StateFacts({ resource }: { resource: wire.Resource }) {
  const t = useText();
  const { state } = resource;
  return (
    <Card title={t('run.facts')}>
      <div className="body">
        <Facts>
          <Fact name={t('resource.kind')}>{t(`kind.${resource.kind}`)}</Fact>
          <Fact name={t('resource.owner')}>{resource.owner}</Fact>
          <Fact name={t('resource.since')}>
            <Time at={state.started_at} />
          </Fact>
          {state.restarts > 0 && <Fact name={t('resource.restarts')}>{state.restarts}</Fact>}
          {state.next_start_at && (
            <Fact name={t('resource.next')}>
              <Time at={state.next_start_at} />
            </Fact>
          )}
          {state.jupyter?.step && <Fact name={t('jupyter.step')}>{state.jupyter.step}</Fact>}
          {state.jupyter?.active_at && (
            <Fact name={t('resource.active')}>
              <Time at={state.jupyter.active_at} />
            </Fact>
          )}
          {state.jupyter?.stops_at && (
            <Fact name={t('resource.stopsIn')}>
              <Time at={state.jupyter.stops_at} />
            </Fact>
          )}
          {state.jupyter?.problem && <Fact name={t('run.cause')}>{state.jupyter.problem}</Fact>}
        </Facts>
      </div>
    </Card>
  );
}

function AgentFacts({ name }: { name: string }) {
  const t = useText();
  const report = useAgent(name).data?.report;
  if (!report) return null;
  return (
    <Card title={t('agent.health')}>
      <div className="body">
        <Facts>
          <Fact name={t('agent.pool')}>
            <code>{report.work_pool}</code>
          </Fact>
          <Fact name={t('agent.prefect')}>{report.prefect_version}</Fact>
          <Fact name={t('agent.poll')}>
            <Time at={report.last_poll_at} />
          </Fact>
          {report.problem && <Fact name={t('run.cause')}>{report.problem}</Fact>}
          {report.late_runs ? (
            <Fact name={t('agent.late', { count: report.late_runs })}>{report.late_reason}</Fact>
          ) : null}
        </Facts>
      </div>
    </Card>
  );
}

function Spec({ resource }: { resource: wire.Resource }) {
  const t = useText();
  const text = JSON.stringify(resource.spec, null, 2);
  return (
    <Card title={t('resource.spec')} actions={<Copy text={text} />}>
      {text === '{}' ? (
        <p className="body soft">{t('resource.specNone')}</p>
      ) : (
        <pre className="pp-code">{text}</pre>
      )}
    </Card>
  );
}
