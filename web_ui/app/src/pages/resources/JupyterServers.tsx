import { ListCard, Table, Time, useText } from '@prefect-platform/components';
import { useResources } from '../../queries/hooks';
import { PageHead, StatusBadge } from '../parts';
import { ResourceName } from './ResourceName';
import { ExtendButton, Moves } from './moves';
import { NewLink } from './NewLink';

/** Jupyter servers: how far each start is, and when it stops by itself. */
export function JupyterServers() {
  const t = useText();
  const resources = useResources();
  const found = (resources.data ?? []).filter((one) => one.kind === 'jupyter-server');
  return (
    <>
      <PageHead title={t('jupyter.title')}>
        <NewLink kind="jupyter-server" text="jupyter.new" />
      </PageHead>
      <ListCard
        label={t('jupyter.title')}
        query={resources}
        count={found.length}
        none={
          <>
            <p>{t('jupyter.none')}</p>
            <pre className="pp-code">prefect-platform jupyter create NAME</pre>
          </>
        }
      >
        <Table
          rows={found}
          id={(one) => one.id}
          columns={[
            { title: t('resource.status'), cell: (one) => <StatusBadge status={one.state.status} /> },
            { title: t('resource.name'), cell: (one) => <ResourceName resource={one} /> },
            { title: t('jupyter.step'), cell: (one) => one.state.jupyter?.step ?? '–' },
            {
              title: t('resource.active'),
              className: 'small',
              cell: (one) => <Time at={one.state.jupyter?.active_at} />,
            },
            {
              title: t('resource.stopsIn'),
              className: 'small',
              cell: (one) => <Time at={one.state.jupyter?.stops_at} />,
            },
            {
              title: t('resource.start'),
              as: 'buttons',
              cell: (one) => (
                <>
                  {one.state.jupyter?.stops_at && <ExtendButton resource={one} />}
                  <Moves resource={one} />
                </>
              ),
            },
          ]}
        />
      </ListCard>
    </>
  );
}
