import { useState, type ClipboardEvent, type KeyboardEvent } from 'react';
import { useText } from '../../host/i18n';
import type { FieldProblem } from '../problems';
import { Errors, Field, Remove } from './parts';

interface PackagesProps {
  label: string;
  value: readonly string[] | undefined;
  errors?: readonly FieldProblem[];
  onValue: (value: string[] | undefined) => void;
}

/** Requirements as chips. What was typed and not entered counts when one leaves the input. */
export function Packages({ label, value = [], errors = [], onValue }: PackagesProps) {
  const t = useText();
  const [text, setText] = useState('');
  const set = (all: string[]) => onValue(all.length === 0 ? undefined : all);
  const add = (typed: string) => {
    const found = typed
      .split(/\r?\n/)
      .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
      .filter(Boolean);
    setText('');
    if (found.length > 0) set([...new Set([...value, ...found])]);
  };
  const key = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Enter' && text.trim() !== '') {
      event.preventDefault();
      add(text);
    }
    if (event.key === 'Backspace' && text === '' && value.length > 0) set(value.slice(0, -1));
  };
  const paste = (event: ClipboardEvent<HTMLInputElement>) => {
    const pasted = event.clipboardData.getData('text');
    if (!pasted.includes('\n')) return;
    event.preventDefault();
    add(`${text}${pasted}`);
  };
  return (
    <div className="pp-group">
      <Field label={label} hint={t('form.packages.hint')}>
        {(ids) => (
          <div className="pp-chips">
            {value.map((one, at) => (
              <span key={one} className={`pp-chip mono ${wrong(errors, at) ? 'bad' : ''}`}>
                {one}
                <Remove what={one} onRemove={() => set(value.filter((_, index) => index !== at))} />
              </span>
            ))}
            <input
              {...ids}
              className="mono"
              autoComplete="off"
              spellCheck={false}
              placeholder={t('form.packages.add')}
              value={text}
              onChange={(event) => setText(event.target.value)}
              onKeyDown={key}
              onPaste={paste}
              onBlur={() => add(text)}
            />
          </div>
        )}
      </Field>
      <Errors errors={errors.map((one) => `${value[Number(one.path[0])] ?? ''} ${one.problem}`.trim())} />
    </div>
  );
}

const wrong = (errors: readonly FieldProblem[], at: number) =>
  errors.some((one) => one.path[0] === String(at));
