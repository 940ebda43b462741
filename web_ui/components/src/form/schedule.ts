import { CronExpressionParser } from 'cron-parser';
import cronstrue from 'cronstrue';

export interface Reading {
  /** `At 02:00 AM, every day`, or what is wrong with it. */
  words: string;
  wrong: boolean;
  next: Date[];
}

/** What a cron expression means, and when it comes next; times are of `timezone`. */
export function reading(cron: string, timezone: string, from: Date, times = 5): Reading {
  try {
    const found = CronExpressionParser.parse(cron, { tz: timezone, currentDate: from });
    if (cron.trim().split(/\s+/).length !== 5) throw new Error('five fields: minute hour day month weekday');
    const next = Array.from({ length: times }, () => found.next().toDate());
    return {
      words: cronstrue.toString(cron, { use24HourTimeFormat: true, verbose: true }),
      wrong: false,
      next,
    };
  } catch (error) {
    return { words: error instanceof Error ? error.message : String(error), wrong: true, next: [] };
  }
}
