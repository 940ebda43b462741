import { describe, expect, it } from 'vitest';
import { PlatformProblem } from '../api/problem';
import { translate as t } from '../host/i18n';
import { byteCount, bytesText, gpuText, perHour } from './amounts';
import { CASES } from './code/cases';
import { changes, needsRestart } from './changes';
import { checks, threadsNote } from './checks';
import type { Size } from './model';
import { beginning, chosen, parametersForm, whole } from './parameters';
import { errorSchema, errorsBelow, fieldProblems } from './problems';
import { Keys } from './saving';
import { reading } from './schedule';
import { normal, said, simplified, specSchema, type Schema } from './schema';
import { bounds, sum } from './sums';
import { RECIPES } from '../testing/recipeSchema';
import { faults } from './validator';

const SERVER = specSchema(RECIPES, 'jupyter-server');
const AGENT = specSchema(RECIPES, 'prefect-agent');

function size(name: string, cores: number, price: number | null): Size {
  return {
    name,
    display: name,
    cores,
    memory_bytes: cores * 2 ** 31,
    disk_bytes: null,
    shm_bytes: null,
    gpu: null,
    price_per_hour: price,
    disabled_message: null,
    unavailable: null,
  };
}

describe('validator', () => {
  const of = (spec: object, schema = SERVER) =>
    Object.fromEntries(faults(schema, spec).map((one) => [one.path.join('.'), one.message]));

  it('takes what the platform takes', () => {
    expect(of({})).toEqual({});
    expect(of({ size: 'small', gpu: { count: 2 }, variables: { A: '1' }, shutoff: 'never' })).toEqual({});
    expect(of({ limit: 3, queues: [{ name: 'a' }] }, AGENT)).toEqual({});
  });

  it('tells each fault at its field, with the bound', () => {
    expect(of({ cores: 0, memory_bytes: 1, gpu: { count: 99 }, shutoff: '2h' })).toEqual({
      cores: 'More than 0.',
      memory_bytes: 'At least 256 MiB.',
      'gpu.count': 'At most 64.',
      shutoff: 'One of 1h, 6h, 24h, 3d, 7d, never.',
    });
    expect(of({ git: [{ url: 'x' }, {}] })).toEqual({ 'git.1.url': 'It is needed.' });
    expect(of({ sizes: 'small' })).toEqual({ sizes: 'There is no such field.' });
    expect(of({ secrets: [{ secret: 'No Such' }] })).toEqual({
      'secrets.0.secret': 'Lowercase letters, digits and dashes between them, at most 63.',
    });
    expect(of({ limit: 1.5 }, AGENT)).toEqual({ limit: 'A whole number.' });
  });

  it('is no stricter with times than the platform', () => {
    const times: Schema = {
      properties: {
        at: { type: 'string', format: 'date-time' },
        on: { type: 'string', format: 'date' },
        hour: { type: 'string', format: 'time' },
      },
    };
    expect(of({ at: '2026-03-01T09:00:00', hour: '09:30' }, times)).toEqual({});
    expect(of({ at: '2026-03-01T09:00:00+01:00', on: '2026-03-01' }, times)).toEqual({});
    expect(of({ at: 'noon', on: '2026-13-01' }, times)).toEqual({
      at: 'It is no date-time.',
      on: 'It is no date.',
    });
    expect(of({ at: '2026-03-01T09:00:00', on: 'x' }, times)).toEqual({ on: 'It is no date.' });
  });

  it('compiles nothing', () => {
    const evaluate = globalThis.Function;
    globalThis.Function = (() => {
      throw new Error('unsafe-eval');
    }) as never;
    try {
      expect(of({ cores: 'x' })).toEqual({ cores: 'A number.' });
    } finally {
      globalThis.Function = evaluate;
    }
  });
});

describe('schema', () => {
  it('makes what may be null a field that may be left out', () => {
    const found = simplified({
      anyOf: [{ type: 'integer', minimum: 1 }, { type: 'null' }],
      default: null,
      title: 'A',
    });
    expect(found).toEqual({ type: 'integer', minimum: 1, title: 'A', nullable: true });
    const two = { anyOf: [{ type: 'integer' }, { type: 'string' }, { type: 'null' }] } as Schema;
    expect(simplified(two)).toEqual(two);
    expect(simplified({ allOf: [{ type: 'string' }], default: 'a' })).toEqual({
      type: 'string',
      default: 'a',
    });
  });

  it('takes a spec that somebody wrote by hand', () => {
    const spec = { size: null, limit: 3, queues: ['fast', { name: 'slow', priority: 2 }] };
    expect(normal(spec)).toEqual({ limit: 3, queues: [{ name: 'fast' }, { name: 'slow', priority: 2 }] });
  });

  it.each(CASES.filter((one) => one.kind !== 'dask-cluster'))(
    'refuses nothing that the platform takes: $kind $name',
    ({ kind, spec }) => {
      const schema = specSchema(RECIPES, kind);
      expect(faults(schema, spec)).toEqual([]);
      expect(checks(kind, spec, t)).toEqual([]);
      expect(said(spec, schema)).toEqual(spec);
    },
  );

  it('sends only what was said', () => {
    const spec = {
      description: '',
      shutoff: '1h',
      packages: [],
      size: 'small',
      cores: undefined,
      git: [{ url: 'x', on_restart: 'preserve', discard_changes: false }],
      secrets: [{ secret: 'a', variable: 'A', mode: 384 }],
      gpu: { count: 1 },
      variables: { A: '' },
    };
    expect(said(spec, SERVER)).toEqual({
      size: 'small',
      git: [{ url: 'x' }],
      secrets: [{ secret: 'a', variable: 'A' }],
      gpu: {},
      variables: { A: '' },
    });
  });
});

describe('problems', () => {
  const refusal = new PlatformProblem('usage', 'no', 422, {
    fields: [
      { field: 'spec.git.1.url', problem: 'Value error, no address' },
      { field: 'name', problem: 'taken' },
      { field: 7 },
    ],
  });

  it('are put at their fields', () => {
    expect(fieldProblems(refusal)).toEqual([
      { path: ['git', '1', 'url'], problem: 'no address' },
      { path: ['name'], problem: 'taken' },
    ]);
    const tree = errorSchema(fieldProblems(refusal));
    expect(errorsBelow(tree.git)).toEqual([{ path: ['1', 'url'], problem: 'no address' }]);
  });

  it('are none of an error that names no field', () => {
    expect(fieldProblems(new PlatformProblem('conflict', 'no', 409))).toEqual([]);
    expect(fieldProblems(new Error('x'))).toEqual([]);
  });
});

describe('checks', () => {
  const paths = (found: { path: string[] }[]) => found.map((one) => one.path.join('.'));

  it('see what no schema says', () => {
    const spec = {
      size: 'small',
      cores: 1,
      variables: { A: '1', '1B': 'x' },
      secrets: [
        { secret: 'a', variable: 'A' },
        { secret: 'b' },
        { secret: 'c', path: '~/x' },
        { secret: 'd', path: '~/x' },
      ],
    };
    expect(paths(checks('jupyter-server', spec, t))).toEqual([
      'size', 'variables.A', 'secrets.1.variable', 'secrets.3.path', 'variables.1B',
    ]); // prettier-ignore
  });

  it('know of clusters', () => {
    const spec = { worker_size: 'medium', threads: 3, processes: 2, adapt: { minimum: 3, maximum: 2 } };
    expect(paths(checks('dask-cluster', spec, t))).toEqual(['adapt']);
    const sizes = [size('medium', 4, null)];
    expect(threadsNote(spec, sizes, t)).toBe('medium has 4 cores: 6 threads share them.');
    expect(threadsNote({ ...spec, threads: 2 }, sizes, t)).toBeUndefined();
  });
});

describe('changes', () => {
  it('are by field, and in both directions', () => {
    const found = changes({ size: 'a', git: [{ url: 'x' }], limit: 1 }, { size: 'b', git: [{ url: 'x' }] });
    expect(found).toEqual([
      { field: 'limit', before: 1, after: undefined },
      { field: 'size', before: 'a', after: 'b' },
    ]);
    expect(needsRestart('running', found)).toBe(true);
    expect(needsRestart('stopped', found)).toBe(false);
    expect(needsRestart('running', [])).toBe(false);
  });
});

describe('sums', () => {
  const sizes = [size('medium', 2, 0.06), size('free', 4, null)];

  it('count workers and scheduler', () => {
    const found = sum({ worker_size: 'medium', scheduler_size: 'medium' }, sizes, 4);
    expect(found).toEqual({ workers: 4, cores: 10, memory_bytes: 5 * 2 ** 32, gpus: 0, price_per_hour: 0.3 });
  });

  it('have no price where a size has none', () => {
    expect(sum({ worker_size: 'free' }, sizes, 1).price_per_hour).toBeNull();
    expect(sum({}, sizes, 1).price_per_hour).toBeNull();
    expect(sum({ worker_size: 'medium', scheduler_size: 'free' }, sizes, 1).price_per_hour).toBeNull();
  });

  it('go from the least to the most', () => {
    const { least, most } = bounds({ adapt: { minimum: 0, maximum: 3 }, gpu: { count: 2 } }, sizes);
    expect([least.workers, least.gpus, most.workers, most.gpus, most.cores]).toEqual([0, 0, 3, 6, 3]);
  });
});

describe('amounts', () => {
  it('are read as the command line reads them', () => {
    expect(byteCount('16GiB')).toBe(2 ** 34);
    expect(byteCount(' 1.5 gb ')).toBe(1.5e9);
    expect(byteCount('512')).toBe(512);
    expect([byteCount('x'), byteCount('1 XB'), byteCount('-1')]).toEqual([null, null, null]);
  });

  it('have prices with the digits that they have', () => {
    expect([0.03, 26.1, 0.0125, 1].map(perHour)).toEqual(['$0.03', '$26.10', '$0.0125', '$1.00']);
    expect(perHour(null)).toBe('–');
  });

  it('are written to the byte', () => {
    for (const count of [1, 1023, 2 ** 28, 1.5 * 2 ** 30, 2 ** 30 + 1, 5368709121])
      expect(byteCount(bytesText(count))).toBe(count);
    expect(gpuText({ count: 2, type: 'A100', min_memory_bytes: 40e9 })).toBe('A100:40GB..:2');
    expect(gpuText({ max_memory_bytes: 80e9 })).toBe('..78125000KiB:1');
    expect(gpuText({ type: '8xA100' })).toBeNull();
  });
});

describe('keys', () => {
  it('are one for one document', () => {
    const keys = new Keys();
    expect(keys.of({ a: 1 })).toBe(keys.of({ a: 1 }));
    expect(keys.of({ a: 2 })).not.toBe(keys.of({ a: 1 }));
    expect(keys.of({ a: 1 })).toMatch(/^form-[0-9a-f]{32}$/);
  });
});

describe('schedules', () => {
  const from = new Date('2026-03-28T12:00:00Z');

  it('are read in words, with the next times', () => {
    const found = reading('0 2 * * 1-5', 'UTC', from, 2);
    expect(found.words).toBe('At 02:00, Monday through Friday');
    expect(found.next.map((one) => one.toISOString())).toEqual([
      '2026-03-30T02:00:00.000Z',
      '2026-03-31T02:00:00.000Z',
    ]);
  });

  it('follow the clock of their zone over a change of time', () => {
    const found = reading('30 9 * * *', 'Europe/Prague', from, 2);
    expect(found.next.map((one) => one.toISOString())).toEqual([
      '2026-03-29T07:30:00.000Z',
      '2026-03-30T07:30:00.000Z',
    ]);
  });

  it('say what is wrong', () => {
    expect(reading('61 * * * *', 'UTC', from).wrong).toBe(true);
    expect(reading('0 0 2 * * *', 'UTC', from).wrong).toBe(true);
    expect(reading('0 2 * * *', 'Nowhere/Land', from).wrong).toBe(true);
  });
});

describe('parameters', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      b: { title: 'b', position: 1, type: 'integer', default: 3 } as Schema,
      a: { title: 'a', position: 0, anyOf: [{ type: 'string' }, { type: 'null' }], default: 'x' } as Schema,
      many: { anyOf: [{ type: 'string' }, { type: 'integer' }] },
      any: { title: 'any' },
      model: { $ref: '#/definitions/Model' },
      loop: { $ref: '#/definitions/Loop' },
      list: { type: 'array', items: { type: 'number' } },
      map: { type: 'object', additionalProperties: { type: 'integer' } },
      free: { type: 'object', additionalProperties: true },
      pair: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'string' }] } as Schema,
    },
    definitions: {
      Model: { type: 'object', properties: { color: { $ref: '#/definitions/Color' } } },
      Color: { enum: ['red', 'blue'], type: 'string' },
      Loop: { type: 'object', properties: { next: { $ref: '#/definitions/Loop' } } },
    },
  };

  it('are shown where a form can, and else as JSON', () => {
    const { ui } = parametersForm(schema);
    expect(ui['ui:order']?.slice(0, 2)).toEqual(['a', 'b']);
    const json = Object.keys(ui).filter((name) => ui[name]?.['ui:field'] === 'pp-json');
    expect(json.sort()).toEqual(['any', 'free', 'many', 'pair']);
    expect(ui.map?.['ui:field']).toBe('pp-map');
    expect(ui.loop?.next?.['ui:field']).toBe('pp-json');
    expect(ui.a?.['ui:emptyValue']).toBeNull();
    expect(ui.b?.['ui:title']).toBe('B');
    expect(ui.model?.color?.['ui:field']).toBeUndefined();
  });

  it('are sent where they are not as they would be anyway', () => {
    const begun = beginning(
      { properties: { a: { default: 'x' }, b: { default: null }, c: { default: [1] }, d: { default: 2 } } },
      { d: 3 },
    );
    expect(begun).toEqual({ a: 'x', c: [1], d: 3 });
    const values = { a: null, b: undefined, c: [1], d: 4, conf: { inner: {} }, n: { x: 0 } };
    expect(chosen(values, begun)).toEqual({ a: null, d: 4, n: { x: 0 } });
    expect(whole(values, begun)).toEqual({ a: null, c: [1], d: 4, n: { x: 0 } });
    expect(chosen({ c: [], d: undefined }, begun)).toEqual({ c: [] });
  });
});
