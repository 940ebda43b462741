import {
  memo,
  useCallback,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type Ref,
} from 'react';
import { useText } from '../host/i18n';
import { count as counted } from '../ui/words';
import { segments, type Line } from './lines';
import { bounded, MOST_ROWS, ROW, scrollOf, topOf, windowOf } from './window';

/** What a pane shows: rows by their place, however they are had. */
export interface Rows {
  count: number;
  at(place: number): PaneRow | undefined;
  want(first: number, count: number): void;
}

export interface PaneRow {
  line: Line;
  /** Name of the source, where rows of several stand together. */
  source?: string;
}

export interface PaneHandle {
  /** Bring a row into the middle, and mark it. */
  show(place: number): void;
  focus(): void;
}

interface Props {
  handle: Ref<PaneHandle>;
  rows: Rows;
  /** Anything that changes when rows have come or changed. */
  version: number;
  label: string;
  wrap: boolean;
  times: boolean;
  following: boolean;
  onFollowing: (following: boolean) => void;
  marked: number | null;
  /** A word to be shown where it stands. */
  highlight: string;
  /** Places of hits, for the scroll bar. */
  hits: number[];
  onLine?: (place: number, range: boolean) => void;
  selected: [number, number] | null;
}

/** A window over rows, as many as there are; only those that are seen are in the document. */
export function LogPane(props: Props) {
  const { rows, handle, following, onFollowing } = props;
  const t = useText();
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState(400);
  const [top, setTop] = useState(0);
  const placed = useRef(-1);
  const count = rows.count;
  const { height, scaled } = windowOf(count, view);

  const moveTo = useCallback(
    (wanted: number) => {
      const next = bounded(wanted, count, view);
      setTop(next);
      const element = scroller.current;
      if (element === null) return;
      element.scrollTop = scrollOf(next, count, view);
      placed.current = element.scrollTop;
    },
    [count, view],
  );

  useImperativeHandle(
    handle,
    () => ({
      show: (place) => {
        onFollowing(false);
        moveTo(place - Math.floor(view / ROW / 2));
      },
      focus: () => scroller.current?.focus(),
    }),
    [moveTo, onFollowing, view],
  );

  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const observer = new ResizeObserver(() => setView(element.clientHeight));
    observer.observe(element);
    setView(element.clientHeight);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    if (following) moveTo(count);
  }, [following, count, view, moveTo]);

  const first = Math.max(0, Math.min(Math.floor(top), count - 1));
  const shown = Math.min(Math.ceil(view / ROW) + 2, MOST_ROWS, count - first);
  useEffect(() => {
    rows.want(first, Math.max(1, shown));
  }, [rows, first, shown, count]);

  const onScroll = () => {
    const element = scroller.current;
    if (element === null || Math.abs(element.scrollTop - placed.current) < 1) return;
    placed.current = element.scrollTop;
    const next = topOf(element.scrollTop, count, view);
    if (following && next < bounded(count, count, view) - 1) onFollowing(false);
    setTop(next);
  };

  // Where a px of scrolling is many lines, the wheel still moves by lines.
  useEffect(() => {
    const element = scroller.current;
    if (element === null || !scaled) return;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      if (event.deltaY < 0) onFollowing(false);
      moveTo(top + event.deltaY / ROW);
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, [scaled, moveTo, count, view, top, onFollowing]);

  const onKeyDown = (event: KeyboardEvent) => {
    const page = Math.max(1, Math.floor(view / ROW) - 1);
    const steps: Record<string, number> = {
      ArrowDown: top + 1,
      ArrowUp: top - 1,
      PageDown: top + page,
      PageUp: top - page,
      Home: 0,
      End: count,
    };
    const wanted = steps[event.key];
    if (wanted === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (event.key === 'End') onFollowing(true);
    else if (wanted < top) onFollowing(false);
    moveTo(wanted);
  };

  const atEnd = props.wrap && first + shown >= count;
  return (
    <div className="pp-log-pane">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions -- it scrolls by its keys */}
      <div
        ref={scroller}
        className={`scroller${props.wrap ? ' wrap' : ''}${props.times ? ' times' : ''}`}
        role="log"
        aria-live="off"
        aria-label={props.label}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- it scrolls, so keys must reach it
        tabIndex={0}
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        <div className="height" style={{ height: Math.max(height, view) }}>
          <div
            className={`rows${atEnd ? ' end' : ''}`}
            style={{ height: view, ['--shift' as string]: `${-(top - Math.floor(top)) * ROW}px` }}
          >
            <div className="shift">
              {Array.from({ length: Math.max(0, shown) }, (_, index) => {
                const place = first + index;
                const row = rows.at(place);
                return (
                  <LogRow
                    key={place}
                    place={place}
                    row={row}
                    text={t('logs.line', { number: counted((row?.line.number ?? place) + 1) })}
                    cutText={row?.line.cut ? t('logs.cut', { count: counted(row.line.cut) }) : ''}
                    marked={props.marked === place}
                    selected={
                      props.selected !== null && place >= props.selected[0] && place <= props.selected[1]
                    }
                    highlight={props.highlight}
                    onLine={props.onLine}
                  />
                );
              })}
            </div>
          </div>
        </div>
      </div>
      <Rail hits={props.hits} count={count} onHit={(place) => moveTo(place - Math.floor(view / ROW / 2))} />
    </div>
  );
}

const MOST_MARKS = 300;

/** Where in the whole log the hits are. */
function Rail({ hits, count, onHit }: { hits: number[]; count: number; onHit: (place: number) => void }) {
  const marks = useMemo(() => {
    const found = new Map<number, number>();
    for (const hit of hits) {
      const mark = Math.floor((hit / Math.max(1, count)) * MOST_MARKS);
      if (!found.has(mark)) found.set(mark, hit);
    }
    return [...found];
  }, [hits, count]);
  if (marks.length === 0) return null;
  return (
    <div className="rail" aria-hidden="true">
      {marks.map(([mark, hit]) => (
        <button
          key={mark}
          tabIndex={-1}
          style={{ top: `${(mark / MOST_MARKS) * 100}%` }}
          onClick={() => onHit(hit)}
        />
      ))}
    </div>
  );
}

interface RowProps {
  place: number;
  row: PaneRow | undefined;
  text: string;
  cutText: string;
  marked: boolean;
  selected: boolean;
  highlight: string;
  onLine?: (place: number, range: boolean) => void;
}

const LogRow = memo(function LogRow({
  place,
  row,
  text,
  cutText,
  marked,
  selected,
  highlight,
  onLine,
}: RowProps) {
  const level = row?.line.level === 'error' || row?.line.level === 'warning' ? row.line.level : '';
  return (
    <div
      className={`line ${level} ${marked ? 'marked' : ''} ${selected ? 'selected' : ''}`}
      data-line={place}
    >
      <button
        className="no"
        tabIndex={-1}
        aria-label={text}
        onClick={(event) => onLine?.(place, event.shiftKey)}
      >
        {(row?.line.number ?? place) + 1}
      </button>
      <span className="time">{row?.line.at ? clock(row.line.at) : ''}</span>
      {row?.source !== undefined && <span className="source truncate">{row.source}</span>}
      <bdi className="text">
        {row === undefined ? '' : marks(row.line.text, highlight)}
        {cutText !== '' && <span className="cut">{` … ${cutText}`}</span>}
      </bdi>
    </div>
  );
});

function marks(line: string, highlight: string) {
  return segments(line).map((segment, at) => (
    <span key={at} className={segment.className}>
      {highlight === '' ? segment.text : highlighted(segment.text, highlight)}
    </span>
  ));
}

function highlighted(text: string, wanted: string) {
  const parts = [];
  const hay = text.toLowerCase();
  const needle = wanted.toLowerCase();
  let from = 0;
  for (let at = hay.indexOf(needle); at >= 0 && parts.length < 200; at = hay.indexOf(needle, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + needle.length)}</mark>);
    from = at + needle.length;
  }
  return [...parts, text.slice(from)];
}

const format = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  fractionalSecondDigits: 1,
  hour12: false,
});

const clock = (ms: number): string => format.format(ms);
