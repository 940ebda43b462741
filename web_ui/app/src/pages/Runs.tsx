import { Button, data, ListCard, useApi, useText, words, type wire } from '@prefect-platform/components';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { useSearchParams } from 'react-router';
import { useFlows, useRuns, type RunFilters } from '../queries/hooks';
import { useProject } from '../shell/project';
import { useToast } from '../shell/toasts';
import { PageHead } from './parts';
import { RunsTable } from './RunsTable';

const STATES: wire.Status[] = [
  'queued',
  'provisioning',
  'starting',
  'running',
  'succeeded',
  'failed',
  'crashed',
  'cancelled',
];

const SORTS: wire.RunSort[] = ['newest', 'oldest', 'name', '-name', 'longest', 'shortest'];

/** All runs of the project. What is looked for stands in the address. */
export function Runs() {
  const t = useText();
  const [query, setQuery] = useSearchParams();
  const flows = useFlows().data ?? [];
  const filters: RunFilters = {
    flow: query.get('flow') ?? undefined,
    status: (query.get('status') as wire.Status | null) ?? undefined,
    text: query.get('q') ?? undefined,
    sort: SORTS.find((one) => one === query.get('sort')),
  };
  const set = (name: string, value: string) =>
    setQuery(
      (before) => {
        const next = new URLSearchParams(before);
        if (value === '') next.delete(name);
        else next.set(name, value);
        return next;
      },
      { replace: true },
    );
  return (
    <>
      <PageHead title={t('runs.title')} />
      <div className="filters">
        <input
          type="search"
          aria-label={t('runs.filter')}
          placeholder={t('runs.filter')}
          value={query.get('q') ?? ''}
          onChange={(event) => set('q', event.target.value)}
        />
        <select
          aria-label={t('run.flow')}
          value={filters.flow ?? ''}
          onChange={(event) => set('flow', event.target.value)}
        >
          <option value="">{t('runs.anyFlow')}</option>
          {flows.map((flow) => (
            <option key={flow.id} value={flow.id}>
              {flow.name}
            </option>
          ))}
        </select>
        <select
          aria-label={t('run.state')}
          value={filters.status ?? ''}
          onChange={(event) => set('status', event.target.value)}
        >
          <option value="">{t('runs.anyState')}</option>
          {STATES.map((state) => (
            <option key={state}>{state}</option>
          ))}
        </select>
      </div>
      <RunList filters={filters} onSort={(sort) => set('sort', sort === 'newest' ? '' : sort)} />
    </>
  );
}

interface ListProps {
  filters: RunFilters;
  flow?: boolean;
  onSort?: (sort: wire.RunSort) => void;
}

/** Runs as a table, with what can be done to several at once. */
export function RunList({ filters, flow = true, onSort }: ListProps) {
  const t = useText();
  const runs = useRuns(filters);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const found = useMemo(() => runs.data?.pages.flatMap((page) => page.items) ?? [], [runs.data]);
  return (
    <ListCard
      label={t('runs.title')}
      title={t('runs.shown', { count: words.count(found.length) })}
      actions={<Bulk runs={found.filter((run) => chosen.has(run.id))} done={() => setChosen(new Set())} />}
      query={runs}
      lines={6}
      count={found.length}
      none={filters.text || filters.flow || filters.status ? t('runs.none') : t('runs.noneYet')}
    >
      <RunsTable
        runs={found}
        flow={flow}
        sort={filters.sort ?? 'newest'}
        onSort={onSort}
        chosen={chosen}
        onChoose={setChosen}
        more={runs.hasNextPage ? () => void runs.fetchNextPage() : undefined}
        loading={runs.isFetchingNextPage}
      />
    </ListCard>
  );
}

/** As many as one call takes. */
const MOST_AT_ONCE = 200;

function Bulk({ runs, done }: { runs: wire.Run[]; done: () => void }) {
  const t = useText();
  const api = useApi();
  const toast = useToast();
  const client = useQueryClient();
  const project = useProject();
  const cancel = useMutation({
    mutationFn: () =>
      data(
        api.POST('/api/v1/projects/{project}/runs/cancel', {
          params: { path: { project } },
          body: { run_ids: runs.slice(0, MOST_AT_ONCE).map((run) => run.id), reason: 'cancelled' },
        }),
      ),
    onSuccess: async (answers) => {
      const refused = answers.filter((one) => one.problem != null);
      await client.invalidateQueries({ queryKey: ['runs'] });
      toast(t('runs.cancelled', { count: answers.length - refused.length }));
      for (const one of refused.slice(0, 3)) toast(one.problem ?? '', { tone: 'bad' });
      done();
    },
    onError: (error) => toast(error.message, { tone: 'bad' }),
  });
  if (runs.length === 0) return null;
  return (
    <span className="row">
      <span className="soft small">{t('runs.selected', { count: runs.length })}</span>
      <Button small look="danger" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
        {t('runs.cancelSelected')}
      </Button>
    </span>
  );
}
