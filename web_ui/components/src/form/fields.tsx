import type { FieldProps } from '@rjsf/utils';
import { useEffect, useState } from 'react';
import { useText } from '../host/i18n';
import * as words from '../ui/words';
import type { FormContext } from './context';
import type { Attachment, DaskSpec, GpuRequest, Queue, Repository } from './model';
import { errorsBelow, type FieldProblem } from './problems';
import { resolved, same, type Schema } from './schema';
import { AmountInput } from './widgets/AmountInput';
import { DaskPart } from './widgets/DaskPart';
import { GpuPicker } from './widgets/GpuPicker';
import { Packages } from './widgets/Packages';
import { Pairs } from './widgets/Pairs';
import { errorsAt, Field, NumberInput } from './widgets/parts';
import { Queues } from './widgets/Queues';
import { Repositories } from './widgets/Repositories';
import { Script } from './widgets/Script';
import { SecretSelect, SecretsPicker } from './widgets/SecretsPicker';
import { SecondsInput, Shutoff } from './widgets/Shutoff';
import { SizeCards } from './widgets/SizeCards';
import { fieldHint, fieldName, sentence } from './words';

type Props<Value> = Omit<FieldProps<unknown, Schema, FormContext>, 'formData' | 'onChange'> & {
  formData?: Value;
  onChange: (value: Value | undefined) => void;
};

/** What stands around a field of ours: its name, hint, errors, and what the form knows. */
function useParts(props: Props<never>) {
  const t = useText();
  const here = (props.rawErrors ?? []).map((problem: string): FieldProblem => ({ path: [], problem }));
  const errors = [...here, ...errorsBelow(props.errorSchema)]; // rjsf parts the two
  const context: FormContext = props.registry.formContext;
  return {
    t,
    errors,
    own: errorsAt(errors),
    context,
    label: fieldName(props.name, t),
    hint: fieldHint(props.name, t),
  };
}

function SizeField(props: Props<string>) {
  const { t, own, context, label } = useParts(props as Props<never>);
  return (
    <SizeCards
      label={label}
      sizes={context.sizes ?? []}
      evidence={context.evidence}
      value={props.formData}
      errors={own}
      without={t('form.size.own.hint')}
      onValue={(size) =>
        context.set?.(size === undefined ? { size } : { size, cores: undefined, memory_bytes: undefined })
      }
    />
  );
}

/** Only where no size says it. */
function CoresField(props: Props<number>) {
  const { own, context, label } = useParts(props as Props<never>);
  if (context.spec?.size !== undefined) return null;
  return (
    <NumberInput
      label={label}
      value={props.formData}
      placeholder="1"
      min={0}
      step="any"
      errors={own}
      onValue={props.onChange}
    />
  );
}

function MemoryField(props: Props<number>) {
  const { own, context, label, hint } = useParts(props as Props<never>);
  if (context.spec?.size !== undefined && props.name === 'memory_bytes') return null;
  const initial = props.schema.default;
  const standard =
    props.name === 'memory_bytes' ? (context.kind === 'prefect-agent' ? '256 MiB' : '2 GiB') : '';
  return (
    <AmountInput
      label={label}
      hint={hint}
      value={props.formData}
      placeholder={typeof initial === 'number' ? words.bytes(initial) : standard}
      errors={own}
      onValue={props.onChange}
    />
  );
}

function GpuField(props: Props<GpuRequest>) {
  const { errors, context, label } = useParts(props as Props<never>);
  return (
    <GpuPicker
      label={label}
      value={props.formData}
      gpus={context.gpus ?? []}
      errors={errors}
      onValue={props.onChange}
    />
  );
}

function PackagesField(props: Props<string[]>) {
  const { errors, label } = useParts(props as Props<never>);
  return <Packages label={label} value={props.formData} errors={errors} onValue={props.onChange} />;
}

function PairsField(props: Props<Record<string, string>>) {
  const { t, errors, label } = useParts(props as Props<never>);
  const add = t(props.name === 'labels' ? 'form.labels.add' : 'form.variables.add');
  return <Pairs label={label} add={add} value={props.formData} errors={errors} onValue={props.onChange} />;
}

function ScriptField(props: Props<string>) {
  const { t, own, label, hint } = useParts(props as Props<never>);
  const example = props.name === 'start_script' ? t('form.script.placeholder') : undefined;
  return (
    <Script
      label={label}
      hint={hint}
      placeholder={example}
      value={props.formData}
      errors={own}
      onValue={props.onChange}
    />
  );
}

function GitField(props: Props<Repository[]>) {
  const { errors, context } = useParts(props as Props<never>);
  return (
    <Repositories
      value={props.formData}
      secrets={context.secrets ?? []}
      errors={errors}
      onValue={props.onChange}
    />
  );
}

function SecretsField(props: Props<Attachment[]>) {
  const { errors, context } = useParts(props as Props<never>);
  return (
    <SecretsPicker
      value={props.formData}
      secrets={context.secrets ?? []}
      errors={errors}
      onValue={props.onChange}
    />
  );
}

function SecretField(props: Props<string>) {
  const { t, own, context, label, hint } = useParts(props as Props<never>);
  return (
    <SecretSelect
      label={label}
      hint={hint}
      none={t('form.none')}
      value={props.formData ?? ''}
      secrets={context.secrets ?? []}
      errors={own}
      onValue={(name) => props.onChange(name || undefined)}
    />
  );
}

function QueuesField(props: Props<Queue[]>) {
  const { errors } = useParts(props as Props<never>);
  return <Queues value={props.formData} errors={errors} onValue={props.onChange} />;
}

function ShutoffField(props: Props<string>) {
  const { label } = useParts(props as Props<never>);
  const initial = resolved(props.schema, props.registry.rootSchema).default;
  return <Shutoff label={label} value={props.formData ?? String(initial ?? '1h')} onValue={props.onChange} />;
}

function SecondsField(props: Props<number>) {
  const { t, own, label, hint } = useParts(props as Props<never>);
  const hour = props.name === 'idle_timeout_seconds' ? t('form.seconds.hour') : undefined;
  return (
    <SecondsInput
      placeholder={hour}
      label={label}
      hint={hint}
      value={props.formData}
      errors={own}
      onValue={props.onChange}
    />
  );
}

/** All that a cluster is but when it ends; it stands for its fields together. */
function DaskField(props: Props<number>) {
  const { context } = useParts(props as Props<never>);
  const value = (context.spec ?? {}) as DaskSpec;
  const change = (next: DaskSpec) => {
    const gone = Object.fromEntries(Object.keys(value).map((name) => [name, undefined]));
    context.set?.({ ...gone, ...next });
  };
  return (
    <DaskPart
      value={value}
      sizes={context.sizes ?? []}
      gpus={context.gpus ?? []}
      errors={context.problems}
      summed={false}
      onValue={change}
    />
  );
}

/** `dict[str, int]`: names beside values. A text that is no number stays one, and the schema says so. */
function MapField(props: Props<Record<string, unknown>>) {
  const { t, errors } = useParts(props as Props<never>);
  const numbers = resolved(props.schema.additionalProperties, props.registry.rootSchema).type !== 'string';
  const read = (all: Record<string, string>) =>
    Object.fromEntries(Object.entries(all).map(([name, text]) => [name, numbers ? number(text) : text]));
  const [texts, setTexts] = useState(() => written(props.formData));
  const value = same(read(texts), props.formData ?? {}) ? texts : written(props.formData);
  return (
    <Pairs
      label={props.uiSchema?.['ui:title'] ?? sentence(props.name)}
      add={t('form.parameters.entry')}
      value={value}
      errors={errors}
      onValue={(next = {}) => {
        setTexts(next);
        props.onChange(read(next));
      }}
    />
  );
}

const number = (text: string) => (text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text);
const written = (all: Record<string, unknown> | undefined) =>
  Object.fromEntries(Object.entries(all ?? {}).map(([name, value]) => [name, String(value)]));

function HiddenField() {
  return null;
}

/** What a form cannot show: the value as JSON. What is no JSON is kept as typed, and not passed on. */
export function JsonField(props: Props<unknown>) {
  const { t, own } = useParts(props as Props<never>);
  const [text, setText] = useState(() => shown(props.formData));
  const [wrong, setWrong] = useState('');
  useEffect(() => {
    setText((typed) => (sameJson(typed, props.formData) ? typed : shown(props.formData)));
  }, [props.formData]);
  const change = (typed: string) => {
    setText(typed);
    try {
      props.onChange(typed.trim() === '' ? undefined : (JSON.parse(typed) as unknown));
      setWrong('');
    } catch (error) {
      setWrong(t('form.error.json', { why: (error as Error).message }));
    }
  };
  const title = props.uiSchema?.['ui:title'] ?? props.schema.title ?? fieldName(props.name, t);
  return (
    <Field
      label={title}
      hint={props.schema.description ?? t('form.json.hint')}
      errors={wrong ? [wrong] : own}
    >
      {(ids) => (
        <textarea
          {...ids}
          rows={4}
          spellCheck={false}
          value={text}
          onChange={(event) => change(event.target.value)}
        />
      )}
    </Field>
  );
}

const shown = (value: unknown) => (value === undefined ? '' : JSON.stringify(value, null, 2));

function sameJson(text: string, value: unknown): boolean {
  try {
    const read: unknown = text.trim() === '' ? undefined : JSON.parse(text);
    return JSON.stringify(read) === JSON.stringify(value);
  } catch {
    return true; // it is being typed
  }
}

export const fields = {
  'pp-size': SizeField,
  'pp-cores': CoresField,
  'pp-amount': MemoryField,
  'pp-gpu': GpuField,
  'pp-packages': PackagesField,
  'pp-pairs': PairsField,
  'pp-script': ScriptField,
  'pp-git': GitField,
  'pp-secrets': SecretsField,
  'pp-secret': SecretField,
  'pp-queues': QueuesField,
  'pp-shutoff': ShutoffField,
  'pp-seconds': SecondsField,
  'pp-dask': DaskField,
  'pp-map': MapField,
  'pp-hidden': HiddenField,
  'pp-json': JsonField,
} as const;
