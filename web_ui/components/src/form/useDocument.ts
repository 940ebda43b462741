import { useCallback, useMemo, useState } from 'react';
import type { Translate } from '../host/i18n';
import { changes, needsRestart } from './changes';
import { checks } from './checks';
import type { Kind, Resource, Spec, Wanted } from './model';
import { fieldProblems, type FieldProblem } from './problems';
import { normal, said, same, type Schema } from './schema';
import { faults } from './validator';

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** What was refused, and of which document. */
export interface Refusal {
  error: unknown;
  spec: Spec;
  name: string;
}

interface Start {
  kind: Kind;
  project: string;
  schema: Schema;
  resource?: Resource;
  initial?: { name?: string; spec?: Spec };
}

/** What is being written: the fields as they are, what of them was said, and what is wrong with it. */
export function useDocument({ kind, project, schema, initial, ...given }: Start, t: Translate) {
  const [resource, setResource] = useState(given.resource);
  const [name, setName] = useState(given.resource?.name ?? initial?.name ?? '');
  const [spec, setSpec] = useState<Spec>(() => normal(initial?.spec ?? given.resource?.spec ?? {}));
  const [start, setStart] = useState(true);
  const kept = useMemo(() => said(spec, schema), [spec, schema]);
  const before = useMemo(() => said(resource?.spec ?? {}, schema), [resource, schema]);
  const changed = useMemo(() => changes(before, kept), [before, kept]);
  const own = useMemo(() => ownProblems(kind, kept, schema, t), [kind, kept, schema, t]);
  const set = useCallback((part: Spec) => setSpec((all) => withoutGone({ ...all, ...part })), []);
  const wanted: Wanted = { kind, name, project, spec: kept, start, there: resource !== undefined };
  const begun = useMemo(() => said(normal(initial?.spec ?? {}), schema), [initial, schema]);
  const dirty =
    initial === undefined && resource !== undefined
      ? changed.length > 0
      : name !== (initial?.name ?? '') || !same(kept, begun);
  const waits = resource !== undefined && needsRestart(resource.state.status, changed);
  const named = NAME.test(name) || (kind === 'dask-cluster' && name === '');

  /** Begins again with what somebody else made of it, or only with one's own changes on top of that. */
  const rebase = (theirs: Resource, mine: boolean) => {
    const now = said(theirs.spec, schema);
    setResource(theirs);
    setSpec(
      mine
        ? withoutGone({ ...now, ...Object.fromEntries(changed.map((one) => [one.field, one.after])) })
        : now,
    );
  };

  return {
    ...{ resource, name, spec, start, kept, changed, own, wanted, waits, named, rebase },
    ...{ setResource, setName, setSpec, setStart, set, dirty },
  };
}

export type Document = ReturnType<typeof useDocument>;

/** Without the fields that are not given any more. */
function withoutGone(spec: Spec): Spec {
  return Object.fromEntries(Object.entries(spec).filter(([, one]) => one !== undefined));
}

function ownProblems(kind: Kind, spec: Spec, schema: Schema, t: Translate): FieldProblem[] {
  const found = faults(schema, spec, t).map((one) => ({ path: one.path, problem: one.message }));
  return [...found, ...checks(kind, spec, t)];
}

/** What the platform refused stays at a field until that field is changed. */
export function lasting(refusal: Refusal | null, spec: Spec, name: string): FieldProblem[] {
  if (refusal === null) return [];
  return fieldProblems(refusal.error).filter(({ path: [field = ''] }) =>
    field === 'name' ? refusal.name === name : same(refusal.spec[field], spec[field]),
  );
}

/** Whether all that a refusal says stands at fields. */
export function isPlaced(error: unknown, schema: Schema): boolean {
  const found = fieldProblems(error);
  const known = (path: string[]) => path[0] === 'name' || (path[0] ?? '') in (schema.properties ?? {});
  return found.length > 0 && found.every((one) => known(one.path));
}
