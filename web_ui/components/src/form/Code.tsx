import { useId, useState, type KeyboardEvent } from 'react';
import { useText } from '../host/i18n';
import { Card, Copy } from '../ui/primitives';
import { command } from './code/command';
import { python } from './code/python';
import { recipe } from './code/yaml';
import type { Wanted } from './model';

const WAYS = ['python', 'command', 'yaml'] as const;
type Way = (typeof WAYS)[number];
const WRITERS: Record<Way, (wanted: Wanted) => string> = { python, command, yaml: recipe };

/** What the form says, in each of the ways to say it; always there, and copied with one click. */
export function Code({ wanted }: { wanted: Wanted }) {
  const t = useText();
  const id = useId();
  const [way, setWay] = useState<Way>('python');
  const none = way === 'yaml' && wanted.kind === 'dask-cluster';
  const text = none ? '' : WRITERS[way](wanted);
  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (step === 0) return;
    const next = WAYS[(WAYS.indexOf(way) + step + WAYS.length) % WAYS.length] ?? way;
    setWay(next);
    document.getElementById(`${id}-${next}`)?.focus();
  };
  return (
    <Card
      label={t('form.code')}
      className="pp-codes"
      title={
        <span className="pp-tabs" role="tablist" aria-label={t('form.code')}>
          {WAYS.map((one) => (
            <button
              key={one}
              type="button"
              role="tab"
              id={`${id}-${one}`}
              className="pp-tab"
              aria-selected={one === way}
              aria-controls={`${id}-text`}
              tabIndex={one === way ? 0 : -1}
              onClick={() => setWay(one)}
              onKeyDown={move}
            >
              {t(`form.code.${one}`)}
            </button>
          ))}
        </span>
      }
      actions={!none && <Copy text={text} />}
    >
      <div id={`${id}-text`} role="tabpanel" aria-labelledby={`${id}-${way}`}>
        {none && <p className="body small soft">{t('form.code.no-recipe')}</p>}
        {way === 'command' && wanted.kind === 'dask-cluster' && (
          <p className="body small soft">{t('form.code.flow')}</p>
        )}
        {!none && (
          // A long line is reached by the keyboard too.
          // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
          <pre className="pp-code" tabIndex={0} aria-label={t(`form.code.${way}`)}>
            {text}
          </pre>
        )}
      </div>
    </Card>
  );
}
