import { reading } from '@prefect-platform/components/schedule';

/** What a cron expression says; nothing where it is one that the library cannot read. */
export function CronWords({ cron, timezone }: { cron: string; timezone: string }) {
  const read = reading(cron, timezone, new Date(), 0);
  return read.wrong ? null : <div className="small">{read.words}</div>;
}
