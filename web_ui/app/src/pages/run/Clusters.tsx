import { Card, Fact, Facts, useText, words, type wire } from '@prefect-platform/components';
import { Link } from 'react-router';
import { useProject } from '../../shell/project';
import { reportHref } from '../clusters/Owner';
import { StatusBadge } from '../parts';

/** The Dask clusters of a run. */
export function Clusters({ clusters }: { clusters: wire.Cluster[] }) {
  const t = useText();
  const project = useProject();
  return clusters.map((cluster) => (
    <Card
      key={cluster.id}
      title={<Link to={`/p/${project}/clusters/${cluster.id}`}>{t('run.clusters')}</Link>}
      actions={<StatusBadge status={cluster.status} />}
    >
      <div className="body">
        <Facts>
          <Fact name={t('cluster.workers')}>
            {cluster.workers_ready} / {cluster.n_workers}
          </Fact>
          {cluster.price_per_hour !== null && (
            <Fact name={t('cluster.price')}>{words.money(cluster.price_per_hour)}</Fact>
          )}
          {cluster.reason && <Fact name={t('run.cause')}>{cluster.reason}</Fact>}
          {cluster.has_report && (
            <Fact name={t('run.report')}>
              <a href={reportHref(cluster)} download>
                {t('logs.download')}
              </a>
            </Fact>
          )}
        </Facts>
      </div>
    </Card>
  ));
}
