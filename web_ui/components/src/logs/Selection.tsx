import { useText } from '../host/i18n';
import { Copy } from '../ui/primitives';
import type { Rows } from './LogPane';
import { plain } from './lines';

/** Copies the lines that were chosen; those that are not here yet are left out of the number. */
export function Selection({ rows, range }: { rows: Rows; range: [number, number] | null }) {
  const t = useText();
  if (range === null) return null;
  const texts = [];
  for (let place = range[0]; place <= range[1]; place += 1) {
    const row = rows.at(place);
    if (row) texts.push(plain(row.line.text));
  }
  return <Copy text={texts.join('\n')}>{t('logs.copyLines', { count: texts.length })}</Copy>;
}
