import type { UiSchema } from '@rjsf/utils';
import { resolved, simplified, type Schema } from './schema';
import { sentence } from './words';

type Ui = UiSchema<unknown, Schema, object>;

/** Names of keywords that a form cannot show: several kinds of value, or values by their place. */
const MANY = ['anyOf', 'oneOf', 'allOf', 'not', 'if', 'prefixItems'] as const;
const TYPES = new Set(['string', 'number', 'integer', 'boolean', 'object', 'array']);
const DEEPEST = 6;

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
  if (!isShown(found, root) || depth > DEEPEST) return { 'ui:field': 'pp-json' };
  if (found.type === 'array') {
    const items = uiOf((found.items ?? {}) as Schema, root, depth + 1, above);
    return items['ui:field'] === undefined ? { items } : { 'ui:field': 'pp-json' };
  }
  if (found.type !== 'object') return leaf(found);
  const names = ordered(found);
  const own: Ui =
    depth === 0 ? { 'ui:order': names } : names.length > 0 ? { 'ui:order': [...names, '*'] } : {};
  const target = at(node, root);
  if (above.includes(target)) return { 'ui:field': 'pp-json' }; // it holds itself
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
  return ['string', 'number', 'integer', 'boolean'].includes(
    String(resolved(found.additionalProperties, root).type),
  );
}

/** An empty input of a parameter that may be None means that, where its default is something else. */
function leaf(found: Schema): Ui {
  const nullable = (found as { nullable?: boolean }).nullable === true && found.default !== undefined;
  const long = found.type === 'string' && (found.maxLength ?? 0) > 500;
  return {
    ...(nullable ? { 'ui:emptyValue': null as never } : {}),
    ...(long ? { 'ui:widget': 'textarea' } : {}),
  };
}

/** What is sent: without parameters at their defaults, which the flow knows itself. */
export function chosen(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
}
