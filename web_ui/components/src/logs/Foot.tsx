import { useText } from '../host/i18n';
import { bytes, count as counted } from '../ui/words';
import type { SourceLog } from './source';

/** What is known of the bytes: how many, whether all are there, and which are not. */
export function Foot({ sources, children }: { sources: SourceLog[]; children?: React.ReactNode }) {
  const t = useText();
  const sealed = sources.every((one) => one.sealed);
  const gaps = sources.flatMap((one) => one.info.gaps.map((gap) => ({ source: one.info.source, gap })));
  const digest = sources.length === 1 ? sources[0]?.info.sha256 : null;
  const lines = sources.reduce((sum, one) => sum + one.lines, 0);
  const size = sources.reduce((sum, one) => sum + one.size, 0);
  return (
    <div className="foot">
      {sealed ? (
        <span className={gaps.length ? 'gaps' : 'sealed'}>
          {gaps.length ? t('logs.sealedGaps', { count: gaps.length }) : `✓ ${t('logs.sealed')}`}
        </span>
      ) : (
        <span>{t('logs.open')}</span>
      )}
      <span className="num">{t('logs.amount', { lines: counted(lines), size: bytes(size) })}</span>
      {digest && (
        <span className="mono" title={`SHA-256 ${digest}`}>
          sha256 {digest.slice(0, 12)}…
        </span>
      )}
      {gaps.map(({ source, gap }) => (
        <span key={`${source}${gap.offset}`} className="gaps">
          {source}:{' '}
          {t('logs.gap', {
            missing: gap.missing_bytes != null ? bytes(gap.missing_bytes) : t('logs.unknown'),
            offset: gap.offset,
            reason: gap.reason,
          })}
        </span>
      ))}
      <span className="grow" />
      {children}
    </div>
  );
}
