import { isRecipe, type Recipe } from '@prefect-platform/components/form';
import { useLocation } from 'react-router';

/** What a page leaves in the history for the form that it leads to, and for itself when one comes back. */
export interface RecipeState {
  recipe?: Recipe;
  text?: string;
}

/** The recipe that a form of this kind was opened with, if it was. */
export function useRecipe(kind: string): Recipe | undefined {
  const { recipe } = (useLocation().state ?? {}) as RecipeState;
  return isRecipe(recipe) && recipe.kind === kind ? recipe : undefined;
}
