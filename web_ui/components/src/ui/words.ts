/** Quantities in words. Every figure has its unit. */

export function bytes(count: number | null | undefined): string {
  if (count == null) return '–';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = count;
  let at = 0;
  while (value >= 1024 && at < units.length - 1) {
    value /= 1024;
    at += 1;
  }
  return `${at === 0 ? value : trimmed(value)} ${units[at]}`;
}

function trimmed(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, '');
}

/** `0 s`, `< 0.1 s`, `0.8 s`, `12 s`, `1 min 12 s`, `3 h 05 min`, `2 d 4 h`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null || Number.isNaN(seconds)) return '–';
  const whole = Math.max(0, seconds);
  if (whole === 0) return '0 s';
  if (whole < 0.1) return '< 0.1 s';
  if (whole < 10) return `${whole.toFixed(1)} s`;
  if (whole < 60) return `${Math.round(whole)} s`;
  const all = Math.round(whole);
  if (all < 3600) return `${Math.floor(all / 60)} min ${String(all % 60).padStart(2, '0')} s`;
  if (all < 86400)
    return `${Math.floor(all / 3600)} h ${String(Math.floor((all % 3600) / 60)).padStart(2, '0')} min`;
  return `${Math.floor(all / 86400)} d ${Math.floor((all % 86400) / 3600)} h`;
}

export function money(amount: number | null | undefined): string {
  if (amount == null) return '–';
  const digits = amount !== 0 && Math.abs(amount) < 0.1 ? 4 : 2;
  return `$${amount.toFixed(digits)}`;
}

/** Hours of use: `0.02`, `< 0.01` rather than a nothing that is something, `1,204.50`. */
export function hours(amount: number): string {
  if (amount > 0 && amount < 0.01) return '< 0.01';
  return amount.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** `30 Oct`: a day of a chart, in the reader's zone. */
export function day(at: string | Date): string {
  return new Date(at).toLocaleDateString(undefined, { day: 'numeric', month: 'short' });
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

export function cores(value: number): string {
  return `${trimmed(value)} ${value === 1 ? 'core' : 'cores'}`;
}

export function clock(at: number): string {
  return new Date(at).toLocaleTimeString(undefined, { timeStyle: 'medium' });
}

export function exact(at: string | Date): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** `just now`, `12 s ago`, `in 4 min`, `3 h ago`, `5 d ago`; the day for what is further away. */
export function relative(at: string | Date, now: number): string {
  const seconds = Math.round((now - new Date(at).getTime()) / 1000);
  const distance = Math.abs(seconds);
  if (distance < 5) return 'just now';
  const words = distance < 86400 * 14 ? coarse(distance) : null;
  if (words === null) return new Date(at).toLocaleDateString(undefined, { dateStyle: 'medium' });
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

function coarse(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} d`;
}

export function seconds(
  from: string | null | undefined,
  to: string | number | null | undefined,
): number | null {
  if (!from || to == null) return null;
  return (new Date(to).getTime() - new Date(from).getTime()) / 1000;
}
