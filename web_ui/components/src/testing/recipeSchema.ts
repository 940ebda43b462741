import text from '../../../../docs/reference/recipe.schema.json?raw';
import type { Schema } from '../form/schema';

/** The platform's own schema of recipes, as its documentation has it. */
export const RECIPES = JSON.parse(text) as Schema;
