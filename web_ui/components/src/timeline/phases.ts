import type { Workload } from '../api/schema';

export type PhaseName = 'queued' | 'start' | 'environment' | 'script' | 'imports' | 'running' | 'drain';

export interface Phase {
  name: PhaseName;
  /** Milliseconds since 1970. */
  from: number;
  to: number;
  /** What was told about it: how the environment was had, how a start script ended. */
  details: string[];
}

/** What begins each phase: a status of the workload or a step of its launcher, the first that is there. */
const BEGINS: [PhaseName, string[]][] = [
  ['start', ['provisioning']],
  ['environment', ['starting']],
  ['script', ['start-script-started']],
  ['imports', ['engine-started']],
  ['running', ['running']],
  ['drain', ['engine-ended']],
];

/**
 * The life of a workload as phases without gaps, from its creation to its end, or to `now` while it is open. A
 * phase that was not reached is not there.
 */
export function phasesOf(workload: Workload, now: number): Phase[] {
  const marks = marksOf(workload);
  const end = endOf(workload, now);
  const begins: [PhaseName, number][] = [['queued', at(workload.created_at)]];
  for (const [name, beginnings] of BEGINS) {
    const found = beginnings.map((one) => marks.get(one)).find((one) => one !== undefined);
    if (found !== undefined) begins.push([name, found]);
  }
  begins.sort((a, b) => a[1] - b[1]);
  return begins.map(([name, from], index) => {
    const to = Math.max(from, begins[index + 1]?.[1] ?? end);
    return { name, from, to, details: detailsBetween(workload, from, to) };
  });
}

function marksOf(workload: Workload): Map<string, number> {
  const marks = new Map<string, number>();
  const note = (name: string, when: string) => {
    if (!marks.has(name)) marks.set(name, at(when));
  };
  for (const step of workload.steps) note(step.name, step.at);
  for (const move of workload.transitions) note(move.status, move.at);
  return marks;
}

function endOf(workload: Workload, now: number): number {
  if (workload.ended_at) return at(workload.ended_at);
  const last = workload.transitions.at(-1);
  return last && ENDED.has(last.status) ? at(last.at) : now;
}

const ENDED = new Set(['succeeded', 'failed', 'crashed', 'cancelled']);

function detailsBetween(workload: Workload, from: number, to: number): string[] {
  return workload.steps
    .filter((step) => step.detail && at(step.at) >= from && at(step.at) <= to && step.name !== 'running')
    .map((step) => `${step.name}: ${step.detail ?? ''}`);
}

/** Seconds from creation until user code began; null while it has not. */
export function beforeUserCode(workload: Workload): number | null {
  const begun = marksOf(workload).get('running');
  return begun === undefined ? null : (begun - at(workload.created_at)) / 1000;
}

const at = (when: string): number => new Date(when).getTime();
