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

const NAME = /^\^\[a-z0-9\]\(\[a-z0-9-\]\{0,61\}\[a-z0-9\]\)\?\$$/;

/** A fault at a place of the data: `path` has the names and numbers that lead there. */
export interface Fault {
  path: string[];
  keyword: string;
  message: string;
}

/** Checks by walking the schema: nothing is compiled, so that a page without `unsafe-eval` can use it. */
export function faults(schema: Schema, value: unknown, t: Translate = translate): Fault[] {
  const result = new Validator(schema as Checked, '2020-12', false).validate(plain(value));
  if (result.valid) return [];
  const leaves = result.errors.filter((one) => !OUTER.has(one.keyword));
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

function faultOf(unit: OutputUnit, schema: Schema, t: Translate): Fault {
  const path = unit.instanceLocation
    .split('/')
    .slice(1)
    .map((step) => decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~'));
  if (unit.keyword === 'required') {
    const name = /property "(.*)"/.exec(unit.error)?.[1];
    return {
      path: name === undefined ? path : [...path, name],
      keyword: 'required',
      message: t('form.error.required'),
    };
  }
  return { path, keyword: unit.keyword, message: message(unit, schema, t) };
}

function message(unit: OutputUnit, schema: Schema, t: Translate): string {
  const word = WORDS[unit.keyword];
  if (word === undefined) return unit.error;
  const bound = at(schema, unit.keywordLocation.replace(/^#/, ''));
  if (unit.keyword === 'pattern' && typeof bound === 'string' && NAME.test(bound))
    return t('form.error.name');
  const shown = Array.isArray(bound) ? bound.join(', ') : String(bound);
  return fill(t(word), { bound: shown });
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
