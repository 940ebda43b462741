import type { wire } from '@prefect-platform/components';
import { Link } from 'react-router';
import { useProject } from '../../shell/project';

/** Where the performance report of a cluster that has ended can be downloaded. */
export const reportHref = (cluster: wire.Cluster): string =>
  new URL(
    `api/v1/projects/${encodeURIComponent(cluster.project)}/clusters/${encodeURIComponent(cluster.id)}/report`,
    document.baseURI,
  ).href;

/** What a cluster belongs to, and ends with. */
export function OwnerOf({ cluster }: { cluster: wire.Cluster }) {
  const project = useProject();
  if (cluster.owner_kind === 'attempt' && cluster.owner_id)
    return <Link to={`/p/${project}/runs/${cluster.owner_id}`}>run {cluster.owner_id.slice(0, 8)}</Link>;
  if (cluster.owner_kind === 'jupyter-server') return <span>Jupyter server of {cluster.user}</span>;
  return <span>{cluster.user}</span>;
}
