import { Card, Empty, Problem, Skeleton, useText, type wire } from '@prefect-platform/components';
import { Link, useSearchParams } from 'react-router';
import { useResources } from '../../queries/hooks';
import { useProject } from '../../shell/project';
import { PageHead, Since, StatusBadge } from '../parts';
import { Moves } from './moves';
import { NewLink } from './NewLink';

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
  if (resources.isError) return <Problem error={resources.error} again={() => void resources.refetch()} />;
  const all = resources.data ?? [];
  const found = selected(all, query);
  const options = (values: string[]) =>
    [...new Set(values)].sort().map((one) => <option key={one}>{one}</option>);
  return (
    <>
      <PageHead title={t('resources.title')}>
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
          {options(all.map((one) => one.kind))}
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
      <Card label={t('resources.title')}>
        {resources.isPending ? (
          <Skeleton />
        ) : found.length === 0 ? (
          <Empty>{all.length ? t('resources.none') : t('resources.noneYet')}</Empty>
        ) : (
          <ResourceTable
            resources={found}
            sort={query.get('sort') ?? 'name'}
            onSort={(sort) => set('sort', sort)}
          />
        )}
      </Card>
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

interface TableProps {
  resources: wire.Resource[];
  sort?: string;
  onSort?: (sort: string) => void;
}

export function ResourceTable({ resources, sort, onSort }: TableProps) {
  const t = useText();
  const project = useProject();
  const head = (name: Sort, label: string) => (
    <th aria-sort={sort === name ? 'ascending' : sort === `-${name}` ? 'descending' : undefined}>
      {onSort ? (
        <button onClick={() => onSort(sort === name ? `-${name}` : name)}>
          {label} {sort === name ? '↑' : sort === `-${name}` ? '↓' : ''}
        </button>
      ) : (
        label
      )}
    </th>
  );
  return (
    <div className="pp-table-scroll">
      <table>
        <thead>
          <tr>
            {head('status', t('resource.status'))}
            {head('name', t('resource.name'))}
            {head('kind', t('resource.kind'))}
            {head('owner', t('resource.owner'))}
            {head('updated_at', t('secret.changed'))}
            <th>
              <span className="unseen">{t('resource.start')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {resources.map((one) => (
            <tr key={one.id}>
              <td>
                <StatusBadge status={one.state.status} />
              </td>
              <td>
                <Link to={`/p/${project}/resources/${one.kind}/${one.name}`}>{one.name}</Link>
                {one.state.reason && <div className="reason">{one.state.reason}</div>}
                {one.state.needs_restart && <div className="reason">{t('resource.needsRestart')}</div>}
              </td>
              <td className="soft">{one.kind}</td>
              <td>{one.owner}</td>
              <td>
                <Since at={one.updated_at} />
              </td>
              <td className="r">
                <span className="row" style={{ justifyContent: 'flex-end' }}>
                  <Moves resource={one} />
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
