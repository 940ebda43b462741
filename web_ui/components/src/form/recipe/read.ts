import type { ParsedNode } from 'yaml';
import type { Translate } from '../../host/i18n';
import { checks } from '../checks';
import type { Schemas, Spec } from '../model';
import { normal, type Schema } from '../schema';
import { faults } from '../validator';
import { offsetOf, parsed, type Parsed } from './document';

/** A resource as a document, as `resource apply` takes it. */
export interface Recipe {
  kind: Schemas['ResourceKind'];
  name: string;
  spec: Spec;
}

/** What is wrong, and where: `field` is empty where the text is no recipe at all. */
export interface RecipeFault {
  /** From 1 on. */
  line: number;
  column: number;
  field: string;
  message: string;
}

export interface Reading {
  /** Those that can be, in their order. */
  recipes: Recipe[];
  /** In the order of their lines: the first ones of each recipe. */
  faults: RecipeFault[];
  /** How many there are. */
  wrong: number;
}

/** In bytes; no spec that the platform takes comes near it. */
export const MOST_BYTES = 1 << 18;
/** As many as the platform takes at once. */
const MOST_RECIPES = 200;
/** Of one recipe: whoever pastes something else altogether is not to be told of each line. */
const MOST_FAULTS = 50;

/** The recipes of a text in YAML or JSON, each checked by the platform's own schema. */
export function readRecipes(text: string, schema: Schema, t: Translate): Reading {
  if (new Blob([text]).size > MOST_BYTES) return refused(t('recipe.large', { kib: MOST_BYTES >> 10 }));
  const { documents, flaws, lines } = parsed(text);
  const placed = (offset: number, fault: { field: string; message: string }): RecipeFault => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col, ...fault };
  };
  if (flaws.length > 0) {
    const told = flaws.slice(0, MOST_FAULTS);
    return {
      recipes: [],
      faults: told.map((one) => placed(one.offset, { field: '', message: t(one.text, one.told) })),
      wrong: flaws.length,
    };
  }
  if (documents.length > MOST_RECIPES) return refused(t('recipe.many', { most: MOST_RECIPES }));
  const read = documents.map((one) => checked(one, schema, t));
  const faults = read.flatMap((one) => one.faults.map(({ offset, ...fault }) => placed(offset, fault)));
  return {
    recipes: read.flatMap(({ recipe }) => (recipe === null ? [] : [recipe])),
    faults: faults.sort((one, other) => one.line - other.line || one.column - other.column),
    wrong: read.reduce((sum, one) => sum + one.wrong, 0),
  };
}

const refused = (message: string): Reading => ({
  recipes: [],
  faults: [{ line: 1, column: 1, field: '', message }],
  wrong: 1,
});

function checked(document: Parsed['documents'][number], schema: Schema, t: Translate) {
  const contents = document.contents as ParsedNode | null;
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  const all = wrongWith(value, schema, t);
  const faults = all.slice(0, MOST_FAULTS).map(({ path, message }) => ({
    offset: offsetOf(contents, path),
    field: path.join('.'),
    message,
  }));
  if (all.length > 0) return { recipe: null, faults, wrong: all.length };
  const { kind, name, spec } = value as Recipe;
  return { recipe: { kind, name, spec: spec ?? {} }, faults, wrong: 0 };
}

function wrongWith(value: unknown, schema: Schema, t: Translate): { path: string[]; message: string }[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return [{ path: [], message: t('recipe.none') }];
  if ((value as { kind?: unknown }).kind === 'dask-cluster')
    return [{ path: ['kind'], message: t('form.code.no-recipe') }];
  const text = t('form.error.string');
  const found = faults(schema, value, t);
  if (found.length === 0) return beyondSchema(value as Recipe, t);
  return found.map(({ path, message }) => ({
    path,
    message: message === text && isPlain(valueAt(value, path)) ? t('recipe.string') : message,
  }));
}

const beyondSchema = ({ kind, spec }: Recipe, t: Translate) =>
  checks(kind, normal(spec ?? {}), t).map(({ path, problem }) => ({
    path: ['spec', ...path],
    message: problem,
  }));

/** YAML takes `2026` and `yes` for something else than the text that they were meant to be. */
const isPlain = (value: unknown) => typeof value === 'number' || typeof value === 'boolean';

const valueAt = (value: unknown, path: readonly string[]) =>
  path.reduce<unknown>((one, step) => (one as Record<string, unknown> | undefined)?.[step], value);

/** Whether this is a recipe, such as a page before left it. What it says is checked by the form. */
export function isRecipe(value: unknown): value is Recipe {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, name, spec } = value as Partial<Record<keyof Recipe, unknown>>;
  return typeof kind === 'string' && typeof name === 'string' && typeof spec === 'object' && spec !== null;
}
