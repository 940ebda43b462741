import { useEffect, useState, type ReactNode } from 'react';
import { useText } from '../../host/i18n';
import { byteCount, bytesText } from '../amounts';
import { TextInput } from './parts';

interface AmountProps {
  label: ReactNode;
  hint?: ReactNode;
  errors?: readonly string[];
  placeholder?: string;
  value: number | null | undefined;
  onValue: (bytes: number | undefined) => void;
}

/** Bytes as people write them. What cannot be read stays as it was typed, and says so. */
export function AmountInput({ value, onValue, errors = [], ...rest }: AmountProps) {
  const t = useText();
  const [text, setText] = useState(shown(value));
  const unread = text.trim() !== '' && byteCount(text) === null;
  useEffect(() => {
    // Another value came from outside: what was typed means something else now.
    setText((typed) => ((byteCount(typed) ?? undefined) === (value ?? undefined) ? typed : shown(value)));
  }, [value]);
  const change = (typed: string) => {
    setText(typed);
    const found = byteCount(typed);
    if (typed.trim() === '') onValue(undefined);
    else if (found !== null) onValue(found);
  };
  return (
    <TextInput
      {...rest}
      inputMode="text"
      value={text}
      onText={change}
      errors={unread ? [t('form.error.amount')] : errors}
    />
  );
}

const shown = (value: number | null | undefined) => (value == null ? '' : bytesText(value, ' '));
