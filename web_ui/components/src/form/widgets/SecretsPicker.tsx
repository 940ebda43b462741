import { useText } from '../../host/i18n';
import type { Attachment, Secret } from '../model';
import type { FieldProblem } from '../problems';
import { errorsAt, Segments, Select, TextInput } from './parts';
import { Rows } from './Rows';

interface SecretsPickerProps {
  value: readonly Attachment[] | undefined;
  secrets: readonly Secret[];
  errors?: readonly FieldProblem[];
  onValue: (value: Attachment[] | undefined) => void;
}

/** Which secrets, each as a variable or as a file. Names only: no answer of the platform holds a value. */
export function SecretsPicker({ value = [], secrets, errors = [], onValue }: SecretsPickerProps) {
  const t = useText();
  const first = secrets[0]?.name;
  if (secrets.length === 0 && value.length === 0)
    return <span className="pp-hint">{t('form.secrets.nothing')}</span>;
  return (
    <>
      <Rows<Attachment>
        items={value}
        errors={errors}
        add={t('form.secrets.add')}
        fresh={{ secret: first, variable: variableOf(first ?? '') }}
        nameOf={(one) => one.secret ?? ''}
        onItems={onValue}
      >
        {(one, set, wrong) => (
          <>
            <SecretSelect
              label={t('form.secrets.secret')}
              value={one.secret ?? ''}
              secrets={secrets}
              errors={errorsAt(wrong, 'secret')}
              onValue={(secret) => set({ secret, ...renamed(one, secret) })}
            />
            <Segments
              label={t('form.secrets.as')}
              value={one.path === undefined ? 'variable' : 'file'}
              options={[
                { value: 'variable', label: t('form.secrets.variable') },
                { value: 'file', label: t('form.secrets.file') },
              ]}
              onText={(how) => set(how === 'file' ? asFile(one) : asVariable(one))}
            />
            {one.path === undefined ? (
              <TextInput
                label={t('form.secrets.target.variable')}
                mono
                value={one.variable ?? ''}
                errors={errorsAt(wrong, 'variable')}
                onText={(variable) => set({ variable })}
              />
            ) : (
              <TextInput
                label={t('form.secrets.target.file')}
                mono
                value={one.path}
                errors={errorsAt(wrong, 'path')}
                onText={(path) => set({ path })}
              />
            )}
          </>
        )}
      </Rows>
      <span className="pp-hint">{t('form.secrets.hint')}</span>
    </>
  );
}

/** As `secrets=["db-password"]` names it by itself. */
export const variableOf = (secret: string) => secret.toUpperCase().replaceAll('-', '_');

function renamed(one: Attachment, secret: string): Partial<Attachment> {
  const byItself = one.path === undefined && (one.variable ?? '') === variableOf(one.secret ?? '');
  return byItself ? { variable: variableOf(secret) } : {};
}

const asFile = (one: Attachment): Partial<Attachment> => ({
  variable: undefined,
  path: `~/.secrets/${one.secret ?? ''}`,
});
const asVariable = (one: Attachment): Partial<Attachment> => ({
  variable: variableOf(one.secret ?? ''),
  path: undefined,
  mode: undefined,
});

interface SecretSelectProps {
  label: string;
  hint?: string;
  value: string;
  secrets: readonly Secret[];
  errors?: readonly string[];
  /** What none is called; without it one has to be chosen. */
  none?: string;
  onValue: (name: string) => void;
}

/** One secret by its name. One that is gone stays visible, so that its field can say so. */
export function SecretSelect({ label, hint, value, secrets, errors, none, onValue }: SecretSelectProps) {
  const t = useText();
  const names = secrets.map((one) => one.name);
  const gone = value !== '' && !names.includes(value);
  return (
    <Select
      label={label}
      hint={hint}
      value={value}
      errors={errors}
      onText={onValue}
      options={[
        ...(none === undefined ? [] : [{ value: '', label: none }]),
        ...(gone ? [{ value, label: t('form.secrets.gone', { name: value }) }] : []),
        ...names.map((name) => ({ value: name, label: name })),
      ]}
    />
  );
}
