import {
  Button,
  Card,
  data,
  Empty,
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
import { useId, useState } from 'react';
import { useParams } from 'react-router';
import { useCluster } from '../../queries/hooks';
import { useToast } from '../../shell/toasts';
import { PageHead, StatusBadge } from '../parts';
import { WorkloadLog } from '../run/Log';
import { OwnerOf, reportHref } from './Owner';

export function Cluster() {
  const { id = '' } = useParams();
  const cluster = useCluster(id);
  if (cluster.isError) return <Problem error={cluster.error} again={() => void cluster.refetch()} />;
  if (cluster.isPending)
    return (
      <Card>
        <Skeleton lines={5} />
      </Card>
    );
  return <Shown cluster={cluster.data} />;
}

function Shown({ cluster }: { cluster: wire.Cluster }) {
  const t = useText();
  const [member, setMember] = useState(cluster.members[0]?.workload_id ?? null);
  const open = cluster.ended_at === null;
  return (
    <>
      <PageHead title={cluster.name} beside={<StatusBadge status={cluster.status} />}>
        {cluster.status === 'running' && <Dashboard cluster={cluster} />}
        {cluster.has_report && (
          <a className="pp-button" href={reportHref(cluster)} download>
            {t('run.report')}
          </a>
        )}
        {open && <CloseButton cluster={cluster} />}
      </PageHead>
      {cluster.reason && (
        <section className="pp-card cause" aria-label={t('run.what')}>
          <div className="body">
            <p>{cluster.reason}</p>
          </div>
        </section>
      )}
      <div className="side-by">
        <div className="stack">
          <Members cluster={cluster} chosen={member} onChoose={setMember} />
          {member && <WorkloadLog key={member} id={member} open={open} />}
        </div>
        <div className="stack">
          <Card title={t('run.facts')}>
            <div className="body">
              <Facts>
                <Fact name={t('cluster.owner')}>
                  <OwnerOf cluster={cluster} />
                </Fact>
                <Fact name={t('cluster.workers')}>
                  {cluster.workers_ready} / {cluster.n_workers}
                </Fact>
                <Fact name={t('cluster.price')}>{words.money(cluster.price_per_hour)}</Fact>
                <Fact name={t('resource.since')}>
                  <Time at={cluster.ready_at ?? cluster.created_at} />
                </Fact>
              </Facts>
            </div>
          </Card>
          {cluster.status === 'running' && <Scaling cluster={cluster} />}
          {cluster.events.length > 0 && <Events cluster={cluster} />}
        </div>
      </div>
    </>
  );
}

interface MembersProps {
  cluster: wire.Cluster;
  chosen: string | null;
  onChoose: (workload: string) => void;
}

function Members({ cluster, chosen, onChoose }: MembersProps) {
  const t = useText();
  return (
    <Card title={t('cluster.members')}>
      {cluster.members.length === 0 ? (
        <Empty>{t('clusters.none')}</Empty>
      ) : (
        <div className="pp-table-scroll">
          <table>
            <tbody>
              {cluster.members.map((one) => (
                <tr key={one.workload_id}>
                  <td>
                    <StatusBadge status={one.status} />
                  </td>
                  <td>
                    <button
                      className="pp-link"
                      aria-pressed={one.workload_id === chosen}
                      onClick={() => onChoose(one.workload_id)}
                    >
                      {one.name}
                    </button>
                    {one.reason && <div className="reason">{one.reason}</div>}
                  </td>
                  <td className="small soft">
                    {one.size ?? ''} {words.cores(one.cores)}, {words.bytes(one.memory_bytes)}
                  </td>
                  <td className="r small soft">
                    <Time at={one.created_at} />
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

function useClusterCall(cluster: wire.Cluster) {
  const client = useQueryClient();
  const toast = useToast();
  return {
    done: async (text: string) => {
      await client.invalidateQueries({ queryKey: ['clusters'] });
      toast(text);
    },
    failed: (error: Error) => toast(error.message, { tone: 'bad' }),
    path: { project: cluster.project, cluster: cluster.id },
  };
}

function Dashboard({ cluster }: { cluster: wire.Cluster }) {
  const t = useText();
  const api = useApi();
  const { failed, path } = useClusterCall(cluster);
  const open = useMutation({
    mutationFn: () =>
      data(api.POST('/api/v1/projects/{project}/clusters/{cluster}/open', { params: { path } })),
    onSuccess: (link) => window.open(link.url, '_blank', 'noopener'),
    onError: failed,
  });
  return (
    <Button look="primary" disabled={open.isPending} onClick={() => open.mutate()}>
      {t('run.dashboard')}
    </Button>
  );
}

function CloseButton({ cluster }: { cluster: wire.Cluster }) {
  const t = useText();
  const api = useApi();
  const { done, failed, path } = useClusterCall(cluster);
  const close = useMutation({
    mutationFn: () => data(api.DELETE('/api/v1/projects/{project}/clusters/{cluster}', { params: { path } })),
    onSuccess: () => done(t('cluster.closed', { name: cluster.name })),
    onError: failed,
  });
  return (
    <Button look="danger" disabled={close.isPending} onClick={() => close.mutate()}>
      {t('cluster.close')}
    </Button>
  );
}

function Scaling({ cluster }: { cluster: wire.Cluster }) {
  const t = useText();
  const api = useApi();
  const id = useId();
  const { done, failed, path } = useClusterCall(cluster);
  const [wanted, setWanted] = useState(cluster.n_workers);
  const [bounds, setBounds] = useState<[number, number]>([
    cluster.adapt?.minimum ?? 1,
    cluster.adapt?.maximum ?? Math.max(2, cluster.n_workers),
  ]);
  const scale = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/v1/projects/{project}/clusters/{cluster}/scale', {
          params: { path },
          body: { n_workers: wanted },
        }),
      ),
    onSuccess: () => done(t('cluster.scaled', { name: cluster.name, count: wanted })),
    onError: failed,
  });
  const adapt = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/v1/projects/{project}/clusters/{cluster}/adapt', {
          params: { path },
          body: { adapt: { minimum: bounds[0], maximum: bounds[1] } },
        }),
      ),
    onSuccess: () =>
      done(t('cluster.adapted', { name: cluster.name, minimum: bounds[0], maximum: bounds[1] })),
    onError: failed,
  });
  const number = (value: number, set: (value: number) => void, props: { id?: string; label?: string }) => (
    <input
      id={props.id}
      aria-label={props.label}
      type="number"
      min={0}
      style={{ width: 76 }}
      value={value}
      onChange={(event) => set(event.target.valueAsNumber || 0)}
    />
  );
  return (
    <Card title={t('cluster.scale')}>
      <div className="body stack">
        <div className="pp-field">
          <label htmlFor={id}>{t('cluster.scaleTo')}</label>
          <div className="row">
            {number(wanted, setWanted, { id })}
            <Button small disabled={scale.isPending} onClick={() => scale.mutate()}>
              {t('cluster.scale')}
            </Button>
          </div>
        </div>
        <div className="pp-field">
          <span className="pp-label">{t('cluster.adapt')}</span>
          <div className="row">
            {number(bounds[0], (value) => setBounds([value, bounds[1]]), { label: 'minimum' })}–
            {number(bounds[1], (value) => setBounds([bounds[0], value]), { label: 'maximum' })}
            <Button small disabled={adapt.isPending || bounds[0] > bounds[1]} onClick={() => adapt.mutate()}>
              {t('save')}
            </Button>
          </div>
        </div>
      </div>
    </Card>
  );
}

function Events({ cluster }: { cluster: wire.Cluster }) {
  const t = useText();
  return (
    <Card title={t('cluster.events')}>
      <table>
        <tbody>
          {cluster.events.map((one) => (
            <tr key={`${one.at}${one.member}`}>
              <td>
                <b>{one.member}</b>
                <div className="reason">{one.reason}</div>
              </td>
              <td className="r small soft">
                <Time at={one.at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
