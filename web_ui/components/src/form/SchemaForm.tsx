import Form from '@rjsf/core';
import type { UiSchema } from '@rjsf/utils';
import { useMemo } from 'react';
import { useText } from '../host/i18n';
import type { FormContext } from './context';
import { fields } from './fields';
import { errorSchema, type FieldProblem } from './problems';
import { same, type Schema } from './schema';
import { widgets } from './inputs';
import { templates } from './templates';
import { validatorIn } from './validator';

/** Nothing is put in that nobody said: an empty field means the default. */
const DEFAULTS = { emptyObjectFields: 'skipDefaults', arrayMinItems: { populate: 'never' } } as const;

interface SchemaFormProps {
  id: string;
  schema: Schema;
  ui: UiSchema<unknown, Schema, object>;
  value: Record<string, unknown>;
  context: FormContext;
  problems: readonly FieldProblem[];
  onValue: (value: Record<string, unknown>) => void;
  onSubmit: () => void;
}

/** rjsf with our templates. What is wrong comes from outside, so that one place alone says it. */
export function SchemaForm({ id, schema, ui, value, context, problems, onValue, onSubmit }: SchemaFormProps) {
  const t = useText();
  const validator = useMemo(() => validatorIn(t), [t]);
  const errors = useMemo(() => errorSchema(problems), [problems]);
  return (
    <Form
      id={id}
      idPrefix={id}
      schema={schema}
      uiSchema={ui}
      formData={value}
      formContext={context}
      validator={validator}
      fields={fields as never}
      templates={templates as never}
      widgets={widgets as never}
      extraErrors={errors}
      noValidate
      noHtml5Validate
      showErrorList={false}
      experimental_defaultFormStateBehavior={DEFAULTS}
      onChange={({ formData }) => {
        if (!same(formData, value)) onValue((formData ?? {}) as Record<string, unknown>);
      }}
      onSubmit={onSubmit}
    >
      <></>
    </Form>
  );
}
