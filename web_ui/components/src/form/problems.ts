import type { ErrorSchema } from '@rjsf/utils';
import { PlatformProblem } from '../api/problem';

export interface FieldProblem {
  /** Without the `spec` before it: `['git', '0', 'url']`. */
  path: string[];
  problem: string;
}

/** The faults that a refusal names, by field; none where it names no field. */
export function fieldProblems(error: unknown): FieldProblem[] {
  if (!(error instanceof PlatformProblem)) return [];
  const fields = error.data.fields;
  if (!Array.isArray(fields)) return [];
  return fields.flatMap((one: unknown) => {
    const { field, problem } = (one ?? {}) as { field?: unknown; problem?: unknown };
    if (typeof field !== 'string' || typeof problem !== 'string') return [];
    const path = field
      .split('.')
      .filter((step, index) => !(index === 0 && (step === 'spec' || step === 'body')));
    return [{ path, problem: clean(problem) }];
  });
}

/** Pydantic's own beginning of what a model's code said. */
function clean(problem: string): string {
  return problem.replace(/^(Value|Assertion) error, /, '');
}

/** As rjsf wants them; what is of the whole document stands at its root. */
export function errorSchema(problems: readonly FieldProblem[]): ErrorSchema {
  const root: ErrorSchema = {};
  for (const { path, problem } of problems) {
    let place = root as Record<string, ErrorSchema>;
    for (const step of path) place = (place[step] ??= {}) as Record<string, ErrorSchema>;
    const errors = place as { __errors?: string[] };
    errors.__errors = [...(errors.__errors ?? []), problem];
  }
  return root;
}

/** All errors at a place and below it, each with the path from there. */
export function errorsBelow(errors: ErrorSchema | undefined, path: string[] = []): FieldProblem[] {
  if (errors === undefined) return [];
  const own = (errors.__errors ?? []).map((problem) => ({ path, problem }));
  const below = Object.entries(errors)
    .filter(([name]) => name !== '__errors')
    .flatMap(([name, inner]) => errorsBelow(inner as ErrorSchema, [...path, name]));
  return [...own, ...below];
}
