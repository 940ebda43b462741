import { useNow, useText, words, type wire } from '@prefect-platform/components';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { useCapacity, useUsage } from '../../queries/hooks';
import { isBad, isOfLastDay } from '../parts';

/** Four numbers, each with what it is to be measured by. */
export function Figures({ runs, more }: { runs: wire.Run[]; more: boolean }) {
  const t = useText();
  const now = useNow();
  const capacity = useCapacity().data;
  const today = runs.filter((run) => isOfLastDay(run, now));
  const failed = today.filter(isBad).length;
  const running = runs.filter((run) => run.status === 'running' || run.status === 'starting').length;
  const queued = runs.filter((run) => run.status === 'queued').length;
  // Where not even all of the day's runs are on the page, the number is of those that are.
  const whole = !more || today.length < runs.length;
  return (
    <div className="kpis">
      <Figure title={t('home.running')} value={running} to="runs?status=running">
        {capacity
          ? t('home.room', {
              cores: words.count(Math.floor(capacity.free_cores)),
              allCores: words.count(capacity.total_cores),
              memory: words.bytes(capacity.free_memory_bytes),
              allMemory: words.bytes(capacity.total_memory_bytes),
            })
          : ' '}
      </Figure>
      <Figure title={t('home.failed')} value={failed} bad={failed > 0} to="runs?status=failed">
        {t(whole ? 'home.ofRuns' : 'home.ofRunsMany', { count: words.count(today.length) })}
      </Figure>
      <Figure title={t('home.queued')} value={queued} to="runs?status=queued">
        {queued ? t('home.queuedSome') : t('home.queuedNone')}
      </Figure>
      <Week />
    </div>
  );
}

function Week() {
  const t = useText();
  const usage = useUsage({ since: weekAgo(), by: ['kind'], timezone: zone() }).data;
  const total = usage?.total;
  const value = total ? (total.price === null ? '–' : words.money(total.price)) : '…';
  return (
    <Figure title={t('home.week')} value={value} to="usage">
      {total ? t('home.weekHours', { hours: words.hours(total.core_hours) }) : ' '}
      {total?.price === null ? `, ${t('home.unpriced')}` : ''}
    </Figure>
  );
}

function Figure(props: { title: string; value: ReactNode; bad?: boolean; to: string; children: ReactNode }) {
  return (
    <div className="pp-card kpi">
      <Link className="soft small" to={props.to}>
        {props.title}
      </Link>
      <b className={props.bad ? 'bad' : ''}>{props.value}</b>
      <span className="faint small">{props.children}</span>
    </div>
  );
}

/** A week ago, by the hour: the same question for a while is the same entry in the cache. */
function weekAgo(): string {
  const at = new Date(Date.now() - 7 * 86_400_000);
  at.setMinutes(0, 0, 0);
  return at.toISOString();
}

const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
