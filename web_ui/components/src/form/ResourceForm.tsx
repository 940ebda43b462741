import { useEffect, useId, useMemo, useRef, useState } from 'react';
import { useText } from '../host/i18n';
import { Problem, Skeleton } from '../ui/primitives';
import { Actions, Meanwhile } from './Actions';
import { Changes } from './Changes';
import { Code } from './Code';
import type { FormContext } from './context';
import { useFirstFault } from './focus';
import { uiSchema } from './kinds';
import type { Cluster, Kind, Resource, Spec } from './model';
import { NameCard } from './NameCard';
import type { FieldProblem } from './problems';
import type { Schema } from './schema';
import { SchemaForm } from './SchemaForm';
import { useEvidence, useFlows, useSecrets, useSizes, useSpecSchema } from './sources';
import { Takes } from './Takes';
import { isPlaced, lasting, useDocument, type Document } from './useDocument';
import { useSaving } from './useSaving';
import { errorsAt } from './widgets/parts';

export interface ResourceFormProps {
  kind: Kind;
  project: string;
  /** The one that is changed; a new one where it is left out. */
  resource?: Resource;
  /** What it is to be at first, such as what a recipe says; of one that is there, with its name. */
  initial?: { name?: string; spec?: Spec };
  onSaved: (made: Resource | Cluster) => void;
  /** Whether something would be lost by leaving it. */
  onDirty?: (dirty: boolean) => void;
  onCancel?: () => void;
}

/** Makes or changes a resource, or opens a Dask cluster; beside it the same as code, and what changes. */
export function ResourceForm(props: ResourceFormProps) {
  const schema = useSpecSchema(props.kind);
  if (schema.error) return <Problem error={schema.error} again={() => void schema.refetch()} />;
  if (schema.data === undefined) return <Skeleton lines={8} />;
  return <Loaded {...props} schema={schema.data} />;
}

function Loaded(props: ResourceFormProps & { schema: Schema }) {
  const { kind, project, schema, onDirty } = props;
  const t = useText();
  const id = useId();
  const column = useRef<HTMLDivElement>(null);
  const [flow, setFlow] = useState('');
  const [again, setAgain] = useState(false);
  const document = useDocument(props, t);
  const saving = useSaving(document, { flow, again, onSaved: props.onSaved });
  const around = useAround(project, kind, props.resource);
  const { own, kept, name, dirty } = document;
  const problems = useMemo(
    () => [...own, ...lasting(saving.refusal, kept, name)],
    [own, saving.refusal, kept, name],
  );
  const ui = useMemo(() => uiSchema(kind, schema, t), [kind, schema, t]);
  const tried = saving.attempts > 0;
  const named = nameErrors(document, kind, tried, problems, t);
  const context = {
    ...around.context,
    kind,
    spec: document.spec,
    problems,
    set: document.set,
  };
  useFirstFault(column, saving.attempts);
  useEffect(() => onDirty?.(dirty), [dirty, onDirty]);
  const unplaced =
    saving.refusal !== null && saving.theirs === null && !isPlaced(saving.refusal.error, schema);
  return (
    <div className="pp-form">
      <div ref={column} className="stack main">
        {document.resource === undefined && (
          <NameCard
            form={id}
            errors={named}
            onFlow={setFlow}
            {...{ kind, document, tried, flow }}
            flows={around.flows}
          />
        )}
        {around.error !== null && <Problem error={around.error} again={around.reload} />}
        {saving.theirs && <Meanwhile error={saving.refusal?.error} onSettle={saving.settle} />}
        <SchemaForm
          {...{ id, schema, ui, context, problems }}
          value={document.spec}
          onValue={document.setSpec}
          onSubmit={() => void saving.save()}
        />
      </div>
      <aside className="stack beside">
        <Code wanted={document.wanted} />
        {document.resource && <Changes changes={document.changed} restart={document.waits} />}
        <Takes kind={kind} spec={kept} sizes={around.context.sizes ?? []} />
        <Actions
          {...{ kind, again }}
          form={id}
          there={document.resource !== undefined}
          faults={tried ? count(problems, named) : 0}
          error={unplaced ? saving.refusal?.error : null}
          busy={saving.busy}
          disabled={document.resource ? document.changed.length === 0 : around.missing}
          waits={document.waits}
          onAgain={setAgain}
          onCancel={props.onCancel}
        />
      </aside>
    </div>
  );
}

/** What the fields choose from. */
function useAround(project: string, kind: Kind, resource?: Resource) {
  const sizes = useSizes();
  const secrets = useSecrets(project);
  const flows = useFlows(project, kind === 'dask-cluster');
  const context: FormContext = {
    sizes: sizes.data?.items ?? [],
    gpus: sizes.data?.gpus ?? [],
    secrets: secrets.data ?? [],
    evidence: useEvidence(project, kind, resource),
  };
  const reload = () => void Promise.all([sizes.refetch(), secrets.refetch(), flows.refetch()]);
  const error = sizes.error ?? secrets.error ?? flows.error;
  const missing = kind === 'dask-cluster' && (flows.data?.items.length ?? 0) === 0;
  return { context, flows: flows.data?.items ?? [], error, reload, missing };
}

type T = ReturnType<typeof useText>;

function nameErrors(
  document: Document,
  kind: Kind,
  tried: boolean,
  problems: readonly FieldProblem[],
  t: T,
): string[] {
  if (document.name === '') return tried && kind !== 'dask-cluster' ? [t('form.error.required')] : [];
  return document.named ? errorsAt(problems, 'name') : [t('form.error.name')];
}

function count(problems: readonly FieldProblem[], named: readonly string[]): number {
  return problems.filter((one) => one.path[0] !== 'name').length + (named.length > 0 ? 1 : 0);
}
