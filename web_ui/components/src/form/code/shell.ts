const SAFE = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** One word of a POSIX shell. */
export function quoted(word: string): string {
  return SAFE.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A command with an option on each line; what is short stays on one. */
export function lines(head: string, options: readonly string[]): string {
  const one = [head, ...options].join(' ');
  if (one.length <= 76 && !one.includes('\n')) return one;
  return [head, ...options].join(' \\\n    ');
}

/** A file that an option reads, without one on the disk. */
export function asFile(text: string): string {
  return `<(printf %s ${quoted(text)})`;
}
