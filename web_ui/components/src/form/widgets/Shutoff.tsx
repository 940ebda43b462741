import { useEffect, useState } from 'react';
import { useText } from '../../host/i18n';
import { Field, Segments } from './parts';

export const SHUTOFFS = ['1h', '6h', '24h', '3d', '7d', 'never'] as const;
export type ShutoffTime = (typeof SHUTOFFS)[number];

interface ShutoffProps {
  label: string;
  value: string;
  onValue: (value: ShutoffTime) => void;
}

export function Shutoff({ label, value, onValue }: ShutoffProps) {
  const t = useText();
  return (
    <div className="pp-group">
      <Segments
        label={label}
        value={value}
        options={SHUTOFFS.map((one) => ({ value: one, label: t(`form.shutoff.${one}`) }))}
        onText={(one) => onValue(one as ShutoffTime)}
      />
      <span className="pp-hint">{t('form.shutoff.hint')}</span>
    </div>
  );
}

const UNITS: [string, number][] = [['min', 60], ['h', 3600], ['d', 86400]]; // prettier-ignore

interface SecondsProps {
  label: string;
  hint?: string;
  value: number | null | undefined;
  errors?: readonly string[];
  /** What an empty one means. */
  placeholder?: string;
  onValue: (seconds: number | undefined) => void;
}

/** A time as a number of minutes, hours or days; empty is never. */
export function SecondsInput({ label, hint, value, errors, placeholder, onValue }: SecondsProps) {
  const t = useText();
  const [unit, setUnit] = useState(() => unitOf(value));
  useEffect(() => {
    if (value != null && !Number.isInteger((value / factor(unit)) * 100)) setUnit(unitOf(value));
  }, [value, unit]);
  return (
    <Field label={label} hint={hint} errors={errors}>
      {(ids) => (
        <div className="pp-joined">
          <input
            {...ids}
            type="number"
            min={0}
            step="any"
            className="num"
            placeholder={placeholder ?? t('form.seconds.never')}
            value={value == null ? '' : String(value / factor(unit))}
            onChange={(event) =>
              onValue(event.target.value === '' ? undefined : Number(event.target.value) * factor(unit))
            }
          />
          <select
            aria-label={t('form.seconds.unit', { what: label })}
            value={unit}
            onChange={(event) => {
              setUnit(event.target.value);
              if (value != null) onValue((value / factor(unit)) * factor(event.target.value));
            }}
          >
            {UNITS.map(([name]) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </div>
      )}
    </Field>
  );
}

const factor = (unit: string) => UNITS.find(([name]) => name === unit)?.[1] ?? 60;
const unitOf = (value: number | null | undefined) =>
  [...UNITS].reverse().find(([, seconds]) => value != null && value % seconds === 0)?.[0] ?? 'h';
