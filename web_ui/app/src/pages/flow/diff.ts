import { diffLines } from 'diff';

export interface Side {
  number: number;
  text: string;
}

export interface Row {
  left: Side | null;
  right: Side | null;
  changed: boolean;
}

/** Two texts beside each other, line by line; what was replaced stands beside what replaced it. */
export function sideBySide(before: string, after: string): Row[] {
  const rows: Row[] = [];
  let [left, right] = [0, 0];
  let gone: Side[] = [];
  let added: Side[] = [];
  const flush = () => {
    for (let at = 0; at < Math.max(gone.length, added.length); at += 1)
      rows.push({ left: gone[at] ?? null, right: added[at] ?? null, changed: true });
    gone = [];
    added = [];
  };
  for (const part of diffLines(before, after)) {
    const lines = part.value.replace(/\n$/, '').split('\n');
    if (part.removed) gone.push(...lines.map((text) => ({ number: ++left, text })));
    else if (part.added) added.push(...lines.map((text) => ({ number: ++right, text })));
    else {
      flush();
      for (const text of lines)
        rows.push({ left: { number: ++left, text }, right: { number: ++right, text }, changed: false });
    }
  }
  flush();
  return rows;
}
