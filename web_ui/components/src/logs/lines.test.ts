import { expect, test } from 'vitest';
import { harmless, levelOf, lineOf, MOST_CHARACTERS, segments } from './lines';

const text = (line: string) =>
  segments(line)
    .map((one) => one.text)
    .join('');

test('colours become classes, and nothing else of a sequence is left', () => {
  expect(segments('a \x1b[1;31mred\x1b[0m b')).toEqual([
    { text: 'a ', className: '' },
    { text: 'red', className: 'ansi-red ansi-bold' },
    { text: ' b', className: '' },
  ]);
});

test.each([
  ['\x1b[2J\x1b[Hgone', 'gone'],
  ['\x1b]0;a title\x07x', 'x'],
  ['\x1b]8;;http://evil.example/\x1b\\link\x1b]8;;\x1b\\', 'link'],
  ['\x1bPq#0;2;0;0;0\x1b\\sixel', 'sixel'],
  ['\x1bcreset', 'reset'],
  ['10%\r50%\r100%', '100%'],
  ['bell\x07 nul\x00', 'bell␇ nul␀'],
  ['a\u202eb', 'a⟨U+202E⟩b'],
  ['<script>alert(1)</script>', '<script>alert(1)</script>'],
  ['cut \x1b[3', 'cut '],
])('%j is shown as %j', (written, shown) => {
  expect(text(written)).toBe(shown);
});

test('a bomb of colours is one element', () => {
  const bomb = Array.from({ length: 50_000 }, (_, at) => `\x1b[${30 + (at % 8)}mx`).join('');
  expect(segments(bomb)).toHaveLength(1);
  expect(text(bomb)).toBe('x'.repeat(50_000));
});

test('a line is cut where nobody reads on', () => {
  const line = lineOf(7, 'x'.repeat(1_000_000), null);
  expect(line.text).toHaveLength(MOST_CHARACTERS);
  expect(line.cut).toBe(1_000_000 - MOST_CHARACTERS);
});

test.each([
  ['18:40:15.102 | INFO    | Flow run - x', 'info'],
  ['2026-01-01 WARNING root: x', 'warning'],
  ['\x1b[31mERROR\x1b[0m x', 'error'],
  ['Traceback (most recent call last):', 'error'],
  ["KeyError: 'region'", 'error'],
  ['pkg.errors.NotFoundException: x', 'error'],
  ['no errors found', null],
  ['information', null],
])('%j is %s', (line, level) => {
  expect(levelOf(line)).toBe(level);
});

test('harmless keeps tabs', () => {
  expect(harmless('a\tb')).toBe('a\tb');
});
