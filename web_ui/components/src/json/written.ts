/** JSON as text that hides nothing, and that is exact where a number of JavaScript's would not be. */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** By JSON Pointer: numbers that JavaScript rounds, as they are written. */
export type LargeNumbers = Readonly<Record<string, string>>;

// What turns, hides or moves text on a screen. Joiners stay: scripts and emoji need them.
const UNSEEN =
  /[\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

const escaped = (one: string): string =>
  one
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');

/** Characters of a list or object that stand on one line. */
const LINE = 72;

/** A text between quotes, as JSON writes it. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(UNSEEN, escaped);
}

/** A text over several lines, without quotes; everything but its line breaks as JSON writes it. */
export function lines(text: string): string {
  return text
    .split('\n')
    .map((line) =>
      quoted(line)
        .slice(1, -1)
        .replace(/\\(["\\])/g, '$1'),
    )
    .join('\n');
}

/** A JSON Pointer (RFC 6901) to an entry. */
export function below(path: string, key: string | number): string {
  return `${path}/${String(key).replace(/~/g, '~0').replace(/\//g, '~1')}`;
}

/** The document as text for other programs, indented. */
export function written(value: Json, large: LargeNumbers = {}, path = '', indent = ''): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return large[path] ?? String(value);
  if (value === null || typeof value === 'boolean') return String(value);
  const inner = `${indent}  `;
  const entries = Array.isArray(value)
    ? value.map((one, at) => written(one, large, below(path, at), inner))
    : Object.entries(value).map(
        ([key, one]) => `${quoted(key)}: ${written(one, large, below(path, key), inner)}`,
      );
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  if (entries.length === 0) return `${open}${close}`;
  return `${open}\n${entries.map((one) => inner + one).join(',\n')}\n${indent}${close}`;
}

/** A list or object of short values on one line; null where it is longer than a line, or has branches. */
export function onOneLine(
  value: Json[] | { [key: string]: Json },
  large: LargeNumbers,
  path: string,
): string | null {
  const entries = Object.entries(value);
  if (entries.length > LINE || entries.some(([, one]) => one !== null && typeof one === 'object'))
    return null;
  const said = entries.map(([key, one]) => {
    const text = written(one, large, below(path, key));
    return Array.isArray(value) ? text : `${quoted(key)}: ${text}`;
  });
  const line = said.join(', ');
  if (line.length > LINE) return null;
  return Array.isArray(value) ? `[${line}]` : `{${line}}`;
}
