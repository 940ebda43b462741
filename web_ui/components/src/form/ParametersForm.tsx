import Form from '@rjsf/core';
import { useId, useMemo, useRef, useState, type FormEvent } from 'react';
import { useText } from '../host/i18n';
import { Button, Problem } from '../ui/primitives';
import { fields } from './fields';
import { beginning, chosen, parametersForm, whole, type Values } from './parameters';
import { errorSchema, fieldProblems } from './problems';
import { same, type Schema } from './schema';
import { useFirstFault } from './focus';
import { templates, widgets } from './templates';
import { faults, validatorIn } from './validator';
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
  const parsed = useMemo(() => parse(text, values), [text, values]);
  const problems = useMemo(() => {
    const own = faults(schema, withoutNull(whole(parsed.values, begun), given), t).map((one) => ({
      path: one.path,
      problem: one.message,
    }));
    return [
      ...own.filter((one) => tried > 0 || one.problem !== t('form.error.required')),
      ...fieldProblems(error),
    ];
  }, [schema, parsed.values, begun, given, t, error, tried]);
  const extra = useMemo(() => errorSchema(problems), [problems]);
  const validator = useMemo(() => validatorIn(t), [t]);
  useFirstFault(box, tried);
  const run = () => {
    setTried((times) => times + 1);
    const wrong = faults(schema, withoutNull(whole(parsed.values, begun), given), t).length > 0;
    if (!wrong && parsed.wrong === null && !busy) onRun(chosen(parsed.values, begun));
  };
  const turn = (to: string) => {
    if (to === 'json') setText(JSON.stringify(whole(values, begun), null, 2));
    else if (parsed.wrong === null) {
      setValues(parsed.values);
      setText(null);
    }
  };
  const none = Object.keys(schema.properties ?? {}).length === 0;
  const unplaced = error != null && fieldProblems(error).length === 0;
  return (
    <div ref={box} className="pp-parameters">
      {none ? (
        <span className="soft">{t('form.parameters.none')}</span>
      ) : (
        <Segments
          label={t('form.json')}
          quiet
          value={text === null ? 'form' : 'json'}
          options={[
            { value: 'form', label: t('form.json.form') },
            { value: 'json', label: t('form.json') },
          ]}
          onText={turn}
        />
      )}
      {text === null ? (
        <Form
          id={id}
          idPrefix="root"
          schema={schema}
          uiSchema={ui}
          formData={values}
          formContext={{}}
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
            if (!same(formData, values)) setValues((formData ?? {}) as Values);
          }}
          onSubmit={run}
        >
          <></>
        </Form>
      ) : (
        <form
          id={id}
          onSubmit={(event: FormEvent) => {
            event.preventDefault();
            run();
          }}
        >
          <Field
            label={t('form.json.label')}
            errors={
              parsed.wrong === null ? problems.map(told) : [t('form.error.json', { why: parsed.wrong })]
            }
          >
            {(ids) => (
              <textarea
                {...ids}
                rows={12}
                spellCheck={false}
                value={text}
                onChange={(event) => setText(event.target.value)}
              />
            )}
          </Field>
        </form>
      )}
      {unplaced && <Problem error={error} />}
      <div>
        <Button look="primary" type="submit" form={id} disabled={busy}>
          {t('form.parameters.run')}
        </Button>
      </div>
    </div>
  );
}

const told = (one: { path: string[]; problem: string }) =>
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

/** `null` is a value where the flow's own schema takes it; the form's has only what is not null. */
function withoutNull(values: Values, given: Schema): Values {
  return Object.fromEntries(
    Object.entries(values).filter(([name, one]) => {
      const field = given.properties?.[name] as { anyOf?: { type?: string }[] } | undefined;
      return one !== undefined && !(one === null && field?.anyOf?.some((option) => option.type === 'null'));
    }),
  );
}
