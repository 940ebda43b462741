import { Button, FINAL, useText, words, type wire } from '@prefect-platform/components';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef } from 'react';
import { FlowLink, RunBadge, RunLink, RunTimes, Since } from './parts';
import { peakOf, sizeOf } from './runWords';

interface Props {
  runs: wire.Run[];
  flow: boolean;
  sort: wire.RunSort;
  onSort?: (sort: wire.RunSort) => void;
  chosen: ReadonlySet<string>;
  onChoose: (chosen: ReadonlySet<string>) => void;
  more?: () => void;
  loading: boolean;
}

const ROW = 38;
const AHEAD = 10;

/** The rows near what is seen, of as many runs as there are. */
export function RunsTable({ runs, flow, sort, onSort, chosen, onChoose, more, loading }: Props) {
  const t = useText();
  const scroll = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: runs.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW,
    overscan: AHEAD,
  });
  // Columns that would say nothing in any row leave their room to the others.
  const priced = runs.some((run) => run.price != null);
  const caused = runs.some((run) => causeOf(run));
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && !loading && last >= runs.length - AHEAD) more();
  }, [last, runs.length, more, loading]);
  const before = items[0]?.start ?? 0;
  const after = rows.getTotalSize() - (items.at(-1)?.end ?? 0);
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    onChoose(next);
  };
  return (
    <div className="pp-table-scroll runs" ref={scroll}>
      <table aria-rowcount={runs.length}>
        <thead>
          <tr>
            <th>
              <span className="unseen">{t('run.state')}</span>
            </th>
            <th>{t('run.state')}</th>
            {flow && <th>{t('run.flow')}</th>}
            <Sorted text={t('run.name')} up="name" down="-name" sort={sort} onSort={onSort} />
            <Sorted text={t('run.started')} up="oldest" down="newest" sort={sort} onSort={onSort} />
            <Sorted
              text={t('run.duration')}
              up="shortest"
              down="longest"
              sort={sort}
              onSort={onSort}
              className="r"
            />
            <th className="r">{t('run.queued')}</th>
            <th className="r">{t('run.version')}</th>
            <th>{t('run.size')}</th>
            <th className="r">{t('run.peak')}</th>
            {priced && <th className="r">{t('run.cost')}</th>}
            <th>{t('run.by')}</th>
            {caused && <th>{t('run.cause')}</th>}
          </tr>
        </thead>
        <tbody>
          {before > 0 && (
            <tr aria-hidden="true">
              <td colSpan={13} style={{ height: before, padding: 0, border: 0 }} />
            </tr>
          )}
          {items.map((item) => {
            const run = runs[item.index];
            if (run === undefined) return null;
            return (
              <tr key={run.id} data-index={item.index} ref={rows.measureElement}>
                <td>
                  <label className="pick">
                    <input
                      type="checkbox"
                      aria-label={t('runs.select', { name: run.name })}
                      checked={chosen.has(run.id)}
                      disabled={FINAL.has(run.status ?? '')}
                      onChange={() => toggle(run.id)}
                    />
                  </label>
                </td>
                <td>
                  <RunBadge run={run} />
                </td>
                {flow && (
                  <td>
                    <FlowLink id={run.flow_id} name={run.flow_name} />
                  </td>
                )}
                <td>
                  <RunLink run={run} />
                </td>
                <td>
                  <Since at={run.started_at ?? run.created_at} />
                </td>
                <td className="r">
                  <RunTimes run={run} />
                </td>
                <td className="r num">{words.duration(run.queued_seconds)}</td>
                <td className="r num">{run.version_number}</td>
                <td className="small">{sizeOf(run, t)}</td>
                <td className="r num small">{peakOf(run, t)}</td>
                {priced && <td className="r num small">{words.money(run.price)}</td>}
                <td className="small">{run.started_by ?? '–'}</td>
                {caused && (
                  <td className="text">
                    <div className="reason">{causeOf(run)}</div>
                  </td>
                )}
              </tr>
            );
          })}
          {after > 0 && (
            <tr aria-hidden="true">
              <td colSpan={13} style={{ height: after, padding: 0, border: 0 }} />
            </tr>
          )}
        </tbody>
      </table>
      {more && (
        <div className="row" style={{ justifyContent: 'center', padding: 10 }}>
          <Button small disabled={loading} onClick={more}>
            {loading ? t('loading') : t('more')}
          </Button>
        </div>
      )}
    </div>
  );
}

function causeOf(run: wire.Run): string {
  return FINAL.has(run.status ?? '') || run.status === 'queued' ? (run.reason ?? '') : '';
}

interface SortedProps {
  text: string;
  up: wire.RunSort;
  down: wire.RunSort;
  sort: wire.RunSort;
  onSort?: (sort: wire.RunSort) => void;
  className?: string;
}

function Sorted({ text, up, down, sort, onSort, className }: SortedProps) {
  const order = sort === up ? 'ascending' : sort === down ? 'descending' : undefined;
  if (!onSort) return <th className={className}>{text}</th>;
  return (
    <th aria-sort={order} className={className}>
      <button onClick={() => onSort(sort === down ? up : down)}>
        {text} {order === 'ascending' ? '↑' : order === 'descending' ? '↓' : ''}
      </button>
    </th>
  );
}
