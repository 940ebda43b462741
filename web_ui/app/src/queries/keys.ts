/** What the server's `changes` stream names, and so what a change of it makes old. */
export type Topic =
  'runs' | 'flows' | 'resources' | 'clusters' | 'agents' | 'secrets' | 'usage' | 'sizes' | 'tokens';

/** Seconds after which a list is asked for again where the stream of changes is not there. */
export const FALLBACK_SECONDS = 10;
