import type { Translate } from '../host/i18n';
import * as words from '../ui/words';
import type { Attachment, DaskSpec, Kind, Size, Spec } from './model';
import type { FieldProblem } from './problems';

const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,254}$/;

/** What no schema says of a spec, and can be told before it is sent. The platform looks at all of it again. */
export function checks(kind: Kind, spec: Spec, t: Translate): FieldProblem[] {
  if (kind === 'dask-cluster') return dask(spec as DaskSpec, t);
  if (kind === 'prefect-agent') return [];
  const secrets = (spec.secrets ?? []) as Attachment[];
  const variables = (spec.variables ?? {}) as Record<string, string>;
  return [...amounts(spec, t), ...attached(secrets, variables, t), ...named(variables, t)];
}

function amounts(spec: Spec, t: Translate): FieldProblem[] {
  const both = spec.size !== undefined && (spec.cores !== undefined || spec.memory_bytes !== undefined);
  return both ? [{ path: ['size'], problem: t('form.error.size-or-amount') }] : [];
}

function attached(all: Attachment[], variables: Record<string, string>, t: Translate): FieldProblem[] {
  return all.flatMap((one, at) => {
    const target = one.variable ?? one.path;
    const field = one.path === undefined ? 'variable' : 'path';
    const place = ['secrets', String(at), field];
    if (!target) return [{ path: place, problem: t('form.error.required') }];
    const twice = all.some((other, index) => index < at && (other.variable ?? other.path) === target);
    if (twice) return [{ path: place, problem: t('form.error.twice', { what: target }) }];
    if (field === 'variable' && target in variables)
      return [
        { path: ['variables', target], problem: t('form.error.variable-and-secret', { what: target }) },
      ];
    return [];
  });
}

function named(variables: Record<string, string>, t: Translate): FieldProblem[] {
  return Object.keys(variables)
    .filter((name) => !VARIABLE.test(name))
    .map((name) => ({
      path: ['variables', name],
      problem: t('form.error.variable'),
    }));
}

function dask(spec: DaskSpec, t: Translate): FieldProblem[] {
  const crossed = spec.adapt && spec.adapt.minimum > spec.adapt.maximum;
  return crossed ? [{ path: ['adapt'], problem: t('form.error.bounds') }] : [];
}

/** More threads than cores are allowed, and seldom meant. */
export function threadsNote(spec: DaskSpec, sizes: readonly Size[], t: Translate): string | undefined {
  const size = sizes.find((one) => one.name === spec.worker_size);
  if (size === undefined || !spec.threads || (spec.processes ?? 1) * spec.threads <= Math.max(1, size.cores))
    return undefined;
  const told = {
    size: size.name,
    cores: words.cores(size.cores),
    threads: (spec.processes ?? 1) * spec.threads,
  };
  return t('form.dask.crowded', told);
}
