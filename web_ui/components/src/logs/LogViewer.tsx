import {
  useCallback,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
  type KeyboardEvent,
} from 'react';
import { PlatformProblem } from '../api/problem';
import { send } from '../api/client';
import { useText } from '../host/i18n';
import { useTransport } from '../host/transport';
import { Problem } from '../ui/primitives';
import { LogBook, type Scope } from './book';
import { Foot } from './Foot';
import { LogPane, type PaneHandle } from './LogPane';
import { canMerge } from './merged';
import { prefer, preference } from './preferences';
import { placeOf, useRows, type Choice } from './rows';
import { useSearch } from './search';
import { Selection } from './Selection';
import type { SourceLog } from './source';
import { Toolbar, type Level } from './Toolbar';

interface Props {
  scope: Scope;
  /** Whether more may come. */
  live: boolean;
  /** A line to begin at, as `onLine` gave it. */
  initial?: string | null;
  /** Told of the line that was chosen, `workload/source:number` with numbers from 1, or of none. */
  onLine?: (line: string | null) => void;
  /** Where a source can be downloaded as it is. */
  rawHref: (workload: string, source: string) => string;
}

/** The log of a run, of a workload or of a cluster's member: every byte of it within reach. */
export function LogViewer(props: Props) {
  const t = useText();
  const transport = useTransport();
  const isRun = 'run' in props.scope;
  const id = 'run' in props.scope ? props.scope.run : props.scope.workload;
  const book = useMemo(
    () => new LogBook(isRun ? { run: id } : { workload: id }, transport),
    [transport, isRun, id],
  );
  useEffect(() => book.start(props.live), [book, props.live]);
  useSyncExternalStore(book.subscribe, () => book.version);
  if (book.failed !== null) {
    const removed = book.failed instanceof PlatformProblem && book.failed.code === 'removed';
    return removed ? (
      <div className="pp-empty">{(book.failed as Error).message}</div>
    ) : (
      <Problem error={book.failed} />
    );
  }
  if (!book.loaded) return <div className="pp-log-empty" role="status" aria-label={t('loading')} />;
  if (book.sources.length === 0)
    return <div className="pp-empty">{t(props.live ? 'logs.none' : 'logs.noneEnded')}</div>;
  return <Open {...props} book={book} />;
}

function Open({ book, scope, live, initial, onLine, rawHref }: Props & { book: LogBook }) {
  const t = useText();
  const transport = useTransport();
  const pane = useRef<PaneHandle>(null);
  const box = useRef<HTMLDivElement>(null);
  const begun = useMemo(() => lineIn(book.sources, initial ?? null), []); // eslint-disable-line react-hooks/exhaustive-deps -- where one begins
  const [wanted, setChosen] = useState<string | null>(begun ? begun.source.key : null);
  // Until somebody chooses, what is best to begin with: more sources may come.
  const chosen = wanted ?? firstChoice(book.sources);
  const [second, setSecond] = useState<string | null>(null);
  const [level, setLevel] = useState<Level>('');
  const [text, setText] = useState('');
  const [hit, setHit] = useState(0);
  const [wrap, setWrap] = useState(() => preference('wrap', false));
  const [times, setTimes] = useState(() => preference('times', true));
  const [following, setFollowing] = useState(live && begun === null);
  const [marked, setMarked] = useState<{ source: string; line: number } | null>(
    begun && { source: begun.source.key, line: begun.line },
  );
  const [range, setRange] = useState<[number, number] | null>(null);
  const [noError, setNoError] = useState(false);
  const search = useSearch(scope, text === '' ? null : { q: text });
  const filtered = useSearch(scope, level === '' ? null : { level });
  const mergeable = canMerge(book.sources);
  const choice: Choice = useMemo(
    () => (level !== '' ? { found: filtered.hits } : chosen === 'all' ? 'all' : { source: chosen }),
    [level, filtered.hits, chosen],
  );
  const { rows, version, failed } = useRows(book, choice);
  const hits = useMemo(() => {
    const own = search.hits.filter(
      (one) => chosen === 'all' || `${one.workload_id}/${one.source}` === chosen,
    );
    return chosen === 'all' ? [] : own.map((one) => one.line);
  }, [search.hits, chosen]);

  const show = useCallback(
    (source: SourceLog, line: number) => {
      setLevel('');
      setFollowing(false);
      setMarked({ source: source.key, line });
      if (chosen !== 'all') setChosen(source.key);
    },
    [chosen],
  );
  const place = useMemo(() => {
    const source = marked && book.sources.find((one) => one.key === marked.source);
    return source ? placeOf(rows, choice, source, marked.line) : null;
    // eslint-disable-next-line react-hooks/exhaustive-deps -- rows tell of themselves by their version
  }, [marked, choice, rows, version]);
  useEffect(() => {
    if (place !== null) pane.current?.show(place);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- once for each line that is shown
  }, [marked, place !== null, chosen]);

  const goTo = (next: number) => {
    const found = search.hits;
    if (found.length === 0) return;
    const at = (next + found.length) % found.length;
    const one = found[at];
    const source = one && book.sources.find((s) => s.key === `${one.workload_id}/${one.source}`);
    setHit(at);
    if (source && one) show(source, one.line);
  };
  useEffect(() => {
    setHit(0);
  }, [text]);
  const first = search.hits[0];
  useEffect(() => {
    if (first) goTo(0);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- as soon as there is one
  }, [first]);

  const firstError = async () => {
    const root = 'run' in scope ? `runs/${scope.run}` : `workloads/${scope.workload}`;
    const found = (await (await send(transport, `${root}/logs/first-error`)).json()) as {
      workload_id: string;
      source: string;
      line: number;
    } | null;
    const source = found && book.sources.find((one) => one.key === `${found.workload_id}/${found.source}`);
    setNoError(!source);
    if (source && found) show(source, found.line);
  };
  const choose = (at: number, withShift: boolean) => {
    const row = rows.at(at);
    if (row === undefined) return;
    if (withShift && place !== null) {
      setRange([Math.min(place, at), Math.max(place, at)]);
      return;
    }
    const key = chosen === 'all' || level !== '' ? keyOf(book.sources, row.source) : chosen;
    setRange(null);
    setMarked({ source: key, line: row.line.number });
    onLine?.(`${key}:${row.line.number + 1}`);
  };
  const toggle = (name: 'wrap' | 'times') => {
    const next = name === 'wrap' ? !wrap : !times;
    (name === 'wrap' ? setWrap : setTimes)(next);
    prefer(name, next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions: Record<string, () => void> = {
      '/': () => box.current?.querySelector<HTMLInputElement>('input[type=search]')?.focus(),
      n: () => goTo(hit + 1),
      N: () => goTo(hit - 1),
      f: () => setFollowing(true),
      w: () => toggle('wrap'),
      t: () => toggle('times'),
      e: () => void firstError(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  };
  const shown = chosen === 'all' ? book.sources : book.sources.filter((one) => one.key === chosen);
  const common = { wrap, times, highlight: text, following, onFollowing: setFollowing };
  return (
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions -- keys of the viewer; all are buttons too
    <div className="pp-log" ref={box} onKeyDown={onKeyDown}>
      <Toolbar
        sources={book.sources}
        chosen={chosen}
        mergeable={mergeable}
        onChoose={(key) => {
          setChosen(key);
          setMarked(null);
          setRange(null);
          setFollowing(live);
        }}
        text={text}
        onText={setText}
        search={search}
        hit={hit}
        onHit={goTo}
        level={level}
        onLevel={setLevel}
        wrap={wrap}
        times={times}
        onToggle={toggle}
        split={second !== null}
        onSplit={() => setSecond(second === null ? otherThan(book.sources, chosen) : null)}
        onFirstError={() => void firstError()}
      />
      {noError && (
        <div className="note" role="status">
          {t('logs.noError')}
        </div>
      )}
      {!book.connected && live && (
        <div className="note lost" role="status">
          {t('logs.lost')}
        </div>
      )}
      {failed !== null && <Problem error={failed} />}
      <div className={second === null ? 'panes' : 'panes two'}>
        <LogPane
          {...common}
          handle={pane}
          rows={rows}
          version={version}
          label={t('logs.title')}
          marked={place}
          hits={hits}
          selected={range}
          onLine={choose}
        />
        {second !== null && <Second book={book} chosen={second} onChoose={setSecond} common={common} />}
      </div>
      {live && !following && (
        <button className="resume" onClick={() => setFollowing(true)}>
          ↓ {t('logs.follow')}
        </button>
      )}
      <Foot sources={shown}>
        <Selection rows={rows} range={range} />
        {shown.length === 1 && shown[0] && (
          <a href={rawHref(shown[0].info.workload_id, shown[0].info.source)} download>
            {t('logs.download')}
          </a>
        )}
      </Foot>
    </div>
  );
}

interface SecondProps {
  book: LogBook;
  chosen: string;
  onChoose: (key: string) => void;
  common: {
    wrap: boolean;
    times: boolean;
    highlight: string;
    following: boolean;
    onFollowing: (on: boolean) => void;
  };
}

/** Another source beside the first. */
function Second({ book, chosen, onChoose, common }: SecondProps) {
  const t = useText();
  const choice = useMemo(() => ({ source: chosen }), [chosen]);
  const { rows, version } = useRows(book, choice);
  const handle = useRef<PaneHandle>(null);
  return (
    <div className="second">
      <select aria-label={t('logs.source')} value={chosen} onChange={(event) => onChoose(event.target.value)}>
        {book.sources.map((one) => (
          <option key={one.key} value={one.key}>
            {one.info.source}
          </option>
        ))}
      </select>
      <LogPane
        {...common}
        handle={handle}
        rows={rows}
        version={version}
        label={`${t('logs.title')} 2`}
        marked={null}
        hits={NONE}
        selected={null}
      />
    </div>
  );
}

const NONE: number[] = [];

/** What a reader wants to see first: all of a small log, else what the flow itself wrote. */
function firstChoice(sources: SourceLog[]): string {
  if (sources.length > 1 && canMerge(sources)) return 'all';
  const flows = sources.filter((one) => one.info.source === 'flow');
  return (flows.at(-1) ?? sources[0])?.key ?? 'all';
}

function otherThan(sources: SourceLog[], chosen: string): string {
  return (sources.find((one) => one.key !== chosen) ?? sources[0])?.key ?? '';
}

const keyOf = (sources: SourceLog[], name: string | undefined): string =>
  sources.find((one) => one.info.source === name)?.key ?? sources[0]?.key ?? '';

/** `workload/source:number`, if there is such a source. */
export function lineIn(
  sources: SourceLog[],
  said: string | null,
): { source: SourceLog; line: number } | null {
  const match = /^(.+):(\d+)$/.exec(said ?? '');
  const source = match && sources.find((one) => one.key === match[1]);
  return source ? { source, line: Number(match?.[2]) - 1 } : null;
}
