import { useText } from '../host/i18n';
import { Card } from '../ui/primitives';
import type { Kind } from './model';
import type { Document } from './useDocument';
import { Check, Select, TextInput } from './widgets/parts';

interface NameCardProps {
  kind: Kind;
  form: string;
  document: Document;
  errors: readonly string[];
  tried: boolean;
  flows: readonly { id: string; name: string }[];
  flow: string;
  onFlow: (id: string) => void;
}

/** What only a new one is asked for. */
export function NameCard({ kind, form, document, errors, ...rest }: NameCardProps) {
  const t = useText();
  return (
    <Card>
      <div className="body pp-fields">
        <TextInput
          label={t('form.name')}
          hint={t('form.name.hint')}
          form={form}
          maxLength={63}
          aria-required={kind !== 'dask-cluster'}
          value={document.name}
          errors={errors}
          onText={document.setName}
        />
        {kind === 'dask-cluster' ? (
          <FlowSelect {...rest} />
        ) : (
          <Check label={t('form.start')} checked={document.start} onChecked={document.setStart} />
        )}
      </div>
    </Card>
  );
}

/** With what the cluster works: a browser has no interpreter of its own to name. */
function FlowSelect({
  flows,
  flow,
  tried,
  onFlow,
}: Pick<NameCardProps, 'flows' | 'flow' | 'tried' | 'onFlow'>) {
  const t = useText();
  if (flows.length === 0) return <span className="pp-hint">{t('form.python.nothing')}</span>;
  return (
    <Select
      label={t('form.python.as')}
      hint={t('form.python.hint')}
      value={flow}
      errors={tried && flow === '' ? [t('form.error.required')] : []}
      options={[{ value: '', label: '' }, ...flows.map((one) => ({ value: one.id, label: one.name }))]}
      onText={onFlow}
    />
  );
}
