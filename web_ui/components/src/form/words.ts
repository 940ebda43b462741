import { en } from '../i18n/en';
import type { Text, Translate } from '../host/i18n';
import * as words from '../ui/words';

/** The catalogue's name of a field, or its own where it has none there. */
export function fieldName(field: string, t: Translate): string {
  const text = `field.${field}`;
  return text in en ? t(text as Text) : sentence(field);
}

export function fieldHint(field: string, t: Translate): string | undefined {
  const text = `field.${field}.hint`;
  return text in en ? t(text as Text) : undefined;
}

/** A value in short, as people would say it. */
export function fieldValue(field: string, value: unknown, t: Translate): string {
  if (value === undefined || value === null) return t('form.changes.default');
  if (field.endsWith('_bytes') && typeof value === 'number') return words.bytes(value);
  if (field.endsWith('_seconds') && typeof value === 'number') return words.duration(value);
  if (typeof value === 'string') return value;
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value.join(', ');
  return JSON.stringify(value);
}

/** `start_date` → `Start date`. */
export function sentence(name: string): string {
  const plain = name.replaceAll('_', ' ').trim();
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}
