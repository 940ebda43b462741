import type { UiSchema } from '@rjsf/utils';
import { resolved, same, simplified, type Schema } from './schema';
import { sentence } from './words';

type Ui = UiSchema<unknown, Schema, object>;
export type Values = Record<string, unknown>;

/** Names of keywords that a form cannot show: several kinds of value, or values by their place. */
const MANY = ['anyOf', 'oneOf', 'allOf', 'not', 'if', 'prefixItems'] as const;
const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array']);
const DEEPEST = 6;
/** In the place of what rjsf would show of several kinds. */
const JSON_FIELD: Ui = { 'ui:field': 'pp-json', 'ui:fieldReplacesAnyOrOneOf': true };

/** A flow's schema as a form shows it, and how. What it cannot show is edited as JSON. */
export function parametersForm(given: Schema): { schema: Schema; ui: Ui } {
  const schema = simplified({ type: 'object', ...given });
  return { schema, ui: uiOf(schema, schema, 0, []) };
}

/** Prefect's schema orders its parameters by a keyword of its own. */
function ordered(schema: Schema): string[] {
  const position = (name: string) => {
    const found = schema.properties?.[name] as { position?: number } | undefined;
    return found?.position ?? Number.MAX_SAFE_INTEGER;
  };
  return Object.keys(schema.properties ?? {}).sort((one, other) => position(one) - position(other));
}

function uiOf(node: Schema, root: Schema, depth: number, above: readonly Schema[]): Ui {
  const found = resolved(node, root);
  if (!isShown(found, root) || depth > DEEPEST) return JSON_FIELD;
  if (found.type === 'array') {
    const items = uiOf((found.items ?? {}) as Schema, root, depth + 1, above);
    if (items['ui:field'] !== undefined) return JSON_FIELD;
    // What stands in a list has its number there, and needs no name beside it.
    return { items: { ...items, 'ui:options': { ...items['ui:options'], label: false } } };
  }
  if (found.type !== 'object') return leaf(found);
  if (found.properties === undefined) return { 'ui:field': 'pp-map' };
  const names = ordered(found);
  const own: Ui =
    depth === 0 ? { 'ui:order': names } : names.length > 0 ? { 'ui:order': [...names, '*'] } : {};
  const target = at(node, root);
  if (above.includes(target)) return JSON_FIELD; // it holds itself
  for (const name of names) {
    const inner = found.properties?.[name] as Schema;
    own[name] = { 'ui:title': titleOf(inner, name), ...uiOf(inner, root, depth + 1, [...above, target]) };
  }
  return own;
}

function at(node: Schema, root: Schema): Schema {
  return typeof node.$ref === 'string' ? (resolved({ $ref: node.$ref }, root).properties ?? node) : node;
}

/** Prefect gives each parameter its own name as a title. */
function titleOf(schema: Schema, name: string): string {
  return schema.title === undefined || schema.title === name ? sentence(name) : schema.title;
}

function isShown(found: Schema, root: Schema): boolean {
  if (MANY.some((keyword) => keyword in found)) return false;
  if (Array.isArray(found.enum)) return found.enum.every((one) => typeof one !== 'object' || one === null);
  if (found.type === 'object') return found.properties !== undefined || isPlainMap(found, root);
  if (found.type === 'array') return typeof found.items === 'object' && !Array.isArray(found.items);
  return TYPES.has(String(found.type));
}

/** `dict[str, int]` is names beside values; `dict` alone may hold anything. */
function isPlainMap(found: Schema, root: Schema): boolean {
  if (typeof found.additionalProperties !== 'object') return false;
  return ['string', 'number', 'integer'].includes(String(resolved(found.additionalProperties, root).type));
}

/** An empty input of a parameter that may be None means that, where its default is something else. */
function leaf(found: Schema): Ui {
  const nullable = (found as { nullable?: boolean }).nullable === true && found.default !== undefined;
  const long = found.type === 'string' && (found.maxLength ?? 0) > 500;
  return {
    ...(nullable ? { 'ui:emptyValue': null as never } : {}),
    ...(found.format === 'duration' ? { 'ui:placeholder': 'PT1H30M' } : {}),
    ...(long ? { 'ui:widget': 'textarea' } : {}),
  };
}

/** What a form begins with: the deployment's own values, and the flow's defaults for the rest. */
export function beginning(given: Schema, defaults: Values): Values {
  const found: Values = {};
  for (const [name, field] of Object.entries(given.properties ?? {})) {
    const initial = (field as Schema).default;
    if (initial !== undefined && initial !== null) found[name] = initial;
  }
  return { ...found, ...defaults };
}

/** What is sent: without what is as it would be anyway, and without objects that nobody filled in. */
export function chosen(values: Values, begun: Values): Values {
  return Object.fromEntries(
    Object.entries(values)
      .map(([name, one]): [string, unknown] => [name, filled(one, begun[name])])
      .filter(([name, one]) => one !== undefined && !same(one, begun[name])),
  );
}

/** As a run gets it: what is sent, over what there is without. */
export function whole(values: Values, begun: Values): Values {
  const found = Object.fromEntries(
    Object.entries(values).map(([name, one]) => [name, filled(one, begun[name])]),
  );
  return Object.fromEntries(Object.entries({ ...begun, ...found }).filter(([, one]) => one !== undefined));
}

/** A form makes an object for each of its groups of fields; one that is empty was not given. */
function filled(value: unknown, begun: unknown): unknown {
  if (value === undefined) return begun;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const inner = Object.entries(value)
    .map(([name, one]): [string, unknown] => [name, filled(one, undefined)])
    .filter(([, one]) => one !== undefined);
  return inner.length === 0 ? begun : Object.fromEntries(inner);
}

/** `null` is a value where the flow's own schema takes it; the form's has only what is not null. */
export function withoutNull(values: Values, given: Schema): Values {
  return Object.fromEntries(
    Object.entries(values).filter(([name, one]) => {
      const field = given.properties?.[name] as { anyOf?: { type?: string }[] } | undefined;
      return one !== undefined && !(one === null && field?.anyOf?.some((option) => option.type === 'null'));
    }),
  );
}
