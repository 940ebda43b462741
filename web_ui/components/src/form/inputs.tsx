import type { BaseInputTemplateProps, WidgetProps } from '@rjsf/utils';
import { useText } from '../host/i18n';
import type { FormContext as Context } from './context';
import type { Schema } from './schema';
import { Check } from './widgets/parts';

/** Which of an element's companions there are, for `aria-describedby`. */
function described(id: string, hint: unknown, errors: readonly string[] | undefined) {
  const told = [hint ? `${id}-hint` : '', errors?.length ? `${id}-error` : ''].filter(Boolean).join(' ');
  return {
    ...(told ? { 'aria-describedby': told } : {}),
    ...(errors?.length ? { 'aria-invalid': true as const } : {}),
  };
}

export function BaseInputTemplate(props: BaseInputTemplateProps<unknown, Schema, Context>) {
  const { id, value, schema, disabled, readonly, onChange, onBlur, onFocus, rawErrors, options, required } =
    props;
  const numeric = schema.type === 'number' || schema.type === 'integer';
  const type = numeric ? 'number' : (TYPES[schema.format ?? ''] ?? 'text');
  return (
    <input
      id={id}
      type={type}
      className={`${numeric ? 'num' : ''} ${options.mono === true ? 'mono' : ''}`}
      autoComplete="off"
      spellCheck={false}
      disabled={disabled}
      readOnly={readonly}
      aria-required={required}
      aria-label={props.hideLabel ? props.label : undefined}
      step={schema.type === 'integer' ? 1 : type === 'datetime-local' ? 1 : 'any'}
      min={schema.minimum}
      max={schema.maximum}
      placeholder={props.placeholder || defaultOf(schema)}
      value={value == null ? '' : String(value)}
      {...described(id, options.help ?? schema.description, rawErrors)}
      onChange={(event) => onChange(read(event.target.value, type, options.emptyValue))}
      onBlur={() => onBlur(id, value)}
      onFocus={() => onFocus(id, value)}
    />
  );
}

const TYPES: Record<string, string> = {
  date: 'date',
  'date-time': 'datetime-local',
  time: 'time',
  password: 'password',
};

function defaultOf(schema: Schema): string | undefined {
  const { default: initial } = schema;
  return typeof initial === 'string' || typeof initial === 'number' ? String(initial) : undefined;
}

function read(text: string, type: string, empty: unknown): unknown {
  if (text === '') return empty;
  return type === 'number' ? Number(text) : text;
}

function CheckboxWidget({ value, label, schema, onChange }: WidgetProps<unknown, Schema, Context>) {
  const on = value === undefined ? schema.default === true : value === true;
  return <Check label={label} checked={on} onChecked={onChange} />;
}

function SelectWidget(props: WidgetProps<unknown, Schema, Context>) {
  const { id, value, options, onChange, rawErrors, schema, required } = props;
  const t = useText();
  const all = (options.enumOptions ?? []) as { value: unknown; label: string }[];
  const chosen = all.findIndex((one) => one.value === (value === undefined ? schema.default : value));
  const empty = chosen === -1 || (!required && (schema.default === undefined || options.emptyValue === null));
  return (
    <select
      id={id}
      value={chosen}
      {...described(id, options.help ?? schema.description, rawErrors)}
      onChange={(event) => onChange(all[Number(event.target.value)]?.value ?? options.emptyValue)}
    >
      {empty && <option value={-1}>{t('form.none')}</option>}
      {all.map((one, at) => (
        <option key={one.label} value={at}>
          {one.label}
        </option>
      ))}
    </select>
  );
}

function TextareaWidget({
  id,
  value,
  options,
  onChange,
  rawErrors,
  schema,
}: WidgetProps<unknown, Schema, Context>) {
  return (
    <textarea
      id={id}
      rows={Number(options.rows ?? 3)}
      value={value == null ? '' : String(value)}
      {...described(id, options.help ?? schema.description, rawErrors)}
      onChange={(event) => onChange(event.target.value === '' ? options.emptyValue : event.target.value)}
    />
  );
}

export const widgets = { CheckboxWidget, SelectWidget, TextareaWidget };
