import { describe, expect, it } from 'vitest';
import { translate as t } from '../../host/i18n';
import { RECIPES } from '../../testing/recipeSchema';
import { CASES } from '../code/cases';
import { recipe as written } from '../code/yaml';
import { MOST_BYTES, readRecipes } from './read';

const read = (text: string) => readRecipes(text, RECIPES, t);
const told = (text: string) =>
  read(text).faults.map((one) => `${one.line}:${one.column} ${one.field}: ${one.message}`);

const RECIPE = `# what Ana works with
kind: jupyter-server
name: mine
spec:
  size: small
  variables: {A: "1"}
  git:
    - url: https://host.example/x
`;

describe('a recipe', () => {
  it('says kind, name and spec', () => {
    const spec = { size: 'small', variables: { A: '1' }, git: [{ url: 'https://host.example/x' }] };
    expect(read(RECIPE)).toEqual({
      recipes: [{ kind: 'jupyter-server', name: 'mine', spec }],
      faults: [],
      wrong: 0,
    });
  });

  it('may be JSON, with tabs too', () => {
    const text = JSON.stringify({ kind: 'prefect-agent', name: 'night', spec: { limit: 3 } }, null, '\t');
    expect(read(text).recipes).toEqual([{ kind: 'prefect-agent', name: 'night', spec: { limit: 3 } }]);
  });

  it.each(CASES.filter((one) => one.kind !== 'dask-cluster'))(
    'that a form wrote says the same again: $kind $name',
    (wanted) => {
      const { kind, name, spec } = wanted;
      expect(read(written(wanted))).toEqual({ recipes: [{ kind, name, spec }], faults: [], wrong: 0 });
    },
  );

  it('is one of several, beside what was seen of it, with nothing said, after a byte order mark', () => {
    const text = '\ufeff---\nkind: prefect-agent\nname: a\nstate: {status: running}\n---\n---\nkind: jupyter-server\nname: b\nspec:\n'; // prettier-ignore
    expect(read(text.replace('spec:\n', '')).recipes).toEqual([
      { kind: 'prefect-agent', name: 'a', spec: {} },
      { kind: 'jupyter-server', name: 'b', spec: {} },
    ]);
  });

  it('has words as YAML 1.1 has them, as `resource apply` reads it', () => {
    const text = 'kind: prefect-agent\nname: a\nspec:\n  limit: 0x10\n  always_on: yes\n';
    expect(told(text)).toEqual(['5:3 spec.always_on: There is no such field.']);
    expect(read(text.replace('  always_on: yes\n', '')).recipes[0]?.spec).toEqual({ limit: 16 });
  });
});

describe('what is wrong is told at its line', () => {
  it.each([
    ['an unknown field', RECIPE.replace('size:', 'sizs:'), ['5:3 spec.sizs: There is no such field.']],
    ['deep inside', RECIPE.replace('url:', 'adress:'), ['8:7 spec.git.0.url: It is needed.', '8:7 spec.git.0.adress: There is no such field.']], // prettier-ignore
    ['a wrong kind', RECIPE.replace('jupyter-server', 'jupyter'), ['2:1 kind: One of prefect-agent, jupyter-server.']], // prettier-ignore
    ['a kind without recipes', 'kind: dask-cluster\nname: a\n', ['1:1 kind: There are no recipes of Dask clusters: they live as long as their work.']], // prettier-ignore
    ['a name', RECIPE.replace('mine', 'Not Mine'), ['3:1 name: Lowercase letters, digits and dashes between them, at most 63.']], // prettier-ignore
    ['nothing but a spec', 'spec: {}\n', ['1:1 kind: It is needed.', '1:1 name: It is needed.']],
    ['a date', RECIPE.replace('"1"', '2026-01-01'), ['6:18 : A date is not taken: put it into quotes.']],
    [
      'a number for a text',
      RECIPE.replace('"1"', '1'),
      ['6:15 spec.variables.A: A text: put it into quotes.'],
    ],
    ['a size and an amount', RECIPE.replace('size: small', 'size: small\n  cores: 2'), ['5:3 spec.size: A size, or cores and memory: not both.']], // prettier-ignore
    ['odd names', RECIPE.replace('{A: "1"}', '{"%zz": 1, "a/b~1": 2}'), ['6:15 spec.variables.%zz: Letters, digits and underscores, no digit first.', '6:25 spec.variables.a/b~1: Letters, digits and underscores, no digit first.']], // prettier-ignore
    ['a list for a text', RECIPE.replace('"1"', '[]'), ['6:15 spec.variables.A: A text.']],
    ['a key twice', RECIPE.replace('spec:', 'name: b\nspec:'), ['4:1 : name is there twice.']],
    ['an alias', 'kind: &a x\nname: *a\n', ['2:7 : Aliases are not taken: write it out.']],
    ['a tag', 'kind: !!python/object:os.system x\n', ['1:33 : !!python/object:os.system is not taken: plain data alone.']], // prettier-ignore
    ['no number', 'kind: .inf\n', ['1:7 : Such a number is not taken.']],
    ['a list', '- kind: jupyter-server\n', ['1:1 : A recipe has names with values: kind, name and spec.']],
    ['a text', 'hello\n', ['1:1 : A recipe has names with values: kind, name and spec.']],
    ['a tab', 'spec:\n\tname: b\n', ['2:1 : This is no YAML: Tabs are not allowed as indentation.']],
    ['half of a list', 'a: [1,\n', ['2:1 : This is no YAML: Flow sequence in block collection must be sufficiently indented and end with a ].']], // prettier-ignore
    ['a prototype', '__proto__: {a: 1}\nkind: prefect-agent\nname: a\n', ['1:1 __proto__: There is no such field.']], // prettier-ignore
  ])('%s', (_, text, faults) => {
    expect(told(text)).toEqual(faults);
    expect(read(text).recipes).toEqual([]);
  });

  it('in each of several, while the others are there', () => {
    const { recipes, faults } = read(`kind: jupyter\nname: a\n---\n${RECIPE}`);
    expect(recipes.map((one) => one.name)).toEqual(['mine']);
    expect(faults.map((one) => one.line)).toEqual([1]);
  });
});

describe('what means harm is refused in words', () => {
  const bomb = ['a: &a [x, x]', ...Array.from({ length: 60 }, (_, n) => `b${n}: &b${n} [*a, *a]`)].join('\n');

  it.each([
    ['a megabyte', 'x'.repeat(1 << 20), 'More than 256 KiB: that is no recipe.'],
    ['letters of several bytes', '€'.repeat(MOST_BYTES / 2), 'More than 256 KiB: that is no recipe.'],
    ['aliases of aliases', bomb, 'Aliases are not taken: write it out.'],
    ['brackets', '['.repeat(MOST_BYTES), 'It is nested too deep.'],
    ['brackets that are closed', '['.repeat(90_000) + ']'.repeat(90_000), 'It is nested too deep.'],
    ['names in names', '{a: '.repeat(MOST_BYTES / 4), 'It is nested too deep.'],
    ['lists in lists', '- '.repeat(MOST_BYTES / 2), 'It is nested too deep.'],
    ['many recipes', '---\na: 1\n'.repeat(20_000), 'More than 200 recipes: `prefect-platform resource apply` takes them file by file.'], // prettier-ignore
  ])('%s', (_, text, message) => {
    const { recipes, faults } = read(text);
    expect(recipes).toEqual([]);
    expect(faults[0]?.message).toBe(message);
  });

  it('and counted where there is much of it', () => {
    const names = Array.from({ length: 20_000 }, (_, n) => `k${n}: 1\n`).join('');
    const { faults, wrong } = read(`kind: prefect-agent\nname: a\n${names}`);
    expect([faults.length, wrong]).toEqual([50, 20_000]);
    expect(faults[0]?.line).toBe(3);
  });
});
