import { useState, type ReactNode } from 'react';
import { useText, type Text } from '../host/i18n';
import { Button } from '../ui/primitives';
import { count } from '../ui/words';
import { below, lines, onOneLine, quoted, type Json, type LargeNumbers } from './written';

export interface JsonCut {
  /** JSON Pointer. */
  path: string;
  kind: 'text' | 'items' | 'depth';
  left_out: number;
}

interface Document {
  large: LargeNumbers;
  cuts: ReadonlyMap<string, JsonCut>;
}

interface Props {
  value: Record<string, Json>;
  large?: LargeNumbers;
  cuts?: readonly JsonCut[];
}

/** Characters of a text that are shown before one asks for the rest. */
const SHORT = 160;
/** Entries of a list or object that are drawn at once. */
const STEP = 100;
/** Entries up to which an outermost list or object is open at first. */
const OPEN = 8;
const CUT: Record<JsonCut['kind'], Text> = { text: 'json.text', items: 'json.items', depth: 'json.depth' };

/** A JSON object as a table of its entries, with trees where they have entries of their own. */
export function JsonTree({ value, large = {}, cuts = [] }: Props) {
  const document: Document = { large, cuts: new Map(cuts.map((one) => [one.path, one])) };
  return (
    <div className="pp-json">
      <Entries value={value} path="" of={document} />
    </div>
  );
}

function Entries({ value, path, of }: { value: Json[] | Record<string, Json>; path: string; of: Document }) {
  const t = useText();
  const [most, setMost] = useState(STEP);
  const entries = Object.entries(value);
  return (
    <>
      <dl>
        {entries.slice(0, most).map(([key, one]) => (
          <div key={key}>
            <dt>
              <bdi>{Array.isArray(value) ? key : quoted(key).slice(1, -1)}</bdi>
            </dt>
            <dd>
              <Value value={one} path={below(path, key)} of={of} open={path === ''} />
            </dd>
          </div>
        ))}
      </dl>
      {entries.length > most && (
        <Button small onClick={() => setMost(most + STEP)}>
          {t('json.more', { count: count(entries.length - most) })}
        </Button>
      )}
      <Cut cut={of.cuts.get(path)} kind="items" />
    </>
  );
}

function Value({ value, path, of, open }: { value: Json; path: string; of: Document; open: boolean }) {
  const cut = of.cuts.get(path);
  if (typeof value === 'string') return <LongText text={value} cut={<Cut cut={cut} kind="text" />} />;
  if (value !== null && typeof value === 'object')
    return <Branch value={value} path={path} of={of} open={open} />;
  const said = typeof value === 'number' ? (of.large[path] ?? String(value)) : String(value);
  return (
    <>
      <code className={typeof value === 'number' ? 'number' : 'word'}>{said}</code>
      <Cut cut={cut} kind="depth" />
    </>
  );
}

function Branch({
  value,
  path,
  of,
  open,
}: {
  value: Json[] | Record<string, Json>;
  path: string;
  of: Document;
  open: boolean;
}) {
  const t = useText();
  const size = Object.keys(value).length;
  const [shown, setShown] = useState(open && size > 0 && size <= OPEN);
  const line = of.cuts.has(path) ? null : onOneLine(value, of.large, path);
  if (line !== null)
    return (
      <code className="text">
        <bdi>{line}</bdi>
      </code>
    );
  return (
    <details open={shown} onToggle={(event) => setShown(event.currentTarget.open)}>
      <summary>{t(Array.isArray(value) ? 'json.list' : 'json.object', { count: count(size) })}</summary>
      {shown && <Entries value={value} path={path} of={of} />}
    </details>
  );
}

function LongText({ text, cut }: { text: string; cut: ReactNode }) {
  const t = useText();
  const [whole, setWhole] = useState(false);
  const long = text.length > SHORT;
  return (
    <>
      {long && whole ? (
        // A text that is scrolled is reached by the keyboard too.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        <pre className="text" tabIndex={0}>
          {lines(text)}
        </pre>
      ) : (
        <code className="text">
          <bdi>{quoted(long ? text.slice(0, SHORT) : text).slice(0, long ? -1 : undefined)}</bdi>
          {long && '…'}
        </code>
      )}
      {long && (
        <Button small aria-expanded={whole} onClick={() => setWhole(!whole)}>
          {whole ? t('json.less') : t('json.whole', { count: count(text.length) })}
        </Button>
      )}
      {cut}
    </>
  );
}

/** What the server left out here, if it is of this kind. */
function Cut({ cut, kind }: { cut: JsonCut | undefined; kind: JsonCut['kind'] }) {
  const t = useText();
  if (cut?.kind !== kind) return null;
  return <span className="cut">{t(CUT[kind], { count: count(cut.left_out) })}</span>;
}
