import { useText } from '../host/i18n';
import { Button } from '../ui/primitives';
import { bytes } from '../ui/words';
import { MOST_MERGED } from './merged';
import type { Search } from './search';
import type { SourceLog } from './source';

import type { LogLevel } from '../api/schema';

export type Level = '' | LogLevel;

interface Props {
  sources: SourceLog[];
  chosen: string;
  mergeable: boolean;
  onChoose: (key: string) => void;
  text: string;
  onText: (text: string) => void;
  search: Search;
  hit: number;
  onHit: (hit: number) => void;
  level: Level;
  onLevel: (level: Level) => void;
  wrap: boolean;
  times: boolean;
  onToggle: (name: 'wrap' | 'times') => void;
  split: boolean;
  onSplit: () => void;
  onFirstError: () => void;
}

export function Toolbar(props: Props) {
  return (
    <div className="bar">
      <Sources {...props} />
      <Tools {...props} />
    </div>
  );
}

/** They go below the sources together where there is no room beside them. */
function Tools(props: Props) {
  const t = useText();
  return (
    <div className="tools">
      <Finder {...props} />
      <select
        aria-label={t('logs.level')}
        value={props.level}
        onChange={(event) => props.onLevel(event.target.value as Level)}
      >
        <option value="">{t('logs.anyLevel')}</option>
        <option value="error">{t('logs.errors')}</option>
        <option value="warning">{t('logs.warnings')}</option>
      </select>
      <Button small onClick={props.onFirstError}>
        {t('logs.firstError')}
      </Button>
      <button className="pp-tab" aria-pressed={props.wrap} onClick={() => props.onToggle('wrap')}>
        {t('logs.wrap')}
      </button>
      <button className="pp-tab" aria-pressed={props.times} onClick={() => props.onToggle('times')}>
        {t('logs.times')}
      </button>
      {props.sources.length > 1 && (
        <button className="pp-tab wide-only" aria-pressed={props.split} onClick={props.onSplit}>
          {t('logs.split')}
        </button>
      )}
      <span className="keys faint" title={t('logs.keys')} role="note" aria-label={t('logs.keys')}>
        {t('logs.keysShort')}
      </span>
    </div>
  );
}

function Sources({ sources, chosen, mergeable, onChoose }: Props) {
  const t = useText();
  const attempts = [...new Set(sources.map((one) => one.info.workload_id))];
  const flows = sources.filter((one) => one.info.source === 'flow').length;
  const name = (one: SourceLog) =>
    flows > 1 ? `${one.info.source} (${attempts.indexOf(one.info.workload_id) + 1})` : one.info.source;
  return (
    <div className="pp-tabs" role="tablist" aria-label={t('logs.source')}>
      {sources.length > 1 && (
        <button
          className="pp-tab"
          role="tab"
          aria-selected={chosen === 'all'}
          disabled={!mergeable}
          title={mergeable ? undefined : t('logs.allTooLarge', { size: bytes(MOST_MERGED) })}
          onClick={() => onChoose('all')}
        >
          {t('logs.all')}
        </button>
      )}
      {sources.map((one) => (
        <button
          key={one.key}
          className="pp-tab"
          role="tab"
          aria-selected={chosen === one.key}
          onClick={() => onChoose(one.key)}
        >
          {name(one)}
        </button>
      ))}
    </div>
  );
}

function Finder({ text, onText, search, hit, onHit }: Props) {
  const t = useText();
  const number = search.hits.length;
  const said = () => {
    if (text === '') return '';
    if (search.error !== null)
      return search.error instanceof Error ? search.error.message : String(search.error);
    if (number > 0) return t('logs.hits', { at: hit + 1, count: search.truncated ? `${number}+` : number });
    if (search.running) return t('logs.searching', { percent: Math.floor(search.progress * 100) });
    return t('logs.hitsNone');
  };
  return (
    <div className="finder">
      <input
        type="search"
        aria-label={t('logs.search')}
        placeholder={t('logs.search')}
        value={text}
        onChange={(event) => onText(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === 'Enter') onHit(event.shiftKey ? hit - 1 : hit + 1);
          if (event.key === 'Escape') onText('');
        }}
      />
      <span className="small soft num" role="status">
        {said()}
      </span>
      {number > 1 && (
        <>
          <button className="pp-tab" aria-label={t('logs.previous')} onClick={() => onHit(hit - 1)}>
            ↑
          </button>
          <button className="pp-tab" aria-label={t('logs.next')} onClick={() => onHit(hit + 1)}>
            ↓
          </button>
        </>
      )}
    </div>
  );
}
