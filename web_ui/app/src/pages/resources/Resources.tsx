import { ListCard, Table, useText, type wire } from '@prefect-platform/components';
import { Link, useSearchParams } from 'react-router';
import { useResources } from '../../queries/hooks';
import { PageHead, Since, StatusBadge } from '../parts';
import { Moves } from './moves';
import { NewLink } from './NewLink';
import { ResourceName } from './ResourceName';

type Sort = 'name' | 'kind' | 'status' | 'owner' | 'updated_at';

const SORTS: Record<Sort, (one: wire.Resource) => string> = {
  name: (one) => one.name,
  kind: (one) => one.kind,
  status: (one) => one.state.status,
  owner: (one) => one.owner,
  updated_at: (one) => one.updated_at,
};

/** All kinds of resource in one list. Search, filters and order stand in the address. */
export function Resources() {
  const t = useText();
  const resources = useResources();
  const [query, setQuery] = useSearchParams();
  const set = (name: string, value: string) =>
    setQuery(
      (before) => {
        const next = new URLSearchParams(before);
        if (value) next.set(name, value);
        else next.delete(name);
        return next;
      },
      { replace: true },
    );
  const all = resources.data ?? [];
  const found = selected(all, query);
  const options = <V extends string>(values: V[], name = (value: V): string => value) =>
    [...new Set(values)].sort().map((one) => (
      <option key={one} value={one}>
        {name(one)}
      </option>
    ));
  return (
    <>
      <PageHead title={t('resources.title')}>
        <Link className="pp-button" to="new-from-recipe">
          {t('recipe.title')}
        </Link>
        <NewLink kind="jupyter-server" text="jupyter.new" />
        <NewLink kind="prefect-agent" text="agents.new" />
      </PageHead>
      <div className="filters">
        <input
          type="search"
          aria-label={t('runs.filter')}
          placeholder={t('runs.filter')}
          value={query.get('q') ?? ''}
          onChange={(event) => set('q', event.target.value)}
        />
        <select
          aria-label={t('resource.kind')}
          value={query.get('kind') ?? ''}
          onChange={(e) => set('kind', e.target.value)}
        >
          <option value="">{t('resource.anyKind')}</option>
          {options(
            all.map((one) => one.kind),
            (kind) => t(`kind.${kind}`),
          )}
        </select>
        <select
          aria-label={t('resource.status')}
          value={query.get('status') ?? ''}
          onChange={(e) => set('status', e.target.value)}
        >
          <option value="">{t('resource.anyStatus')}</option>
          {options(all.map((one) => one.state.status))}
        </select>
        <select
          aria-label={t('resource.owner')}
          value={query.get('owner') ?? ''}
          onChange={(e) => set('owner', e.target.value)}
        >
          <option value="">{t('resource.anyOwner')}</option>
          {options(all.map((one) => one.owner))}
        </select>
      </div>
      <ListCard
        label={t('resources.title')}
        query={resources}
        count={found.length}
        none={all.length ? t('resources.none') : t('resources.noneYet')}
      >
        <Table
          rows={found}
          id={(one) => one.id}
          sort={query.get('sort') ?? 'name'}
          onSort={(sort) => set('sort', sort)}
          columns={[
            {
              title: t('resource.status'),
              sort: 'status',
              cell: (one) => <StatusBadge status={one.state.status} />,
            },
            { title: t('resource.name'), sort: 'name', cell: (one) => <ResourceName resource={one} /> },
            {
              title: t('resource.kind'),
              sort: 'kind',
              className: 'soft',
              cell: (one) => t(`kind.${one.kind}`),
            },
            { title: t('resource.owner'), sort: 'owner', cell: (one) => one.owner },
            {
              title: t('secret.changed'),
              sort: 'updated_at',
              cell: (one) => <Since at={one.updated_at} />,
            },
            { title: t('resource.start'), as: 'buttons', cell: (one) => <Moves resource={one} /> },
          ]}
        />
      </ListCard>
    </>
  );
}

export function selected(all: wire.Resource[], query: URLSearchParams): wire.Resource[] {
  const text = (query.get('q') ?? '').toLowerCase();
  const kind = query.get('kind');
  const status = query.get('status');
  const owner = query.get('owner');
  const sort = query.get('sort') ?? 'name';
  const key = SORTS[sort.replace(/^-/, '') as Sort] ?? SORTS.name;
  const sign = sort.startsWith('-') ? -1 : 1;
  return all
    .filter((one) => !kind || one.kind === kind)
    .filter((one) => !status || one.state.status === status)
    .filter((one) => !owner || one.owner === owner)
    .filter((one) => `${one.name} ${one.owner}`.toLowerCase().includes(text))
    .sort((a, b) => sign * key(a).localeCompare(key(b)));
}
