import { useEffect, useState } from 'react';
import { useText } from '../../host/i18n';
import * as words from '../../ui/words';
import type { Reading } from '../schedule';
import { TextInput } from './parts';

const WHEN = new Intl.DateTimeFormat(undefined, {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

interface ScheduleProps {
  cron: string;
  timezone: string;
  errors?: readonly string[];
  /** Moment that "next" counts from; by default now. */
  from?: Date;
  onCron: (cron: string) => void;
  onTimezone?: (timezone: string) => void;
}

/** A cron expression, what it says, and when it comes next in the reader's own zone. */
export function Schedule({ cron, timezone, errors = [], from, onCron, onTimezone }: ScheduleProps) {
  const t = useText();
  const read = useReading(cron, timezone, from);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const wrong = read?.wrong ? [read.words] : [];
  return (
    <div className="pp-group">
      <div className="pp-grid">
        <TextInput
          label={t('form.cron')}
          mono
          placeholder="0 2 * * *"
          value={cron}
          errors={[...errors, ...wrong]}
          onText={onCron}
        />
        {onTimezone && (
          <TextInput label={t('form.cron.zone')} value={timezone} onText={onTimezone} placeholder={zone} />
        )}
      </div>
      {read && !read.wrong && (
        <div className="pp-schedule" aria-live="polite">
          <p>
            {read.words} <span className="faint">{timezone}</span>
          </p>
          <p className="small soft">
            {t('form.cron.next')} ({t('form.cron.yours', { zone })})
          </p>
          <ol className="small num">
            {read.next.map((one) => (
              <li key={one.getTime()}>
                <time dateTime={one.toISOString()} title={words.exact(one)}>
                  {WHEN.format(one)}
                </time>
              </li>
            ))}
          </ol>
        </div>
      )}
    </div>
  );
}

/** The library that reads it is loaded with the first expression. */
function useReading(cron: string, timezone: string, from?: Date): Reading | null {
  const [read, setRead] = useState<Reading | null>(null);
  useEffect(() => {
    let current = true;
    if (cron.trim() === '') setRead(null);
    else
      void import('../schedule').then(({ reading }) => {
        if (current) setRead(reading(cron, timezone, from ?? new Date()));
      });
    return () => {
      current = false;
    };
  }, [cron, timezone, from]);
  return read;
}
