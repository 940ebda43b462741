/** Five tones for every state of everything. */
export type Tone = 'ok' | 'run' | 'bad' | 'warn' | 'idle';

const TONES: Record<string, Tone> = {
  succeeded: 'ok',
  ready: 'ok',
  healthy: 'ok',
  Completed: 'ok',
  COMPLETED: 'ok',
  running: 'run',
  starting: 'run',
  provisioning: 'run',
  RUNNING: 'run',
  failed: 'bad',
  crashed: 'bad',
  lost: 'bad',
  FAILED: 'bad',
  CRASHED: 'bad',
  queued: 'warn',
  waiting: 'warn',
  stopping: 'warn',
  deleting: 'warn',
  silent: 'warn',
  late: 'warn',
  PENDING: 'warn',
  PAUSED: 'warn',
  CANCELLING: 'warn',
};

export function toneOf(status: string | null | undefined): Tone {
  return (status != null && TONES[status]) || 'idle';
}

/** States from which nothing goes on. */
export const FINAL = new Set(['succeeded', 'failed', 'crashed', 'cancelled']);
