import { useText, type Text } from '@prefect-platform/components';
import { useEffect, useMemo, useRef, useState } from 'react';
import { useNavigate } from 'react-router';
import { useClusters, useFlows, useResources, useRuns } from '../queries/hooks';
import { useProject } from './project';

interface Entry {
  to: string;
  name: string;
  what: string;
}

const PAGES: [string, Text][] = [
  ['', 'nav.home'],
  ['flows', 'nav.flows'],
  ['runs', 'nav.runs'],
  ['jupyter', 'nav.jupyter'],
  ['clusters', 'nav.clusters'],
  ['agents', 'nav.agents'],
  ['resources', 'nav.resources'],
  ['secrets', 'nav.secrets'],
  ['sizes', 'nav.sizes'],
  ['usage', 'nav.usage'],
  ['tokens', 'nav.tokens'],
];
const SHOWN = 12;

/** Ctrl-K: type a part of a name, go there. */
export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  const t = useText();
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog === null) return;
    if (open && !dialog.open) dialog.showModal();
    if (!open && dialog.open) dialog.close();
  }, [open]);
  return (
    <dialog ref={ref} className="palette" aria-label={t('palette')} onClose={onClose}>
      {open && <Choice onClose={onClose} />}
    </dialog>
  );
}

function Choice({ onClose }: { onClose: () => void }) {
  const t = useText();
  const navigate = useNavigate();
  const project = useProject();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const entries = useEntries();
  const found = useMemo(() => matching(entries, text).slice(0, SHOWN), [entries, text]);
  const chosen = Math.min(at, found.length - 1);
  const go = (entry: Entry | undefined) => {
    if (entry === undefined) return;
    onClose();
    void navigate(`/p/${project}/${entry.to}`);
  };
  return (
    <>
      <input
        // eslint-disable-next-line jsx-a11y/no-autofocus -- a dialog that is there to be typed into
        autoFocus
        role="combobox"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found.length ? `palette-${chosen}` : undefined}
        aria-label={t('palette.open')}
        placeholder={t('palette.open')}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setAt(Math.min(chosen + 1, found.length - 1));
          else if (event.key === 'ArrowUp') setAt(Math.max(chosen - 1, 0));
          else if (event.key === 'Enter') go(found[chosen]);
          else return;
          event.preventDefault();
        }}
      />
      <ul id="palette-list" role="listbox" aria-label={t('palette')}>
        {found.map((entry, index) => (
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events -- the input above has the keys
          <li
            key={`${entry.what}/${entry.to}`}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === chosen}
            onClick={() => go(entry)}
          >
            <span className="grow truncate">{entry.name}</span>
            <span className="faint small">{entry.what}</span>
          </li>
        ))}
        {found.length === 0 && <li className="faint none">{t('palette.none')}</li>}
      </ul>
    </>
  );
}

function useEntries(): Entry[] {
  const t = useText();
  const flows = useFlows().data;
  const runs = useRuns({}, 50).data;
  const resources = useResources().data;
  const clusters = useClusters().data;
  return useMemo(
    () => [
      ...PAGES.map(([to, text]) => ({ to, name: t(text), what: t('palette.page') })),
      ...(flows ?? []).map((one) => ({ to: `flows/${one.id}`, name: one.name, what: t('palette.flow') })),
      ...(runs?.pages ?? [])
        .flatMap((page) => page.items)
        .map((one) => ({
          to: `runs/${one.id}`,
          name: `${one.flow_name} / ${one.name}`,
          what: t('palette.run'),
        })),
      ...(resources ?? []).map((one) => ({
        to: `resources/${one.kind}/${one.name}`,
        name: one.name,
        what: one.kind,
      })),
      ...(clusters ?? []).map((one) => ({
        to: `clusters/${one.id}`,
        name: one.name,
        what: t('palette.cluster'),
      })),
    ],
    [t, flows, runs, resources, clusters],
  );
}

/** Entries with every word of the text in them; those that begin with it first. */
export function matching(entries: Entry[], text: string): Entry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return entries;
  const found = entries.filter((entry) => {
    const hay = `${entry.name} ${entry.what}`.toLowerCase();
    return words.every((word) => hay.includes(word));
  });
  const first = words[0] ?? '';
  const rank = (entry: Entry) => (entry.name.toLowerCase().startsWith(first) ? 0 : 1);
  return found.sort((a, b) => rank(a) - rank(b));
}
