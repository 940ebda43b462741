/** What a reader chose for all logs. Kept in the browser, where it lets us. */
export function preference(name: 'wrap' | 'times', otherwise: boolean): boolean {
  try {
    return (localStorage.getItem(`pp-log-${name}`) ?? String(otherwise)) === 'true';
  } catch {
    return otherwise; // a browser that keeps nothing
  }
}

export function prefer(name: 'wrap' | 'times', value: boolean): void {
  try {
    localStorage.setItem(`pp-log-${name}`, String(value));
  } catch {
    // A browser that keeps nothing: it holds for this page.
  }
}
