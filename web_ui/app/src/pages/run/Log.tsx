import { Card, FINAL, LogViewer, useText, type Scope, type wire } from '@prefect-platform/components';
import { useSearchParams } from 'react-router';

/** All that a run wrote. The line that was chosen stands in the address. */
export function RunLog({ run }: { run: wire.RunDetail }) {
  return <Log scope={{ run: run.id }} live={!FINAL.has(run.status ?? '') || isOpen(run)} />;
}

export function WorkloadLog({ id, open }: { id: string; open: boolean }) {
  return <Log scope={{ workload: id }} live={open} />;
}

function Log({ scope, live }: { scope: Scope; live: boolean }) {
  const t = useText();
  const [query, setQuery] = useSearchParams();
  const choose = (line: string | null) =>
    setQuery(
      (before) => {
        const next = new URLSearchParams(before);
        if (line === null) next.delete('line');
        else next.set('line', line);
        return next;
      },
      { replace: true, preventScrollReset: true },
    );
  return (
    <Card label={t('run.log')}>
      <LogViewer scope={scope} live={live} initial={query.get('line')} onLine={choose} rawHref={rawHref} />
    </Card>
  );
}

const rawHref = (workload: string, source: string): string =>
  new URL(`api/v1/workloads/${encodeURIComponent(workload)}/logs/${source}/raw`, document.baseURI).href;

/** Whether something of it may still write: a worker's last words come after the run's own end. */
function isOpen(run: wire.RunDetail): boolean {
  const clusters = run.clusters ?? [];
  return clusters.some((cluster) => cluster.ended_at === null);
}
