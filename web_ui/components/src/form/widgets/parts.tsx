import { useId, type InputHTMLAttributes, type ReactNode } from 'react';
import { useText } from '../../host/i18n';
import type { FieldProblem } from '../problems';

/** Errors of one place of a value: `['0', 'url']` of a list. */
export function errorsAt(errors: readonly FieldProblem[], ...path: string[]): string[] {
  return errors
    .filter((one) => one.path.length === path.length && one.path.every((step, index) => step === path[index]))
    .map((one) => one.problem);
}

interface FieldProps {
  label: ReactNode;
  hint?: ReactNode;
  errors?: readonly string[];
  /** Said to screen readers alone, where the place says what it is. */
  quiet?: boolean;
  className?: string;
  children: (ids: { id: string; 'aria-describedby'?: string; 'aria-invalid'?: true }) => ReactNode;
}

/** A label, an input and what is to be said of it, tied together by ids. */
export function Field({ label, hint, errors = [], quiet = false, className = '', children }: FieldProps) {
  const id = useId();
  const told = [hint ? `${id}-hint` : '', errors.length > 0 ? `${id}-error` : ''].filter(Boolean).join(' ');
  return (
    <div className={`pp-field ${className}`}>
      <label htmlFor={id} className={quiet ? 'unseen' : ''}>
        {label}
      </label>
      {children({
        id,
        ...(told ? { 'aria-describedby': told } : {}),
        ...(errors.length > 0 ? { 'aria-invalid': true } : {}),
      })}
      {errors.length > 0 && <Errors id={`${id}-error`} errors={errors} />}
      {hint && (
        <span id={`${id}-hint`} className="pp-hint">
          {hint}
        </span>
      )}
    </div>
  );
}

export function Errors({ id, errors }: { id?: string; errors: readonly string[] }) {
  if (errors.length === 0) return null;
  return (
    <span id={id} className="pp-error" data-error>
      {errors.join(' ')}
    </span>
  );
}

type InputProps = Omit<InputHTMLAttributes<HTMLInputElement>, 'value' | 'onChange'> & {
  label: ReactNode;
  hint?: ReactNode;
  errors?: readonly string[];
  quiet?: boolean;
  /** For what a machine reads. */
  mono?: boolean;
  value: string;
  onText: (text: string) => void;
};

export function TextInput({
  mono = false,
  label,
  hint,
  errors,
  quiet,
  value,
  onText,
  className,
  ...rest
}: InputProps) {
  return (
    <Field label={label} hint={hint} errors={errors} quiet={quiet} className={className}>
      {(ids) => (
        <input
          type="text"
          autoComplete="off"
          spellCheck={false}
          {...rest}
          {...ids}
          className={mono ? 'mono' : undefined}
          value={value}
          onChange={(event) => onText(event.target.value)}
        />
      )}
    </Field>
  );
}

interface WholeProps {
  label: ReactNode;
  hint?: ReactNode;
  errors?: readonly string[];
  value: number | null | undefined;
  placeholder?: string;
  min?: number;
  max?: number;
  step?: number | 'any';
  onValue: (value: number | undefined) => void;
}

/** A number, or nothing. */
export function NumberInput({ value, onValue, step = 1, ...rest }: WholeProps) {
  return (
    <TextInput
      {...rest}
      type="number"
      inputMode={step === 1 ? 'numeric' : 'decimal'}
      step={step}
      className="num"
      value={value == null ? '' : String(value)}
      onText={(text) => onValue(text === '' ? undefined : Number(text))}
    />
  );
}

interface SelectProps {
  label: ReactNode;
  hint?: ReactNode;
  errors?: readonly string[];
  quiet?: boolean;
  value: string;
  options: readonly { value: string; label: string; disabled?: boolean }[];
  onText: (value: string) => void;
}

export function Select({ label, hint, errors, quiet, value, options, onText }: SelectProps) {
  return (
    <Field label={label} hint={hint} errors={errors} quiet={quiet}>
      {(ids) => (
        <select {...ids} value={value} onChange={(event) => onText(event.target.value)}>
          {options.map((one) => (
            <option key={one.value} value={one.value} disabled={one.disabled}>
              {one.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function Check({
  label,
  checked,
  onChecked,
}: {
  label: ReactNode;
  checked: boolean;
  onChecked: (on: boolean) => void;
}) {
  return (
    <label className="pp-check">
      <input type="checkbox" checked={checked} onChange={(event) => onChecked(event.target.checked)} />
      <span>{label}</span>
    </label>
  );
}

/** Takes one entry out of a list. */
export function Remove({ what, onRemove }: { what: string; onRemove: () => void }) {
  const t = useText();
  return (
    <button type="button" className="pp-remove" aria-label={t('form.remove', { what })} onClick={onRemove}>
      <svg viewBox="0 0 16 16" width="14" height="14" aria-hidden="true">
        <path d="M4 4l8 8M12 4l-8 8" stroke="currentColor" strokeWidth="1.6" strokeLinecap="round" />
      </svg>
    </button>
  );
}

interface SegmentsProps {
  label: string;
  /** Said to screen readers alone. */
  quiet?: boolean;
  value: string;
  options: readonly { value: string; label: string }[];
  onText: (value: string) => void;
}

/** A choice of few, all of them to be seen. */
export function Segments({ label, quiet = false, value, options, onText }: SegmentsProps) {
  const name = useId();
  return (
    <fieldset className="pp-segments">
      <legend className={quiet ? 'unseen' : ''}>{label}</legend>
      <div>
        {options.map((one) => (
          <label key={one.value}>
            <input
              type="radio"
              name={name}
              value={one.value}
              checked={one.value === value}
              onChange={() => onText(one.value)}
            />
            <span>{one.label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
