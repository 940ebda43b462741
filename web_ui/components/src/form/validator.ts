import { Validator, type OutputUnit, type Schema as Checked } from '@cfworker/json-schema';
import {
  toErrorList,
  toErrorSchema,
  type ErrorSchema,
  type RJSFValidationError,
  type ValidationData,
  type ValidatorType,
} from '@rjsf/utils';
import { fill, translate, type Text, type Translate } from '../host/i18n';
import { bytesText } from './amounts';
import { at, type Schema } from './schema';

/** Keywords whose own error only says that something below them is wrong. */
const OUTER = new Set(['properties', 'items', 'additionalProperties', 'allOf', 'if', 'then', 'else', '$ref', 'patternProperties', 'prefixItems', 'propertyNames', 'anyOf', 'oneOf']); // prettier-ignore

const WORDS: Record<string, Text> = {
  minimum: 'form.error.minimum',
  maximum: 'form.error.maximum',
  exclusiveMinimum: 'form.error.exclusiveMinimum',
  exclusiveMaximum: 'form.error.exclusiveMaximum',
  minLength: 'form.error.minLength',
  maxLength: 'form.error.maxLength',
  minItems: 'form.error.minItems',
  maxItems: 'form.error.maxItems',
  maxProperties: 'form.error.maxItems',
  pattern: 'form.error.pattern',
  enum: 'form.error.enum',
  const: 'form.error.enum',
  format: 'form.error.format',
  type: 'form.error.type',
  uniqueItems: 'form.error.uniqueItems',
  multipleOf: 'form.error.multipleOf',
  false: 'form.error.unknown',
};

/** Patterns of the platform's, in words. */
const PATTERNS: Record<string, Text> = {
  '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$': 'form.error.name',
  '^[^\\x00-\\x1f\\x7f]+$': 'form.error.control',
  '^[A-Za-z0-9][A-Za-z0-9._-]*$': 'form.error.pool',
  '^[A-Za-z_][A-Za-z0-9_]{0,254}$': 'form.error.variable',
};

const TYPES: Record<string, Text> = {
  integer: 'form.error.integer',
  number: 'form.error.number',
  string: 'form.error.string',
  boolean: 'form.error.boolean',
  array: 'form.error.array',
  object: 'form.error.object',
};

/** Times without a zone are taken by the platform, and not by RFC 3339. */
const TIMES: Record<string, RegExp> = {
  'date-time': /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?$/,
  time: /^\d\d:\d\d(:\d\d(\.\d+)?)?$/,
};

/** A fault at a place of the data: `path` has the names and numbers that lead there. */
export interface Fault {
  path: string[];
  keyword: string;
  message: string;
}

/** Checks by walking the schema: nothing is compiled, so that a page without `unsafe-eval` can use it. */
export function faults(schema: Schema, value: unknown, t: Translate = translate): Fault[] {
  const data = plain(value);
  const result = new Validator(schema as Checked, '2020-12', false).validate(data);
  const all = result.errors.filter((one) => !OUTER.has(one.keyword));
  const leaves = all.filter((one) => !isTime(one, schema, data));
  if (result.valid || leaves.length < Math.min(1, all.length)) return [];
  const counted = leaves.length > 0 ? leaves : result.errors.slice(-1);
  const found = new Map<string, Fault>();
  for (const one of counted) {
    const fault = faultOf(one, schema, t);
    const place = fault.path.join('/');
    if (!found.has(place)) found.set(place, fault);
  }
  return [...found.values()];
}

/** What JSON would keep of it: a field that is `undefined` is not there. */
function plain(value: unknown): unknown {
  return value === undefined ? null : (JSON.parse(JSON.stringify(value)) as unknown);
}

function stepsOf(unit: OutputUnit): string[] {
  return unit.instanceLocation
    .split('/')
    .slice(1)
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'));
}

function faultOf(unit: OutputUnit, schema: Schema, t: Translate): Fault {
  const path = stepsOf(unit);
  if (unit.keyword === 'required') {
    const name = /property "(.*)"/.exec(unit.error)?.[1];
    return {
      path: name === undefined ? path : [...path, name],
      keyword: 'required',
      message: t('form.error.required'),
    };
  }
  return { path, keyword: unit.keyword, message: message(unit, path, schema, t) };
}

function message(unit: OutputUnit, path: readonly string[], schema: Schema, t: Translate): string {
  const bound = boundOf(unit, schema);
  if (unit.keyword === 'pattern' && PATTERNS[String(bound)]) return t(PATTERNS[String(bound)] as Text);
  if (unit.keyword === 'type' && TYPES[String(bound)]) return t(TYPES[String(bound)] as Text);
  const word = WORDS[unit.keyword];
  return word === undefined ? unit.error : fill(t(word), { bound: shown(bound, path) });
}

const boundOf = (unit: OutputUnit, schema: Schema) => at(schema, unit.keywordLocation.replace(/^#/, ''));

function shown(bound: unknown, path: readonly string[]): string {
  if (typeof bound === 'number' && path.at(-1)?.endsWith('_bytes')) return bytesText(bound, ' ');
  return Array.isArray(bound) ? bound.join(', ') : String(bound);
}

/** Whether it is a time that only lacks its zone. */
function isTime(unit: OutputUnit, schema: Schema, value: unknown): boolean {
  const found = stepsOf(unit).reduce<unknown>(
    (one, step) => (one as Record<string, unknown> | null)?.[step],
    value,
  );
  return unit.keyword === 'format' && (TIMES[String(boundOf(unit, schema))]?.test(String(found)) ?? false);
}

/** What rjsf asks of a validator. What the platform's own forms show comes to them by `extraErrors`. */
export function validatorIn(t: Translate): ValidatorType<unknown, Schema, object> {
  return {
    validateFormData: (data, schema) => validated(schema, data, t),
    toErrorList: (errors?: ErrorSchema) => toErrorList(errors),
    isValid: (schema, data, root) =>
      faults({ ...schema, $defs: root.$defs, definitions: root.definitions } as Schema, data, t).length === 0,
    rawValidation: (schema, data) => ({ errors: faults(schema, data, t) as never[] }),
  };
}

function validated(schema: Schema, data: unknown, t: Translate): ValidationData<unknown> {
  const errors: RJSFValidationError[] = faults(schema, data, t).map((fault) => ({
    name: fault.keyword,
    message: fault.message,
    property: fault.path.map((step) => `.${step}`).join(''),
    stack: `${fault.path.join('.')}: ${fault.message}`,
  }));
  return { errors, errorSchema: toErrorSchema(errors) };
}
