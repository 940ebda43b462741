import { Card, Empty, Problem, Skeleton, Time, useText } from '@prefect-platform/components';
import { Link } from 'react-router';
import { useResources } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { PageHead, StatusBadge } from '../parts';
import { ExtendButton, Moves } from './moves';
import { NewLink } from './NewLink';

/** Jupyter servers: how far each start is, and when it stops by itself. */
export function JupyterServers() {
  const t = useText();
  const project = useProject();
  const resources = useResources();
  if (resources.isError) return <Problem error={resources.error} again={() => void resources.refetch()} />;
  const found = (resources.data ?? []).filter((one) => one.kind === 'jupyter-server');
  return (
    <>
      <PageHead title={t('jupyter.title')}>
        <NewLink kind="jupyter-server" text="jupyter.new" />
      </PageHead>
      <Card label={t('jupyter.title')}>
        {resources.isPending ? (
          <Skeleton />
        ) : found.length === 0 ? (
          <Empty>
            <p>{t('jupyter.none')}</p>
            <pre className="pp-code">prefect-platform jupyter create NAME</pre>
          </Empty>
        ) : (
          <div className="pp-table-scroll">
            <table>
              <thead>
                <tr>
                  <th>{t('resource.status')}</th>
                  <th>{t('resource.name')}</th>
                  <th>{t('jupyter.step')}</th>
                  <th>{t('resource.active')}</th>
                  <th>{t('resource.stopsIn')}</th>
                  <th>
                    <span className="unseen">{t('resource.start')}</span>
                  </th>
                </tr>
              </thead>
              <tbody>
                {found.map((one) => (
                  <tr key={one.id}>
                    <td>
                      <StatusBadge status={one.state.status} />
                    </td>
                    <td>
                      <Link to={`/p/${project}/resources/${one.kind}/${one.name}`}>{one.name}</Link>
                      {one.state.reason && <div className="reason">{one.state.reason}</div>}
                    </td>
                    <td>{one.state.jupyter?.step ?? '–'}</td>
                    <td className="small">
                      <Time at={one.state.jupyter?.active_at} />
                    </td>
                    <td className="small">
                      <Time at={one.state.jupyter?.stops_at} />
                    </td>
                    <td className="r">
                      <span className="row" style={{ justifyContent: 'flex-end' }}>
                        {one.state.jupyter?.stops_at && <ExtendButton resource={one} />}
                        <Moves resource={one} />
                      </span>
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
