import { describe, expect, it } from 'vitest';
import { CASES } from './cases';
import { command } from './command';
import { literal, python } from './python';
import { lines, quoted } from './shell';
import { recipe } from './yaml';

describe('the same as code', () => {
  it('is what the platform was tried with', async () => {
    const written = CASES.map((wanted) => ({
      wanted,
      python: python(wanted),
      command: command(wanted),
      yaml: wanted.kind === 'dask-cluster' ? null : recipe(wanted),
    }));
    await expect(`${JSON.stringify(written, null, 1)}\n`).toMatchFileSnapshot('./cases.json');
  });

  it('says in options what options can say, and the rest as a recipe', () => {
    const by = (name: string, kind: string) =>
      command(CASES.find((one) => one.name === name && one.kind === kind) ?? expect.fail(name));
    expect(by('git-alike', 'jupyter-server')).toContain('jupyter create git-alike');
    expect(by('git-unlike', 'jupyter-server')).toContain('resource apply --yes --no-start');
    expect(by('no-option', 'prefect-agent')).toContain('resource apply');
    expect(by('there', 'jupyter-server')).not.toContain('--no-start');
  });
});

describe('shell', () => {
  it('quotes what a shell would read', () => {
    expect(quoted('plain-1.2/x')).toBe('plain-1.2/x');
    expect(quoted("it's")).toBe(`'it'\\''s'`);
    expect(quoted('')).toBe("''");
    expect(quoted('a b; $(x)')).toBe("'a b; $(x)'");
  });

  it('keeps short commands on one line', () => {
    expect(lines('a', ['b', 'c'])).toBe('a b c');
    expect(lines('a'.repeat(70), ['b', 'ccccccc'])).toBe(`${'a'.repeat(70)} \\\n    b \\\n    ccccccc`);
  });
});

describe('Python literals', () => {
  it('are the same values', () => {
    expect(literal({ a: true, b: null, c: [1, 'x'] })).toBe('{"a": True, "b": None, "c": [1, "x"]}');
  });

  it('are broken where they are long', () => {
    expect(literal({ a: 'x'.repeat(70) }, 4)).toBe(`{\n        "a": "${'x'.repeat(70)}",\n    }`);
  });
});
