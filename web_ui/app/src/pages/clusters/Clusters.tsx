import { Card, Empty, Problem, Skeleton, useText, words } from '@prefect-platform/components';
import { Link, useSearchParams } from 'react-router';
import { useClusters } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { PageHead, Since, StatusBadge } from '../parts';
import { NewLink } from '../resources/NewLink';
import { OwnerOf } from './Owner';

const CODE = `from prefect_platform import PlatformCluster

with PlatformCluster(n_workers=4) as cluster:
    client = cluster.get_client()`;

export function Clusters() {
  const t = useText();
  const project = useProject();
  const [query, setQuery] = useSearchParams();
  const ended = query.has('ended');
  const clusters = useClusters(ended);
  if (clusters.isError) return <Problem error={clusters.error} again={() => void clusters.refetch()} />;
  const found = clusters.data ?? [];
  return (
    <>
      <PageHead title={t('clusters.title')}>
        <label className="row small">
          <input
            type="checkbox"
            checked={ended}
            onChange={(event) => setQuery(event.target.checked ? { ended: '1' } : {}, { replace: true })}
          />
          {t('clusters.ended')}
        </label>
        <NewLink kind="dask-cluster" text="clusters.new" />
      </PageHead>
      <Card label={t('clusters.title')}>
        {clusters.isPending ? (
          <Skeleton />
        ) : found.length === 0 ? (
          <Empty>
            <p>{t(ended ? 'clusters.noneEver' : 'clusters.none')}</p>
            <pre className="pp-code">{CODE}</pre>
          </Empty>
        ) : (
          <div className="pp-table-scroll">
            <table>
              <thead>
                <tr>
                  <th>{t('resource.status')}</th>
                  <th>{t('resource.name')}</th>
                  <th>{t('cluster.owner')}</th>
                  <th className="r">{t('cluster.workers')}</th>
                  <th className="r">{t('cluster.price')}</th>
                  <th>{t('resource.since')}</th>
                </tr>
              </thead>
              <tbody>
                {found.map((one) => (
                  <tr key={one.id}>
                    <td>
                      <StatusBadge status={one.status} />
                    </td>
                    <td>
                      <Link to={`/p/${project}/clusters/${one.id}`}>{one.name}</Link>
                      {one.reason && <div className="reason">{one.reason}</div>}
                    </td>
                    <td>
                      <OwnerOf cluster={one} />
                    </td>
                    <td className="r num">
                      {one.workers_ready} / {one.n_workers}
                    </td>
                    <td className="r num">{words.money(one.price_per_hour)}</td>
                    <td>
                      <Since at={one.created_at} />
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
