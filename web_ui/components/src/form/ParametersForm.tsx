import { useId, useMemo, useRef, useState, type FormEvent } from 'react';
import { useText } from '../host/i18n';
import { Button, Problem } from '../ui/primitives';
import { useFirstFault } from './focus';
import { beginning, chosen, parametersForm, whole, withoutNull, type Values } from './parameters';
import { fieldProblems, type FieldProblem } from './problems';
import type { Schema } from './schema';
import { SchemaForm } from './SchemaForm';
import { faults } from './validator';
import { Field, Segments } from './widgets/parts';

export interface ParametersFormProps {
  /** The flow's `parameter_openapi_schema`. */
  schema: Schema;
  /** What the deployment sets by itself. */
  defaults?: Values;
  /** A refusal of the last attempt. */
  error?: unknown;
  busy?: boolean;
  onRun: (parameters: Values) => void;
}

const CONTEXT = {};

/** Parameters of one run, as a form or as JSON: both show the same values. */
export function ParametersForm({
  schema: given,
  defaults = {},
  error,
  busy = false,
  onRun,
}: ParametersFormProps) {
  const t = useText();
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const { schema, ui } = useMemo(() => parametersForm(given), [given]);
  const [begun] = useState<Values>(() => beginning(given, defaults));
  const [values, setValues] = useState<Values>(begun);
  const [text, setText] = useState<string | null>(null);
  const [tried, setTried] = useState(0);
  const read = useMemo(() => parse(text, values), [text, values]);
  const own = useMemo(
    () => faults(schema, withoutNull(whole(read.values, begun), given), t),
    [schema, read.values, begun, given, t],
  );
  const problems = useMemo((): FieldProblem[] => {
    const told = own.filter((one) => tried > 0 || one.keyword !== 'required');
    return [...told.map((one) => ({ path: one.path, problem: one.message })), ...fieldProblems(error)];
  }, [own, error, tried]);
  useFirstFault(box, tried);
  const run = () => {
    setTried((times) => times + 1);
    if (own.length === 0 && read.wrong === null && !busy) onRun(chosen(read.values, begun));
  };
  const turn = (to: string) => {
    if (to === 'json') setText(JSON.stringify(whole(values, begun), null, 2));
    else if (read.wrong === null) {
      setValues(read.values);
      setText(null);
    }
  };
  const none = Object.keys(schema.properties ?? {}).length === 0;
  return (
    <div ref={box} className="pp-parameters">
      {none ? (
        <span className="soft">{t('form.parameters.none')}</span>
      ) : (
        <Ways json={text !== null} onTurn={turn} />
      )}
      {text === null ? (
        <SchemaForm
          {...{ id, schema, ui, problems }}
          context={CONTEXT}
          value={values}
          onValue={setValues}
          onSubmit={run}
        />
      ) : (
        <JsonForm {...{ id, text, problems }} wrong={read.wrong} onText={setText} onSubmit={run} />
      )}
      {error != null && fieldProblems(error).length === 0 && <Problem error={error} />}
      <div>
        <Button look="primary" type="submit" form={id} disabled={busy}>
          {t('form.parameters.run')}
        </Button>
      </div>
    </div>
  );
}

function Ways({ json, onTurn }: { json: boolean; onTurn: (to: string) => void }) {
  const t = useText();
  const options = [
    { value: 'form', label: t('form.json.form') },
    { value: 'json', label: t('form.json') },
  ];
  return (
    <Segments
      quiet
      label={t('form.json.ways')}
      value={json ? 'json' : 'form'}
      options={options}
      onText={onTurn}
    />
  );
}

interface JsonFormProps {
  id: string;
  text: string;
  wrong: string | null;
  problems: readonly FieldProblem[];
  onText: (text: string) => void;
  onSubmit: () => void;
}

function JsonForm({ id, text, wrong, problems, onText, onSubmit }: JsonFormProps) {
  const t = useText();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit();
  };
  const errors = wrong === null ? problems.map(told) : [t('form.error.json', { why: wrong })];
  return (
    <form id={id} onSubmit={submit}>
      <Field label={t('form.json.label')} errors={errors}>
        {(ids) => (
          <textarea
            {...ids}
            rows={12}
            spellCheck={false}
            value={text}
            onChange={(event) => onText(event.target.value)}
          />
        )}
      </Field>
    </form>
  );
}

const told = (one: FieldProblem) =>
  one.path.length > 0 ? `${one.path.join('.')}: ${one.problem}` : one.problem;

function parse(text: string | null, values: Values): { values: Values; wrong: string | null } {
  if (text === null) return { values, wrong: null };
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === 'object' && found !== null && !Array.isArray(found))
      return { values: found as Values, wrong: null };
    return { values, wrong: '{ … }' };
  } catch (error) {
    return { values, wrong: (error as Error).message };
  }
}
