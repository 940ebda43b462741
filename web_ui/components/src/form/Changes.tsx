import { useText } from '../host/i18n';
import { Card } from '../ui/primitives';
import type { Change } from './changes';
import { fieldName, fieldValue } from './words';

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
              <del>{fieldValue(one.field, one.before, t)}</del>
              <span aria-hidden="true"> → </span>
              <ins>{fieldValue(one.field, one.after, t)}</ins>
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
