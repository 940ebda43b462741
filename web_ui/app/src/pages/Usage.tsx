import { Card, Empty, Problem, Skeleton, useText, words, type wire } from '@prefect-platform/components';
import { useSearchParams } from 'react-router';
import { useUsage } from '../queries/hooks';
import { useProject } from '../shell/project';
import { PageHead } from './parts';

const PERIODS = [7, 30, 90];
const HEIGHT = 120;

/** What was held, and what it came to: by day and by flow. */
export function Usage() {
  const t = useText();
  const project = useProject();
  const [query, setQuery] = useSearchParams();
  const days = PERIODS.find((one) => one === Number(query.get('days'))) ?? 30;
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const since = startOf(days);
  const byDay = useUsage({ since, by: ['day'], timezone });
  const byFlow = useUsage({ since, by: ['flow'], timezone });
  if (byDay.isError) return <Problem error={byDay.error} again={() => void byDay.refetch()} />;
  const said = (total: wire.UsageAmounts) =>
    total.price === null
      ? t('usage.inCoreHours', { hours: words.hours(total.core_hours) })
      : words.money(total.price);
  const csv = new URL(
    `api/v1/projects/${encodeURIComponent(project)}/usage?${new URLSearchParams({ since, timezone, format: 'csv' })}&by=day&by=flow`,
    document.baseURI,
  );
  return (
    <>
      <PageHead title={t('usage.title')}>
        <a className="pp-button" href={csv.href} download>
          {t('usage.csv')}
        </a>
        <div className="pp-tabs">
          {PERIODS.map((one) => (
            <button
              key={one}
              className="pp-tab"
              aria-pressed={one === days}
              onClick={() => setQuery({ days: String(one) }, { replace: true })}
            >
              {t('usage.days', { days: one })}
            </button>
          ))}
        </div>
      </PageHead>
      <Card
        title={t('usage.byDay')}
        beside={byDay.data?.rows.length ? `${t('usage.total')}: ${said(byDay.data.total)}` : undefined}
      >
        {byDay.isPending ? <Skeleton /> : <Days rows={byDay.data.rows} days={days} since={since} />}
      </Card>
      <Card title={t('usage.byFlow')}>
        {byFlow.isPending || byFlow.isError ? <Skeleton /> : <Flows usage={byFlow.data} />}
      </Card>
    </>
  );
}

function startOf(days: number): string {
  const at = new Date();
  at.setHours(0, 0, 0, 0);
  at.setDate(at.getDate() - days + 1);
  return at.toISOString();
}

/** One bar a day: money where there are prices, core hours where there are none. */
function Days({ rows, days, since }: { rows: wire.UsageRow[]; days: number; since: string }) {
  const t = useText();
  if (rows.length === 0) return <Empty>{t('usage.none')}</Empty>;
  const priced = rows.some((row) => row.price !== null);
  const value = (row: wire.UsageRow | undefined) => (priced ? row?.price : row?.core_hours) ?? 0;
  const shown = Array.from({ length: days }, (_, at) => {
    const day = new Date(since);
    day.setDate(day.getDate() + at);
    const name = `${day.getFullYear()}-${String(day.getMonth() + 1).padStart(2, '0')}-${String(day.getDate()).padStart(2, '0')}`;
    return { name, amount: value(rows.find((row) => row.day === name)) };
  });
  const most = Math.max(...shown.map((one) => one.amount), 1e-9);
  const said = (amount: number) =>
    priced ? words.money(amount) : t('usage.inCoreHours', { hours: words.hours(amount) });
  return (
    <div className="body">
      <div className="days" style={{ height: HEIGHT }}>
        {shown.map((one) => (
          <i
            key={one.name}
            role="img"
            aria-label={`${one.name}: ${said(one.amount)}`}
            title={`${one.name}: ${said(one.amount)}`}
            style={{ height: Math.max(one.amount > 0 ? 2 : 0, (one.amount / most) * HEIGHT) }}
          />
        ))}
      </div>
      <div className="row faint small">
        <time dateTime={shown[0]?.name}>{words.day(since)}</time>
        <span className="grow" />
        <time dateTime={shown.at(-1)?.name}>{words.day(new Date())}</time>
      </div>
    </div>
  );
}

function Flows({ usage }: { usage: wire.Usage }) {
  const t = useText();
  if (usage.rows.length === 0) return <Empty>{t('usage.none')}</Empty>;
  const cells = (row: wire.UsageAmounts) => (
    <>
      <td className="r num">{words.hours(row.hours)}</td>
      <td className="r num">{words.hours(row.core_hours)}</td>
      <td className="r num">{words.hours(row.memory_gib_hours)}</td>
      <td className="r num">{words.hours(row.gpu_hours)}</td>
      <td className="r num">{words.money(row.price)}</td>
    </>
  );
  const sorted = [...usage.rows].sort((a, b) => (b.price ?? b.core_hours) - (a.price ?? a.core_hours));
  return (
    <div className="pp-table-scroll">
      <table>
        <thead>
          <tr>
            <th>{t('run.flow')}</th>
            <th className="r">{t('usage.hours')}</th>
            <th className="r">{t('usage.coreHours')}</th>
            <th className="r">{t('usage.memoryHours')}</th>
            <th className="r">{t('usage.gpuHours')}</th>
            <th className="r">{t('usage.price')}</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((row) => (
            <tr key={row.flow ?? ''}>
              <td>{row.flow ?? <span className="faint">{t('usage.noFlow')}</span>}</td>
              {cells(row)}
            </tr>
          ))}
          <tr className="total">
            <td>
              <b>{t('usage.total')}</b>
            </td>
            {cells(usage.total)}
          </tr>
        </tbody>
      </table>
    </div>
  );
}
