import { useId } from 'react';
import { useText } from '../../host/i18n';
import * as words from '../../ui/words';
import type { Gpu, GpuRequest } from '../model';
import type { FieldProblem } from '../problems';
import { AmountInput } from './AmountInput';
import { errorsAt, Field, NumberInput } from './parts';

interface GpuPickerProps {
  value: GpuRequest | undefined;
  gpus: readonly Gpu[];
  errors?: readonly FieldProblem[];
  label?: string;
  onValue: (value: GpuRequest | undefined) => void;
}

/** How many, of what kind, with how much memory; beside it what the platform has. */
export function GpuPicker({ value, gpus, errors = [], label, onValue }: GpuPickerProps) {
  const t = useText();
  const list = useId();
  const change = (part: GpuRequest) => {
    const next = { ...value, ...part };
    const kept = Object.fromEntries(
      Object.entries(next).filter(([, one]) => one !== undefined && one !== ''),
    );
    onValue(Object.keys(kept).length === 0 ? undefined : (kept as GpuRequest));
  };
  return (
    <div className="pp-group">
      <div className="pp-grid">
        <NumberInput
          label={label ?? t('form.gpu.count')}
          value={value === undefined ? undefined : (value.count ?? 1)}
          min={1}
          max={64}
          placeholder={t('form.gpu.of-size')}
          errors={[...errorsAt(errors), ...errorsAt(errors, 'count')]}
          onValue={(count) => (count === undefined ? onValue(undefined) : change({ count }))}
        />
        {value !== undefined && (
          <>
            <Field label={t('form.gpu.type')} errors={errorsAt(errors, 'type')}>
              {(ids) => (
                <input
                  {...ids}
                  list={list}
                  placeholder={t('form.gpu.any')}
                  value={value.type ?? ''}
                  onChange={(event) => change({ type: event.target.value || undefined })}
                />
              )}
            </Field>
            <datalist id={list}>
              {[...new Set(gpus.map((one) => one.name))].map((name) => (
                <option key={name} value={name} />
              ))}
            </datalist>
            <AmountInput
              label={t('form.gpu.min')}
              placeholder="24 GB"
              value={value.min_memory_bytes}
              errors={errorsAt(errors, 'min_memory_bytes')}
              onValue={(bytes) => change({ min_memory_bytes: bytes })}
            />
            <AmountInput
              label={t('form.gpu.max')}
              placeholder="80 GB"
              value={value.max_memory_bytes}
              errors={errorsAt(errors, 'max_memory_bytes')}
              onValue={(bytes) => change({ max_memory_bytes: bytes })}
            />
          </>
        )}
      </div>
      <span className="pp-hint">
        {gpus.length === 0 ? t('form.gpu.nothing') : t('form.gpu.here', { gpus: listed(gpus) })}
      </span>
    </div>
  );
}

function listed(gpus: readonly Gpu[]): string {
  const counts = new Map<string, number>();
  for (const gpu of gpus) {
    const name = `${gpu.name} (${words.bytes(gpu.memory_bytes)})`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count} × ${name}`).join(', ');
}
