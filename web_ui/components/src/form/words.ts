import { en } from '../i18n/en';
import type { Text, Translate } from '../host/i18n';

/** The catalogue's name of a field, or its own where it has none there. */
export function fieldName(field: string, t: Translate): string {
  const text = `field.${field}`;
  return text in en ? t(text as Text) : sentence(field);
}

export function fieldHint(field: string, t: Translate): string | undefined {
  const text = `field.${field}.hint`;
  return text in en ? t(text as Text) : undefined;
}

/** `start_date` → `Start date`. */
export function sentence(name: string): string {
  const words = name.replaceAll('_', ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}
