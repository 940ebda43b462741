import { useId, useState } from 'react';
import { useText, type Text } from '../../host/i18n';
import * as words from '../../ui/words';
import { perHour } from '../amounts';
import type { Evidence, EvidenceOf, Size } from '../model';
import { Errors } from './parts';

interface SizeCardsProps {
  sizes: readonly Size[];
  value: string | undefined;
  /** What there is where no size is named, in words. */
  without: string;
  evidence?: EvidenceOf;
  errors?: readonly string[];
  label: string;
  onValue: (name: string | undefined) => void;
}

/** One card for each size, as a group of radio buttons: arrows move, a reason says what cannot be had. */
export function SizeCards({ sizes, value, without, evidence, errors = [], label, onValue }: SizeCardsProps) {
  const t = useText();
  const group = useId();
  const [all, setAll] = useState(false);
  const off = sizes.filter((one) => one.unavailable !== null && one.name !== value);
  const fold = off.length > 3 && !all;
  const shown = fold ? sizes.filter((one) => !off.includes(one)) : sizes;
  return (
    <fieldset className="pp-sizes" aria-describedby={errors.length > 0 ? `${group}-error` : undefined}>
      <legend className="unseen">{label}</legend>
      <div className="cards">
        <label className={`pp-size ${value === undefined ? 'on' : ''}`}>
          <input
            type="radio"
            name={group}
            checked={value === undefined}
            onChange={() => onValue(undefined)}
          />
          <span className="top">
            <b>{t('form.size.own')}</b>
          </span>
          <span className="small soft">{without}</span>
        </label>
        {shown.map((size) => (
          <SizeCard
            key={size.name}
            size={size}
            group={group}
            chosen={size.name === value}
            evidence={evidence?.(size.name)}
            onChoose={() => onValue(size.name)}
          />
        ))}
      </div>
      {off.length > 3 && (
        <button type="button" className="pp-link small" aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? t('form.size.hide') : t('form.size.show', { count: off.length })}
        </button>
      )}
      <Errors id={`${group}-error`} errors={errors} />
    </fieldset>
  );
}

interface SizeCardProps {
  size: Size;
  group: string;
  chosen: boolean;
  evidence?: Evidence;
  onChoose: () => void;
}

function SizeCard({ size, group, chosen, evidence, onChoose }: SizeCardProps) {
  const t = useText();
  const off = size.unavailable !== null;
  return (
    <label className={`pp-size ${chosen ? 'on' : ''} ${off ? 'off' : ''}`}>
      <input type="radio" name={group} checked={chosen} disabled={off && !chosen} onChange={onChoose} />
      <span className="top">
        <b>{size.name}</b>
        {size.price_per_hour !== null && (
          <span className="num small">
            {t('form.size.per-hour', { price: perHour(size.price_per_hour) })}
          </span>
        )}
      </span>
      <span className="small soft num">
        {words.cores(size.cores)} · {words.bytes(size.memory_bytes)}
        {size.gpu && ` · ${size.gpu.count} × ${size.gpu.type ?? 'GPU'}`}
      </span>
      {evidence && !off && <Fit size={size} evidence={evidence} />}
      {off && <span className="small why">{size.unavailable}</span>}
    </label>
  );
}

/** How much of the size past starts needed, as a bar and as a sentence. */
function Fit({ size, evidence }: { size: Size; evidence: Evidence }) {
  const t = useText();
  const share = evidence.peak_memory_bytes / size.memory_bytes;
  const fit = share > 1 ? 'small' : share > 0.85 ? 'tight' : 'fits';
  const text: Text = evidence.own ? `form.size.${fit}` : 'form.size.others';
  const told = {
    peak: words.bytes(evidence.peak_memory_bytes),
    memory: words.bytes(size.memory_bytes),
  };
  return (
    <span className={`fit ${fit}`} title={t('form.size.starts', { starts: evidence.starts })}>
      <meter className="unseen" min={0} max={1} value={Math.min(1, share)} aria-label={t(text, told)} />
      <span className="bar" aria-hidden="true">
        <span style={{ width: `${Math.max(2, Math.min(100, share * 100))}%` }} />
      </span>
      <span className="small">{t(text, told)}</span>
    </span>
  );
}
