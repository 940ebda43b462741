import { Card, Empty, useText, type wire } from '@prefect-platform/components';

/** What the platform promised of a run, and whether it was so. */
export function Promises({ promises }: { promises: wire.Promise[] | null }) {
  const t = useText();
  const kept = promises?.filter((one) => one.kept).length ?? 0;
  return (
    <Card
      title={t('run.promises')}
      beside={promises ? t('run.promisesKept', { kept, all: promises.length }) : undefined}
    >
      {promises === null ? (
        <Empty>{t('run.promisesNone')}</Empty>
      ) : (
        <div className="body">
          {promises.map((one) => (
            <div key={one.name} className="promise">
              <span
                className={one.kept ? 'kept' : 'broken'}
                role="img"
                aria-label={one.kept ? 'kept' : 'broken'}
              >
                {one.kept ? '✓' : '✕'}
              </span>
              <b>{one.name === 'gpu' ? 'GPU' : one.name}</b>
              <div className={one.kept ? 'soft' : ''}>
                {one.summary}
                {(one.differences ?? []).length > 0 && (
                  <ul>
                    {(one.differences ?? []).map((difference) => (
                      <li key={difference}>{difference}</li>
                    ))}
                  </ul>
                )}
              </div>
            </div>
          ))}
        </div>
      )}
    </Card>
  );
}
