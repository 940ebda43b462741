import type { RJSFSchema } from '@rjsf/utils';
import type { Kind, Spec } from './model';

export type Schema = RJSFSchema;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The schema of a kind's spec, with the definitions that its references lead to. */
export function specSchema(document: Schema, kind: Kind): Schema {
  const found = document.$defs?.[kind];
  if (!isObject(found)) throw new Error(`the platform's schema has no ${kind}`);
  return simplified({ ...found, $defs: document.$defs } as Schema);
}

/** Of Dask clusters there are no recipes: their schema stands in the description of the whole interface. */
export function daskSchema(openapi: { components?: { schemas?: Record<string, unknown> } }): Schema {
  const all = openapi.components?.schemas ?? {};
  const wanted = { DaskSpec: all.DaskSpec, AdaptRange: all.AdaptRange, GpuRequest: all.GpuRequest };
  const text = JSON.stringify(wanted).replaceAll('#/components/schemas/', '#/$defs/');
  const $defs = JSON.parse(text) as Record<string, Schema>;
  if (!isObject($defs.DaskSpec)) throw new Error("the platform's description has no DaskSpec");
  return simplified({ ...$defs.DaskSpec, $defs } as Schema);
}

/**
 * `X or null` becomes X, which may be left out: a form says "not given" by an empty field. Everything else
 * stays as the server has it.
 */
export function simplified(schema: Schema): Schema {
  return walk(schema) as Schema;
}

function walk(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(walk);
  if (!isObject(node)) return node;
  const one = optional(single(node));
  return Object.fromEntries(
    Object.entries(one).map(([key, value]) => [
      key,
      key === 'default' || key === 'enum' ? value : walk(value),
    ]),
  );
}

/** `allOf` of one is that one. */
function single(node: Record<string, unknown>): Record<string, unknown> {
  if (!Array.isArray(node.allOf) || node.allOf.length !== 1 || !isObject(node.allOf[0])) return node;
  const { allOf, ...kept } = node;
  return { ...(allOf as Record<string, unknown>[])[0], ...kept };
}

function optional(node: Record<string, unknown>): Record<string, unknown> {
  const options = node.anyOf;
  if (!Array.isArray(options)) return node;
  const rest = options.filter((one) => !(isObject(one) && one.type === 'null'));
  if (rest.length === options.length || rest.length !== 1 || !isObject(rest[0])) return node;
  const { anyOf: _, default: initial, ...kept } = node;
  return { ...rest[0], ...kept, ...(initial == null ? {} : { default: initial }), nullable: true };
}

/** Follows a reference inside of one document. */
export function resolved(schema: unknown, root: Schema): Schema {
  let found = schema;
  for (let depth = 0; isObject(found) && typeof found.$ref === 'string' && depth < 20; depth += 1) {
    const { $ref, ...beside } = found;
    const target = at(root, ($ref as string).replace(/^#/, ''));
    found = isObject(target) ? { ...target, ...beside } : beside;
  }
  return (isObject(found) ? found : {}) as Schema;
}

/** What stands at a JSON pointer; references on the way are followed. */
export function at(root: Schema, pointer: string): unknown {
  let found: unknown = root;
  for (const step of pointer.split('/').slice(1)) {
    const name = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~');
    if (name === '$ref') {
      found = resolved(found, root);
      continue;
    }
    if (!isObject(found) && !Array.isArray(found)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, index) => same(value, other[index]));
  if (!isObject(one) || !isObject(other)) return false;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => same(one[name], other[name]));
}

/** Only what was said: without what is empty, and without what is at its default. */
export function said(spec: Spec, schema: Schema, root: Schema = schema): Spec {
  const found: Spec = {};
  for (const [name, value] of Object.entries(spec)) {
    const field = resolved(schema.properties?.[name], root);
    const kept = inner(value, field, root);
    if (kept === undefined || kept === null || same(kept, field.default)) continue;
    found[name] = kept;
  }
  return found;
}

function inner(value: unknown, field: Schema, root: Schema): unknown {
  if (Array.isArray(value)) {
    const items = resolved(field.items, root);
    return value.map((one) => (isObject(one) && items.properties ? said(one, items, root) : one));
  }
  if (!isObject(value) || field.properties === undefined) return value;
  return said(value, field, root);
}

/** A spec that somebody wrote by hand: without `null`, and a queue's name alone as a queue. */
export function normal(spec: Spec): Spec {
  const given = Object.entries(spec).filter(([, one]) => one !== undefined && one !== null);
  return Object.fromEntries(given.map(([field, one]) => [field, field === 'queues' ? queues(one) : one]));
}

function queues(value: unknown): unknown {
  return Array.isArray(value) ? value.map((one) => (typeof one === 'string' ? { name: one } : one)) : value;
}
