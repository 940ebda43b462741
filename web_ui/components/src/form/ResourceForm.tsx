import Form from '@rjsf/core';
import { useCallback, useEffect, useId, useMemo, useRef, useState, type ReactNode } from 'react';
import { useApi } from '../api/client';
import { PlatformProblem } from '../api/problem';
import { useText } from '../host/i18n';
import { Button, Card, Problem, Skeleton } from '../ui/primitives';
import { changes, needsRestart } from './changes';
import { Changes } from './Changes';
import { checks } from './checks';
import { Code } from './Code';
import type { FormContext } from './context';
import { fields } from './fields';
import { useFirstFault } from './focus';
import { uiSchema } from './kinds';
import type { Cluster, Evidence, Kind, Resource, Spec, Wanted } from './model';
import { errorSchema, fieldProblems, type FieldProblem } from './problems';
import { create, Keys, open, read, restart, update } from './saving';
import { said, same, type Schema } from './schema';
import { pythonOf, useFlows, useSecrets, useSizes, useSpecSchema } from './sources';
import { Takes } from './Takes';
import { templates, widgets } from './templates';
import { faults, validatorIn } from './validator';
import { Check, errorsAt, Select, TextInput } from './widgets/parts';

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

export interface ResourceFormProps {
  kind: Kind;
  project: string;
  /** The one that is changed; a new one where it is left out. */
  resource?: Resource;
  /** What a new one begins with, such as a recipe or another's spec. */
  initial?: { name?: string; spec?: Spec };
  /** What the last runs used, to choose a size by. */
  evidence?: Evidence | null;
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
  const { kind, project, schema, initial, evidence, onSaved, onDirty, onCancel } = props;
  const t = useText();
  const api = useApi();
  const id = useId();
  const column = useRef<HTMLDivElement>(null);
  const [resource, setResource] = useState(props.resource);
  const [name, setName] = useState(props.resource?.name ?? initial?.name ?? '');
  const [spec, setSpec] = useState<Spec>(props.resource?.spec ?? initial?.spec ?? {});
  const [start, setStart] = useState(true);
  const [again, setAgain] = useState(false);
  const [flow, setFlow] = useState('');
  const [tried, setTried] = useState(0);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<{ error: unknown; spec: Spec; name: string } | null>(null);
  const [theirs, setTheirs] = useState<Resource | null>(null);
  const sending = useRef(false);
  const keys = useMemo(() => new Keys(), []);
  const sizes = useSizes();
  const secrets = useSecrets(project);
  const flows = useFlows(project, kind === 'dask-cluster');

  const kept = useMemo(() => said(spec, schema), [spec, schema]);
  const before = useMemo(() => said(resource?.spec ?? {}, schema), [resource, schema]);
  const changed = useMemo(() => changes(before, kept), [before, kept]);
  const catalogue = useMemo(() => sizes.data?.items ?? [], [sizes.data]);
  const problems = useMemo(() => {
    const own = faults(schema, kept, t).map((one) => ({ path: one.path, problem: one.message }));
    return [...own, ...checks(kind, kept, t), ...lasting(refusal, kept, name)];
  }, [schema, kept, kind, refusal, name, t]);
  const nameProblems = nameErrors(kind, name, tried > 0, problems, t);
  const blocking = [...faults(schema, kept, t), ...checks(kind, kept, t)].length;
  const unplaced = refusal !== null && !isPlaced(refusal.error, schema);

  const set = useCallback(
    (part: Spec) =>
      setSpec((all) =>
        Object.fromEntries(Object.entries({ ...all, ...part }).filter(([, one]) => one !== undefined)),
      ),
    [],
  );
  const reload = () => void Promise.all([sizes.refetch(), secrets.refetch()]);
  const wanted: Wanted = { kind, name, project, spec: kept, start, there: resource !== undefined };
  const context: FormContext = {
    kind,
    spec,
    sizes: catalogue,
    gpus: sizes.data?.gpus ?? [],
    secrets: secrets.data ?? [],
    evidence,
    problems,
    set,
  };

  useFirstFault(column, tried);

  const dirty = resource === undefined ? Object.keys(kept).length > 0 || name !== '' : changed.length > 0;
  useEffect(() => onDirty?.(dirty), [dirty, onDirty]);

  const save = async () => {
    setTried((times) => times + 1);
    if (sending.current || blocking > 0 || (!NAME.test(name) && (kind !== 'dask-cluster' || name !== '')))
      return;
    sending.current = true;
    setBusy(true);
    setRefusal(null);
    try {
      onSaved(await send());
    } catch (error) {
      setRefusal({ error, spec: kept, name });
      if (error instanceof PlatformProblem && error.code === 'changed-meanwhile' && resource)
        setTheirs(await read(api, project, resource.kind, name));
      setTried((times) => times + 1);
    } finally {
      sending.current = false;
      setBusy(false);
    }
  };

  const send = async (): Promise<Resource | Cluster> => {
    if (kind === 'dask-cluster') return open(api, wanted, await pythonOf(api, project, flow), keys);
    if (resource === undefined) return create(api, wanted, keys);
    const updated = await update(api, wanted, resource.updated_at, keys);
    if (!again || !waits) return updated;
    setResource(updated); // it is saved, whatever becomes of the restart
    return restart(api, updated, keys);
  };

  /** My changes alone are made in what it is now. */
  const rebase = (mine: boolean) => {
    if (theirs === null) return;
    const now = said(theirs.spec, schema);
    const own = Object.fromEntries(changed.map((one) => [one.field, one.after]));
    setResource(theirs);
    setSpec(mine ? (JSON.parse(JSON.stringify({ ...now, ...own })) as Spec) : now);
    setTheirs(null);
    setRefusal(null);
  };

  const ui = useMemo(() => uiSchema(kind, schema, t), [kind, schema, t]);
  const extra = useMemo(() => errorSchema(problems), [problems]);
  const validator = useMemo(() => validatorIn(t), [t]);
  const waits = resource !== undefined && needsRestart(resource.state.status, changed);
  const flowless = kind === 'dask-cluster' && (flows.data?.items.length ?? 0) === 0;
  const count = problems.filter((one) => one.path[0] !== 'name').length + (nameProblems.length > 0 ? 1 : 0);

  return (
    <div className="pp-form">
      <div ref={column} className="stack main">
        {resource === undefined && (
          <Card>
            <div className="body pp-fields">
              <TextInput
                label={t('form.name')}
                hint={t('form.name.hint')}
                form={id}
                maxLength={63}
                required
                value={name}
                errors={nameProblems}
                onText={setName}
              />
              {kind === 'dask-cluster' ? (
                <FlowSelect
                  flows={flows.data?.items ?? []}
                  value={flow}
                  tried={tried > 0}
                  onValue={setFlow}
                />
              ) : (
                <Check label={t('form.start')} checked={start} onChecked={setStart} />
              )}
            </div>
          </Card>
        )}
        {(sizes.error ?? secrets.error) && <Problem error={sizes.error ?? secrets.error} again={reload} />}
        {theirs && (
          <div className="pp-problem meanwhile" role="alert">
            <span className="grow">{refusal?.error instanceof Error && refusal.error.message}</span>
            <Button small onClick={() => rebase(false)}>
              {t('form.changed.theirs')}
            </Button>
            <Button small look="primary" onClick={() => rebase(true)}>
              {t('form.changed.take')}
            </Button>
          </div>
        )}
        <Form
          id={id}
          idPrefix="root"
          schema={schema}
          uiSchema={ui}
          formData={spec}
          formContext={context}
          validator={validator}
          fields={fields as never}
          templates={templates as never}
          widgets={widgets as never}
          extraErrors={extra}
          noValidate
          noHtml5Validate
          showErrorList={false}
          experimental_defaultFormStateBehavior={{
            emptyObjectFields: 'skipDefaults',
            arrayMinItems: { populate: 'never' },
          }}
          onChange={({ formData }) => {
            if (!same(formData, spec)) setSpec((formData ?? {}) as Spec);
          }}
          onSubmit={() => void save()}
        >
          <></>
        </Form>
      </div>
      <aside className="stack beside">
        <Code wanted={wanted} />
        {resource && <Changes changes={changed} restart={waits} />}
        <Takes kind={kind} spec={kept} sizes={catalogue} />
        <div className="pp-actions">
          {unplaced && !theirs && <Problem error={refusal.error} />}
          {tried > 0 && count > 0 && (
            <span className="pp-error" role="status">
              {count === 1 ? t('form.faults.one') : t('form.faults', { count })}
            </span>
          )}
          {waits && <Check label={t('form.restart')} checked={again} onChecked={setAgain} />}
          <div className="row">
            <Button
              look="primary"
              type="submit"
              form={id}
              className="grow"
              disabled={busy || (resource !== undefined && changed.length === 0) || flowless}
            >
              {busy ? t('form.saving') : resource ? t('form.save') : t(`form.create.${kind}`)}
            </Button>
            {onCancel && <Button onClick={onCancel}>{resource ? t('form.discard') : t('cancel')}</Button>}
          </div>
        </div>
      </aside>
    </div>
  );
}

interface FlowSelectProps {
  flows: readonly { id: string; name: string }[];
  value: string;
  tried: boolean;
  onValue: (id: string) => void;
}

/** With what the cluster works: a browser has no interpreter of its own to name. */
function FlowSelect({ flows, value, tried, onValue }: FlowSelectProps): ReactNode {
  const t = useText();
  if (flows.length === 0) return <span className="pp-hint">{t('form.python.nothing')}</span>;
  return (
    <Select
      label={t('form.python.as')}
      hint={t('form.python.hint')}
      value={value}
      errors={tried && value === '' ? [t('form.error.required')] : []}
      options={[{ value: '', label: '' }, ...flows.map((one) => ({ value: one.id, label: one.name }))]}
      onText={onValue}
    />
  );
}

type T = ReturnType<typeof useText>;

function nameErrors(
  kind: Kind,
  name: string,
  tried: boolean,
  problems: readonly FieldProblem[],
  t: T,
): string[] {
  if (name === '') return tried && kind !== 'dask-cluster' ? [t('form.error.required')] : [];
  return NAME.test(name) ? errorsAt(problems, 'name') : [t('form.error.name')];
}

/** What the platform refused stays at a field until that field is changed. */
function lasting(
  refusal: { error: unknown; spec: Spec; name: string } | null,
  spec: Spec,
  name: string,
): FieldProblem[] {
  if (refusal === null) return [];
  return fieldProblems(refusal.error).filter(({ path: [field = ''] }) =>
    field === 'name' ? refusal.name === name : same(refusal.spec[field], spec[field]),
  );
}

/** Whether all that a refusal says stands at fields. */
function isPlaced(error: unknown, schema: Schema): boolean {
  const found = fieldProblems(error);
  const known = (path: string[]) => path[0] === 'name' || (path[0] ?? '') in (schema.properties ?? {});
  return found.length > 0 && found.every((one) => known(one.path));
}
