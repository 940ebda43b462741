import { NumberedText } from './NumberedText';
import { Field } from './parts';

interface ScriptProps {
  label: string;
  hint?: string;
  placeholder?: string;
  value: string | undefined;
  errors?: readonly string[];
  onValue: (value: string | undefined) => void;
}

export function Script({ label, hint, placeholder, value = '', errors, onValue }: ScriptProps) {
  return (
    <Field label={label} hint={hint} errors={errors}>
      {(ids) => (
        <NumberedText
          {...ids}
          least={3}
          placeholder={placeholder}
          value={value}
          onChange={(event) => onValue(event.target.value === '' ? undefined : event.target.value)}
        />
      )}
    </Field>
  );
}
