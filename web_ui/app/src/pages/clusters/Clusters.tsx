import { ListCard, Table, useText, words } from '@prefect-platform/components';
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
      <ListCard
        label={t('clusters.title')}
        query={clusters}
        count={found.length}
        none={
          <>
            <p>{t(ended ? 'clusters.noneEver' : 'clusters.none')}</p>
            <pre className="pp-code">{CODE}</pre>
          </>
        }
      >
        <Table
          rows={found}
          id={(one) => one.id}
          columns={[
            { title: t('resource.status'), cell: (one) => <StatusBadge status={one.status} /> },
            {
              title: t('resource.name'),
              cell: (one) => (
                <>
                  <Link to={`/p/${project}/clusters/${one.id}`}>{one.name}</Link>
                  {one.reason && <div className="reason">{one.reason}</div>}
                </>
              ),
            },
            { title: t('cluster.owner'), cell: (one) => <OwnerOf cluster={one} /> },
            {
              title: t('cluster.workers'),
              as: 'number',
              cell: (one) => `${one.workers_ready} / ${one.n_workers}`,
            },
            { title: t('cluster.price'), as: 'number', cell: (one) => words.money(one.price_per_hour) },
            { title: t('resource.since'), cell: (one) => <Since at={one.created_at} /> },
          ]}
        />
      </ListCard>
    </>
  );
}
