import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, describe, expect, it } from 'vitest';
import { JsonTree } from './JsonTree';
import { below, lines, quoted, written, type Json } from './written';

afterEach(cleanup);

describe('JSON as text', () => {
  it.each([
    ['plain "quotes" \\ and\nlines', '"plain \\"quotes\\" \\\\ and\\nlines"'],
    ['txt\u202eexe \u200b\ufeff', '"txt\\u202eexe \\u200b\\ufeff"'],
    ['\x1b[2J\x07', '"\\u001b[2J\\u0007"'],
    ['a\u{e0041}b', '"a\\udb40\\udc41b"'],
    ['👩‍💻 שלום', '"👩‍💻 שלום"'],
  ])('%j is written so that nothing of it is unseen', (text, expected) => {
    expect(quoted(text)).toBe(expected);
    expect(JSON.parse(quoted(text))).toBe(text);
  });

  it('is read back as it was, with numbers that JavaScript rounds', () => {
    const document: Json = {
      a: [1, { 'b/~': 'x\u202e' }, []],
      n: 12345678901234567000,
      none: null,
      yes: true,
    };
    expect(JSON.parse(written(document))).toEqual(document);
    const exact = written(
      { id: 1, list: [2, 3] },
      { '/id': '9007199254740993', '/list/1': '-1000000000000000001' },
    );
    expect(exact).toBe('{\n  "id": 9007199254740993,\n  "list": [\n    2,\n    -1000000000000000001\n  ]\n}');
    expect(below(below('', 'b/~'), 0)).toBe('/b~1~0/0');
  });

  it('keeps the lines of a long text, and only those', () => {
    expect(lines('say "hi"\n\tC:\\x \u202e')).toBe('say "hi"\n\\tC:\\x \\u202e');
  });
});

describe('a tree of JSON', () => {
  const shown = (value: Record<string, Json>, rest: Partial<Parameters<typeof JsonTree>[0]> = {}) =>
    render(<JsonTree value={value} {...rest} />).container;

  it('shows markup as text and directions as what they are', () => {
    const container = shown({ '<b>\u202e': '<img src=x onerror=alert(1)>\u202etxt' });
    expect(container.querySelector('img, b')).toBeNull();
    expect(screen.getByText('<b>\\u202e')).toBeTruthy();
    expect(screen.getByText('"<img src=x onerror=alert(1)>\\u202etxt"')).toBeTruthy();
  });

  it('cuts a long text until one asks for it, and says what the server left out', () => {
    const container = shown(
      { sql: `select 1\n${'x'.repeat(400)}` },
      { cuts: [{ path: '/sql', kind: 'text', left_out: 1_000_000 }] },
    );
    expect(container.textContent.length).toBeLessThan(300);
    expect(screen.getByText('1,000,000 more characters are not shown here.')).toBeTruthy();
    fireEvent.click(screen.getByRole('button', { name: 'All 409 characters' }));
    expect(container.querySelector('pre')?.textContent).toBe(`select 1\n${'x'.repeat(400)}`);
    fireEvent.click(screen.getByRole('button', { name: 'Less' }));
    expect(container.querySelector('pre')).toBeNull();
  });

  it('draws what is closed only once it is opened, and a hundred entries at a time', () => {
    const container = shown({ list: Array.from({ length: 250 }, (_, at) => at), few: { a: [[1]] } });
    expect(screen.getByText('a')).toBeTruthy();
    expect(container.querySelectorAll('dt')).toHaveLength(3);
    const details = screen.getByText('list of 250').closest('details');
    if (details === null) throw new Error('no details');
    details.open = true;
    fireEvent(details, new Event('toggle'));
    expect(container.querySelectorAll('dt')).toHaveLength(103);
    fireEvent.click(screen.getByRole('button', { name: 'Show 150 more' }));
    expect(container.querySelectorAll('dt')).toHaveLength(203);
  });

  it('keeps short lists and objects on one line, with exact numbers', () => {
    const container = shown(
      {
        regions: ['EWR', '\u202eJFK'],
        ids: [9007199254740992],
        of: { n: null, yes: true },
        long: ['x'.repeat(80)],
      },
      { large: { '/ids/0': '9007199254740993' }, cuts: [{ path: '/of', kind: 'items', left_out: 3 }] },
    );
    expect(
      [...container.querySelectorAll('dl > div > dd > code')].map((one) => one.textContent).slice(0, 2),
    ).toEqual(['["EWR", "\\u202eJFK"]', '[9007199254740993]']);
    expect(screen.getByText('2 entries')).toBeTruthy(); // something of it was left out, which is said inside
    expect(screen.getByText('list of 1')).toBeTruthy();
  });

  it('shows large numbers, nothing, and what lies too deep', () => {
    const container = shown(
      { id: 9007199254740992, none: [], empty: '', deep: null },
      {
        large: { '/id': '9007199254740993' },
        cuts: [
          { path: '/deep', kind: 'depth', left_out: 2 },
          { path: '', kind: 'items', left_out: 7 },
        ],
      },
    );
    expect([...container.querySelectorAll('code')].map((one) => one.textContent)).toEqual([
      '9007199254740993',
      '[]',
      '""',
      'null',
    ]);
    expect(screen.getByText('2 entries lie too deep to be shown here.')).toBeTruthy();
    expect(screen.getByText('7 more entries are not shown here.')).toBeTruthy();
  });
});
