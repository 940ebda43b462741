import Anser from 'anser';

export type Level = 'debug' | 'info' | 'warning' | 'error' | null;

/** One line as it is kept: its text is cut, because a line may be as long as its writer liked. */
export interface Line {
  number: number;
  text: string;
  /** Bytes that are not shown; 0 for a whole line. */
  cut: number;
  /** Milliseconds since 1970 at which it arrived, if that is known. */
  at: number | null;
  level: Level;
}

export interface Segment {
  text: string;
  className: string;
}

/** Characters of a line that are kept and laid out; more of it is one click away. */
export const MOST_CHARACTERS = 4000;

const SEQUENCES = // every escape sequence but the one that sets colours: cursor moves, titles, links
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  /\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-Z\\^-~]|\x1b(?:\[[\d;:]*)?$/g;
// eslint-disable-next-line no-control-regex -- shown as symbols
const CONTROLS = /[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f]/g;
const COLOURS = // eslint-disable-next-line no-control-regex -- they are what is looked for
  /\x1b\[[\d;:]*m/g;
const DIRECTIONS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const MOST_ESCAPES = 2000;

/** The text without what would move the reader's eyes or page: only colours are left of escape sequences. */
export function harmless(text: string): string {
  return text
    .replace(SEQUENCES, '')
    .replace(CONTROLS, (one) => String.fromCharCode(one === '\x7f' ? 0x2421 : 0x2400 + one.charCodeAt(0)))
    .replace(DIRECTIONS, (one) => `⟨U+${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

/** The text without any escape sequence. */
export const plain = (text: string): string => harmless(text).replace(COLOURS, '');

/** A line as coloured pieces. A carriage return starts it over, as a terminal does for a progress bar. */
export function segments(text: string): Segment[] {
  const last = text.slice(text.replace(/\r+$/, '').lastIndexOf('\r') + 1).replace(/\r+$/, '');
  const safe = harmless(last);
  // eslint-disable-next-line no-control-regex -- counted
  const escapes = (safe.match(/\x1b\[/g) ?? []).length;
  if (escapes === 0) return [{ text: safe, className: '' }];
  // A line of nothing but colours would be a million elements.
  if (escapes > MOST_ESCAPES) return [{ text: safe.replace(COLOURS, ''), className: '' }];
  return Anser.ansiToJson(safe, { use_classes: true, remove_empty: true }).map((one) => ({
    // eslint-disable-next-line no-control-regex -- what is left of a sequence that was cut in the middle
    text: one.content.replace(/\x1b(\[[\d;:]*)?/g, ''),
    className: [one.fg, one.bg && `bg-${one.bg}`, ...one.decorations.map((name) => `ansi-${name}`)]
      .filter((name): name is string => typeof name === 'string' && /^(bg-)?ansi-[a-z-]+$/.test(name))
      .join(' '),
  }));
}

const LEVELS: [Level, RegExp][] = [
  ['error', /\b(CRITICAL|FATAL|ERROR)\b/],
  ['warning', /\bWARN(ING)?\b/],
  ['info', /\bINFO\b/],
  ['debug', /\b(DEBUG|TRACE)\b/],
];
const RAISED =
  /^(Traceback \(most recent call last\):|([A-Za-z_][\w.]*\.)?[A-Z]\w*(Error|Exception|Interrupt|Killed)\b)/;
const HEAD = 120;

/** How grave a line is, by the words that loggers and tracebacks begin with. */
export function levelOf(text: string): Level {
  const head = plain(text.slice(0, HEAD));
  if (RAISED.test(head)) return 'error';
  return LEVELS.find(([, pattern]) => pattern.test(head))?.[0] ?? null;
}

export function lineOf(number: number, text: string, at: number | null): Line {
  const cut = text.length > MOST_CHARACTERS ? text.length - MOST_CHARACTERS : 0;
  const kept = cut ? text.slice(0, MOST_CHARACTERS) : text;
  return { number, text: kept, cut, at, level: levelOf(kept) };
}
