/** Height of a line that is not wrapped, in px. */
export const ROW = 20;
/** Browsers end elements at about 17 million px; a log of more lines than that holds is scrolled faster. */
export const MOST_PX = 8_000_000;
/** Lines in the document at most, however high the window is. */
export const MOST_ROWS = 110;

export interface Window {
  /** Height of what is scrolled, px. */
  height: number;
  /** Lines that fit, rounded down. */
  visible: number;
  /** Whether a px of scrolling is more than a px of lines. */
  scaled: boolean;
}

export function windowOf(count: number, view: number): Window {
  const whole = count * ROW;
  return {
    height: Math.min(whole, MOST_PX),
    visible: Math.max(1, Math.floor(view / ROW)),
    scaled: whole > MOST_PX,
  };
}

/** The line at the top of the window, with its fraction, for a scroll position. */
export function topOf(scroll: number, count: number, view: number): number {
  const { height, visible, scaled } = windowOf(count, view);
  if (!scaled) return scroll / ROW;
  const range = Math.max(1, height - view);
  return (Math.min(scroll, range) / range) * Math.max(0, count - visible);
}

/** The scroll position that shows a line at the top. */
export function scrollOf(top: number, count: number, view: number): number {
  const { height, visible, scaled } = windowOf(count, view);
  if (!scaled) return top * ROW;
  return (top / Math.max(1, count - visible)) * Math.max(0, height - view);
}

/** A line that is a place to begin at: not before the first, and not so late that the window would be empty. */
export function bounded(top: number, count: number, view: number): number {
  return Math.max(0, Math.min(top, count - Math.floor(view / ROW)));
}
