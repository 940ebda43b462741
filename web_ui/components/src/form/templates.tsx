import type {
  ArrayFieldTemplateItemType,
  ArrayFieldTemplateProps,
  FieldTemplateProps,
  ObjectFieldTemplateProps,
  WrapIfAdditionalTemplateProps,
} from '@rjsf/utils';
import { Button, Card } from '../ui/primitives';
import { useText, type Text } from '../host/i18n';
import type { FormContext } from './context';
import { BaseInputTemplate } from './inputs';
import type { Schema } from './schema';
import { Errors, Remove } from './widgets/parts';

type Context = FormContext;

export interface Section {
  title: Text;
  fields: readonly string[];
}

/** Fields of our own bring their labels and errors; the others get them here. */
function FieldTemplate(props: FieldTemplateProps<unknown, Schema, Context>) {
  const { id, children, hidden, uiSchema, schema, rawErrors, displayLabel, required, label } = props;
  if (hidden) return <div hidden>{children}</div>;
  if (uiSchema?.['ui:field'] !== undefined) return children;
  const hint = props.rawHelp || props.rawDescription;
  const group = schema.type === 'object' || schema.type === 'array' || schema.type === 'boolean';
  return (
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
  );
}

function ObjectFieldTemplate(props: ObjectFieldTemplateProps<unknown, Schema, Context>) {
  const sections = props.uiSchema?.['ui:sections'] as readonly Section[] | undefined;
  if (sections !== undefined) return <Sections {...props} sections={sections} />;
  const root = !props.idSchema.$id.includes('_'); // which joins the names below it
  return (
    <fieldset className={`pp-object ${root ? 'root' : ''}`}>
      {!root && props.title && <legend className="pp-label">{props.title}</legend>}
      {!root && props.description && <span className="pp-hint">{props.description}</span>}
      {props.properties.map((one) => (
        <div key={one.name}>{one.content}</div>
      ))}
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

/** Names that a schema leaves open are shown by a field of ours. */
function Inside({ children }: WrapIfAdditionalTemplateProps<unknown, Schema, Context>) {
  return <>{children}</>;
}

function Nothing() {
  return null;
}

export const templates = {
  FieldTemplate,
  BaseInputTemplate,
  ObjectFieldTemplate,
  ArrayFieldTemplate,
  WrapIfAdditionalTemplate: Inside,
  ErrorListTemplate: Nothing,
  FieldErrorTemplate: Nothing,
  FieldHelpTemplate: Nothing,
  DescriptionFieldTemplate: Nothing,
  TitleFieldTemplate: Nothing,
  ButtonTemplates: { SubmitButton: Nothing },
};
