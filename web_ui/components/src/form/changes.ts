import type { Spec } from './model';
import { same } from './schema';

export interface Change {
  field: string;
  before: unknown;
  after: unknown;
}

/** Every field whose value differs, by name, as the plan of `resource apply` has it. */
export function changes(before: Spec, after: Spec): Change[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names
    .filter((field) => !same(before[field], after[field]))
    .map((field) => ({ field, before: before[field], after: after[field] }));
}

const RUNS = new Set(['queued', 'starting', 'running']);

/** Whether what runs goes on as it was: any change of a spec is for the next start. */
export function needsRestart(status: string, changed: readonly Change[]): boolean {
  return RUNS.has(status) && changed.length > 0;
}
