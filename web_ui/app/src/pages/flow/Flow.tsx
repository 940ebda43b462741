import {
  Button,
  Card,
  Confirm,
  data,
  Fact,
  Facts,
  Problem,
  Skeleton,
  Time,
  useApi,
  useText,
  words,
  type wire,
} from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { useFlow, useRuns, useVersions } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { useToast } from '../../shell/toasts';
import { PageHead, StatusBadge } from '../parts';
import { RunList } from '../Runs';
import { Changes } from './Changes';
import { Durations } from './Durations';
import { RunNow } from './RunNow';
import { Schedules } from './Schedules';

/** One flow: its runs, what changed from version to version, when it runs next. */
export function Flow() {
  const { id = '' } = useParams();
  const flow = useFlow(id);
  const versions = useVersions(id);
  if (flow.isError) return <Problem error={flow.error} again={() => void flow.refetch()} />;
  if (flow.isPending)
    return (
      <Card>
        <Skeleton lines={5} />
      </Card>
    );
  return <Shown flow={flow.data} versions={versions.data ?? []} />;
}

function Shown({ flow, versions }: { flow: wire.Flow; versions: wire.FlowVersion[] }) {
  const t = useText();
  const runs = useRuns({ flow: flow.id });
  const latest = versions.find((one) => one.number === flow.latest_version) ?? versions[0];
  return (
    <>
      <Head flow={flow} />
      <div className="side-by">
        <div className="stack">
          <Durations runs={runs.data?.pages.flatMap((page) => page.items) ?? []} />
          <RunList filters={{ flow: flow.id }} flow={false} />
          <Changes versions={versions} />
        </div>
        <div className="stack">
          {latest && <VersionFacts flow={flow} version={latest} />}
          <Schedules flow={flow} />
          <Card title={t('flow.versions')}>
            <Versions versions={versions} />
          </Card>
        </div>
      </div>
    </>
  );
}

function Head({ flow }: { flow: wire.Flow }) {
  const t = useText();
  const [running, setRunning] = useState(false);
  const [deleting, setDeleting] = useState(false);
  return (
    <PageHead
      title={flow.name}
      beside={flow.state === 'ready' ? undefined : <StatusBadge status={flow.state ?? ''} />}
    >
      <Button look="danger" onClick={() => setDeleting(true)}>
        {t('flow.delete')}
      </Button>
      <Button
        look="primary"
        disabled={(flow.deployments ?? []).length === 0}
        onClick={() => setRunning(true)}
      >
        {t('flow.runNow')}
      </Button>
      <RunNow flow={flow} open={running} onClose={() => setRunning(false)} />
      <Deletion flow={flow} open={deleting} onClose={() => setDeleting(false)} />
    </PageHead>
  );
}

function Deletion({ flow, open, onClose }: { flow: wire.Flow; open: boolean; onClose: () => void }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const navigate = useNavigate();
  const project = useProject();
  const removal = useMutation({
    mutationFn: () => data(api.DELETE('/api/v1/flows/{flow_id}', { params: { path: { flow_id: flow.id } } })),
    onSuccess: async () => {
      toast(t('flow.deleted', { name: flow.name }));
      await client.invalidateQueries({ queryKey: ['flows'] });
      await navigate(`/p/${project}/flows`);
    },
  });
  return (
    <Confirm
      title={t('flow.delete')}
      open={open}
      name={flow.name}
      action={t('flow.delete')}
      busy={removal.isPending}
      error={removal.error}
      onConfirm={() => removal.mutate()}
      onClose={onClose}
    >
      <p>{t('flow.deleteWords')}</p>
    </Confirm>
  );
}

function VersionFacts({ flow, version }: { flow: wire.Flow; version: wire.FlowVersion }) {
  const t = useText();
  return (
    <Card title={t('flow.version', { number: version.number })}>
      <div className="body">
        <Facts>
          <Fact name={t('flow.owner')}>{flow.owner}</Fact>
          <Fact name={t('flow.created')}>
            <Time at={version.created_at} />
          </Fact>
          <Fact name={t('flow.origin')}>
            <code>{version.code.origin}</code>
          </Fact>
          <Fact name={t('flow.entrypoint')}>
            <code>{version.code.entrypoint}</code>
          </Fact>
          <Fact name={t('flow.python')}>{version.settings.python.version}</Fact>
          <Fact name={t('run.size')}>
            {version.settings.size ?? words.cores(version.settings.cores ?? 1)}
          </Fact>
          <Fact name={t('flow.deployments')}>
            {(flow.deployments ?? []).map((one) => `${one.name} (${one.version_number})`).join(', ') || '–'}
          </Fact>
        </Facts>
      </div>
    </Card>
  );
}

function Versions({ versions }: { versions: wire.FlowVersion[] }) {
  return (
    <table>
      <tbody>
        {versions.map((one) => (
          <tr key={one.id}>
            <td className="num">{one.number}</td>
            <td>{one.created_by}</td>
            <td className="r small soft">
              <Time at={one.created_at} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
