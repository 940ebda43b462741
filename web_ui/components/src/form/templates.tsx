import type {
  ArrayFieldTemplateItemType,
  ArrayFieldTemplateProps,
  BaseInputTemplateProps,
  FieldTemplateProps,
  IconButtonProps,
  ObjectFieldTemplateProps,
  WidgetProps,
  WrapIfAdditionalTemplateProps,
} from '@rjsf/utils';
import { Button, Card } from '../ui/primitives';
import { useText, type Text } from '../host/i18n';
import type { FormContext } from './context';
import type { Schema } from './schema';
import { Check, Errors, Remove } from './widgets/parts';

type Context = FormContext;

export interface Section {
  title: Text;
  fields: readonly string[];
}

/** Which of an element's companions there are, for `aria-describedby`. */
function described(id: string, hint: unknown, errors: readonly string[] | undefined) {
  const told = [hint ? `${id}-hint` : '', errors?.length ? `${id}-error` : ''].filter(Boolean).join(' ');
  return {
    ...(told ? { 'aria-describedby': told } : {}),
    ...(errors?.length ? { 'aria-invalid': true as const } : {}),
  };
}

/** Fields of our own bring their labels and errors; the others get them here. */
function FieldTemplate(props: FieldTemplateProps<unknown, Schema, Context>) {
  const { id, children, hidden, uiSchema, schema, rawErrors, displayLabel, required, label } = props;
  if (hidden) return <div hidden>{children}</div>;
  if (uiSchema?.['ui:field'] !== undefined) return children;
  const hint = props.rawHelp || props.rawDescription;
  const group = schema.type === 'object' || schema.type === 'array' || schema.type === 'boolean';
  return (
    <WrapIfAdditional {...props}>
      <div className={`pp-field of-${String(schema.type)}`}>
        {displayLabel && !group && (
          <label htmlFor={id}>
            {label}
            {required && <span aria-hidden="true"> *</span>}
          </label>
        )}
        {children}
        <Errors id={`${id}-error`} errors={rawErrors ?? []} />
        {hint && schema.type !== 'object' && (
          <span id={`${id}-hint`} className="pp-hint">
            {hint}
          </span>
        )}
      </div>
    </WrapIfAdditional>
  );
}

function BaseInputTemplate(props: BaseInputTemplateProps<unknown, Schema, Context>) {
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
      value={type === 'datetime-local' ? local(value) : value == null ? '' : String(value)}
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
  if (type === 'number') return Number(text);
  return type === 'datetime-local' ? withZone(text) : text;
}

/** What the browser's own input shows, in the reader's zone. */
function local(value: unknown): string {
  if (typeof value !== 'string' || Number.isNaN(Date.parse(value))) return '';
  const at = new Date(value);
  const there = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return there.toISOString().slice(0, 19);
}

/** A moment, and no time of nowhere: with the offset of the reader's zone at that time. */
function withZone(text: string): string {
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return text;
  const minutes = -at.getTimezoneOffset();
  const pad = (count: number) => String(Math.floor(Math.abs(count))).padStart(2, '0');
  const whole = text.length === 16 ? `${text}:00` : text;
  return `${whole}${minutes < 0 ? '-' : '+'}${pad(minutes / 60)}:${pad(minutes % 60)}`;
}

function ObjectFieldTemplate(props: ObjectFieldTemplateProps<unknown, Schema, Context>) {
  const t = useText();
  const sections = props.uiSchema?.['ui:sections'] as readonly Section[] | undefined;
  if (sections !== undefined) return <Sections {...props} sections={sections} />;
  const root = props.idSchema.$id === 'root';
  return (
    <fieldset className={`pp-object ${root ? 'root' : ''}`}>
      {!root && props.title && <legend className="pp-label">{props.title}</legend>}
      {!root && props.description && <span className="pp-hint">{props.description}</span>}
      {props.properties.map((one) => (
        <div key={one.name}>{one.content}</div>
      ))}
      {props.schema.additionalProperties !== undefined && props.schema.additionalProperties !== false && (
        <div>
          <Button small onClick={props.onAddClick(props.schema)}>
            {t('form.add')}
          </Button>
        </div>
      )}
    </fieldset>
  );
}

/** The root of a resource: its fields in cards; what no card names comes last, as it is. */
function Sections(
  props: ObjectFieldTemplateProps<unknown, Schema, Context> & { sections: readonly Section[] },
) {
  const t = useText();
  const named = new Set(props.sections.flatMap((one) => one.fields));
  const rest = props.properties.filter((one) => !named.has(one.name) && !one.hidden);
  const of = (field: string) => props.properties.find((one) => one.name === field)?.content;
  return (
    <div className="stack">
      {props.sections.map((section) => (
        <Card key={section.title} title={t(section.title)}>
          <div className="body pp-fields">
            {section.fields.map((field) => (
              <div key={field} className={`of of-${field}`}>
                {of(field)}
              </div>
            ))}
          </div>
        </Card>
      ))}
      {rest.length > 0 && (
        <Card title={t('form.more')}>
          <div className="body pp-fields">
            {rest.map((one) => (
              <div key={one.name}>{one.content}</div>
            ))}
          </div>
        </Card>
      )}
    </div>
  );
}

function ArrayFieldTemplate(props: ArrayFieldTemplateProps<unknown, Schema, Context>) {
  const t = useText();
  const title = props.uiSchema?.['ui:title'] ?? props.title;
  return (
    <fieldset className="pp-array" id={props.idSchema.$id}>
      {title && <legend className="pp-label">{title}</legend>}
      {props.items.map(({ key, ...item }) => (
        <ArrayItem key={key} {...item} />
      ))}
      {props.canAdd && (
        <div>
          <Button small onClick={props.onAddClick}>
            {t('form.add')}
          </Button>
        </div>
      )}
    </fieldset>
  );
}

function ArrayItem(item: Omit<ArrayFieldTemplateItemType<unknown, Schema, Context>, 'key'>) {
  const t = useText();
  const what = t('form.parameters.item', { number: item.index + 1 });
  return (
    <div className="pp-array-item">
      <div className="grow">{item.children}</div>
      {item.hasRemove && <Remove what={what} onRemove={item.onDropIndexClick(item.index)} />}
    </div>
  );
}

/** A name that the schema does not know stands beside its value, and can be changed. */
function WrapIfAdditional(props: WrapIfAdditionalTemplateProps<unknown, Schema, Context>) {
  const t = useText();
  if (!('__additional_property' in props.schema)) return <>{props.children}</>;
  return (
    <div className="pp-array-item">
      <div className="pp-field">
        <label htmlFor={`${props.id}-key`}>{t('form.parameters.key')}</label>
        <input
          id={`${props.id}-key`}
          defaultValue={props.label}
          onBlur={(event) => props.onKeyChange(event.target.value)}
        />
      </div>
      <div className="grow">{props.children}</div>
      <Remove what={props.label} onRemove={props.onDropPropertyClick(props.label)} />
    </div>
  );
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

function Nothing() {
  return null;
}

function AddButton({ onClick }: IconButtonProps<unknown, Schema, Context>) {
  const t = useText();
  return (
    <Button small onClick={onClick}>
      {t('form.add')}
    </Button>
  );
}

export const templates = {
  FieldTemplate,
  BaseInputTemplate,
  ObjectFieldTemplate,
  ArrayFieldTemplate,
  WrapIfAdditionalTemplate: WrapIfAdditional,
  ErrorListTemplate: Nothing,
  FieldErrorTemplate: Nothing,
  FieldHelpTemplate: Nothing,
  DescriptionFieldTemplate: Nothing,
  TitleFieldTemplate: Nothing,
  ButtonTemplates: { AddButton, SubmitButton: Nothing },
};

export const widgets = { CheckboxWidget, SelectWidget, TextareaWidget };
