import { useText } from '../../host/i18n';
import type { Repository, Secret } from '../model';
import type { FieldProblem } from '../problems';
import { Check, errorsAt, TextInput } from './parts';
import { Rows } from './Rows';
import { SecretSelect } from './SecretsPicker';

interface RepositoriesProps {
  value: readonly Repository[] | undefined;
  secrets: readonly Secret[];
  errors?: readonly FieldProblem[];
  onValue: (value: Repository[] | undefined) => void;
}

export function Repositories({ value = [], secrets, errors = [], onValue }: RepositoriesProps) {
  const t = useText();
  return (
    <Rows<Repository>
      items={value}
      errors={errors}
      add={t('form.git.add')}
      fresh={{ url: '' }}
      nameOf={(one) => one.url ?? ''}
      onItems={onValue}
    >
      {(one, set, wrong) => (
        <>
          <TextInput
            label={t('form.git.url')}
            mono
            className="wide"
            placeholder="https://…"
            value={one.url ?? ''}
            errors={errorsAt(wrong, 'url')}
            onText={(url) => set({ url })}
          />
          <TextInput
            label={t('form.git.ref')}
            mono
            value={one.ref ?? ''}
            errors={errorsAt(wrong, 'ref')}
            onText={(ref) => set({ ref: ref || undefined })}
          />
          <TextInput
            label={t('form.git.path')}
            mono
            placeholder={folderOf(one.url ?? '')}
            value={one.path ?? ''}
            errors={errorsAt(wrong, 'path')}
            onText={(path) => set({ path: path || undefined })}
          />
          <SecretSelect
            label={t('form.git.secret')}
            none={t('form.none')}
            value={one.secret ?? ''}
            secrets={secrets}
            errors={errorsAt(wrong, 'secret')}
            onValue={(secret) => set({ secret: secret || undefined })}
          />
          <div className="checks">
            <Check
              label={t('form.git.reclone')}
              checked={one.on_restart === 'reclone'}
              onChecked={(on) =>
                set(on ? { on_restart: 'reclone' } : { on_restart: undefined, discard_changes: undefined })
              }
            />
            {one.on_restart === 'reclone' && (
              <Check
                label={t('form.git.discard')}
                checked={one.discard_changes ?? false}
                onChecked={(on) => set({ discard_changes: on || undefined })}
              />
            )}
          </div>
        </>
      )}
    </Rows>
  );
}

const folderOf = (url: string) => /([^/:]+?)(\.git)?\/?$/.exec(url)?.[1] ?? '';
