import { useText } from '../host/i18n';
import * as words from '../ui/words';
import { Card } from '../ui/primitives';
import type { Change } from './changes';
import { fieldName } from './words';

/** Each field that is not as it was, and when that takes effect. */
export function Changes({ changes, restart }: { changes: readonly Change[]; restart: boolean }) {
  const t = useText();
  return (
    <Card title={t('form.changes')}>
      <div className="body pp-changes" aria-live="polite">
        {changes.length === 0 && <span className="small soft">{t('form.unchanged')}</span>}
        {changes.map((one) => (
          <div key={one.field} className="change">
            <span className="small soft">{fieldName(one.field, t)}</span>
            <span className="small values">
              <del>{shown(one.field, one.before, t)}</del>
              <span aria-hidden="true"> → </span>
              <ins>{shown(one.field, one.after, t)}</ins>
            </span>
          </div>
        ))}
        {changes.length > 0 && (
          <span className="small faint">
            {t(restart ? 'form.changes.next' : 'form.changes.nothing-runs')}
          </span>
        )}
      </div>
    </Card>
  );
}

function shown(field: string, value: unknown, t: ReturnType<typeof useText>): string {
  if (value === undefined || value === null) return t('form.changes.default');
  if (field.endsWith('_bytes') && typeof value === 'number') return words.bytes(value);
  if (field.endsWith('_seconds') && typeof value === 'number') return words.duration(value);
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join(', ');
  return JSON.stringify(value);
}
