import { useEffect, useState } from 'react';
import { Button } from '../../ui/primitives';
import { useText } from '../../host/i18n';
import { useFocusOfNew } from '../focus';
import type { FieldProblem } from '../problems';
import { same } from '../schema';
import { Errors, errorsAt, Remove, TextInput } from './parts';

interface PairsProps {
  label: string;
  add: string;
  value: Record<string, string> | undefined;
  errors?: readonly FieldProblem[];
  onValue: (value: Record<string, string> | undefined) => void;
}

type Rows = [string, string][];

const rowsOf = (value: Record<string, string> | undefined): Rows => Object.entries(value ?? {});
const valueOf = (rows: Rows): Record<string, string> | undefined => {
  const named = rows.filter(([name]) => name !== '');
  return named.length === 0 ? undefined : Object.fromEntries(named);
};

/** Names and values, such as environment variables. A name that is there twice is said, and the last counts. */
export function Pairs({ label, add, value, errors = [], onValue }: PairsProps) {
  const t = useText();
  const [rows, setRows] = useState<Rows>(() => rowsOf(value));
  const [list, focusNew] = useFocusOfNew('.pair');
  useEffect(() => {
    setRows((typed) => (same(valueOf(typed) ?? {}, value ?? {}) ? typed : rowsOf(value)));
  }, [value]);
  const change = (next: Rows) => {
    setRows(next);
    onValue(valueOf(next));
  };
  const set = (at: number, row: [string, string]) =>
    change(rows.map((one, index) => (index === at ? row : one)));
  const more = () => {
    focusNew();
    setRows([...rows, ['', '']]);
  };
  return (
    <div className="pp-group" role="group" aria-label={label}>
      <span className="pp-label">{label}</span>
      <div ref={list} className="rows">
        {rows.map(([name, text], at) => (
          <div key={at} className="pair">
            <TextInput
              quiet
              label={t('form.variables.name')}
              placeholder={t('form.variables.name')}
              mono
              value={name}
              errors={[...twice(rows, at, t), ...ofName(errors, name)]}
              onText={(typed) => set(at, [typed, text])}
            />
            <TextInput
              quiet
              label={`${t('form.variables.value')} ${name}`}
              placeholder={t('form.variables.value')}
              mono
              value={text}
              onText={(typed) => set(at, [name, typed])}
            />
            <Remove
              what={name || t('form.variables.name')}
              onRemove={() => change(rows.filter((_, index) => index !== at))}
            />
          </div>
        ))}
      </div>
      <div>
        <Button small onClick={more}>
          {add}
        </Button>
      </div>
      <Errors errors={errorsAt(errors)} />
    </div>
  );
}

/** A name may have dots in it, at which the platform's answer is divided too. */
function ofName(errors: readonly FieldProblem[], name: string): string[] {
  return errors
    .filter((one) => one.path.length > 0 && one.path.filter((step) => step !== '[key]').join('.') === name)
    .map((one) => one.problem);
}

function twice(rows: Rows, at: number, t: ReturnType<typeof useText>): string[] {
  const name = rows[at]?.[0] ?? '';
  const found = name !== '' && rows.some(([other], index) => index < at && other === name);
  return found ? [t('form.error.twice', { what: name })] : [];
}
