import type { Text, Tone, wire } from '@prefect-platform/components';

export interface Health {
  tone: Tone;
  text: Text;
  why: string | null;
}

/** Seconds without a word after which an agent counts as silent: it reports every few seconds. */
const SILENT_SECONDS = 45;

/** How an agent is, from what it said last and how long ago that was. */
export function healthOf(agent: wire.Agent, now: number): Health {
  const seen = agent.last_seen_at ? (now - new Date(agent.last_seen_at).getTime()) / 1000 : null;
  if (seen === null || seen > SILENT_SECONDS)
    return { tone: 'bad', text: 'agent.silent', why: agent.report?.problem ?? null };
  const report = agent.report;
  if (report?.problem) return { tone: 'warn', text: 'agent.problem', why: report.problem };
  if (report?.late_runs) return { tone: 'warn', text: 'agent.problem', why: report.late_reason ?? null };
  return { tone: 'ok', text: 'agent.healthy', why: null };
}
