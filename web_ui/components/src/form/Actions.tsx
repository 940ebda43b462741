import { Unreachable } from '../api/problem';
import { useText } from '../host/i18n';
import { Button, Problem } from '../ui/primitives';
import type { Kind } from './model';
import { Check } from './widgets/parts';

interface ActionsProps {
  kind: Kind;
  form: string;
  /** Whether it is there already. */
  there: boolean;
  /** Fields that are wrong, as far as they are to be told. */
  faults: number;
  error: unknown;
  busy: boolean;
  disabled: boolean;
  /** Whether what runs would go on as it is. */
  waits: boolean;
  again: boolean;
  onAgain: (again: boolean) => void;
  onCancel?: () => void;
}

export function Actions(props: ActionsProps) {
  const { kind, form, there, faults, error, busy, disabled, waits, again, onAgain, onCancel } = props;
  const t = useText();
  const word = there ? t('form.save') : t(`form.create.${kind}`);
  return (
    <div className="pp-actions">
      {error != null && (
        <Problem error={error instanceof Unreachable ? new Error(t('form.unreachable')) : error} />
      )}
      {faults > 0 && (
        <span className="pp-error" role="status">
          {faults === 1 ? t('form.faults.one') : t('form.faults', { count: faults })}
        </span>
      )}
      {waits && <Check label={t('form.restart')} checked={again} onChecked={onAgain} />}
      <div className="row">
        <Button look="primary" type="submit" form={form} className="grow" disabled={busy || disabled}>
          {busy ? t('form.saving') : word}
        </Button>
        {onCancel && <Button onClick={onCancel}>{there ? t('form.discard') : t('cancel')}</Button>}
      </div>
    </div>
  );
}

/** Somebody else was faster: who and when, and what to do about it. */
export function Meanwhile({ error, onSettle }: { error: unknown; onSettle: (mine: boolean) => void }) {
  const t = useText();
  return (
    <div className="pp-problem meanwhile" role="alert">
      <span className="grow">{error instanceof Error ? error.message : String(error)}</span>
      <Button small onClick={() => onSettle(false)}>
        {t('form.changed.theirs')}
      </Button>
      <Button small look="primary" onClick={() => onSettle(true)}>
        {t('form.changed.take')}
      </Button>
    </div>
  );
}
