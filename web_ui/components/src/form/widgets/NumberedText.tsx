import { forwardRef, useImperativeHandle, useRef, useState, type TextareaHTMLAttributes } from 'react';

/** Pixels, as `form.css` has them. */
const LINE = 20;
const TOP = 6;
const MOST_ROWS = 20;

/** Leads to a line of a text. */
export interface Lines {
  go: (line: number) => void;
}

interface NumberedTextProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  value: string;
  /** Rows that it has at least; it grows with its text up to twenty. */
  least: number;
  /** Lines with something wrong. */
  marked?: ReadonlySet<number>;
}

/** A text of lines with their numbers, of thousands too: the numbers that are seen are drawn. Tab leaves it. */
export const NumberedText = forwardRef<Lines, NumberedTextProps>(function NumberedText(
  { value, least, marked, ...rest },
  ref,
) {
  const area = useRef<HTMLTextAreaElement>(null);
  const [scrolled, setScrolled] = useState(0);
  useImperativeHandle(ref, () => ({
    go: (line) => {
      if (area.current !== null) select(area.current, line);
    },
  }));
  const count = countLines(value);
  const first = Math.max(0, Math.floor((scrolled - TOP) / LINE));
  const shown = Math.min(count - first, MOST_ROWS + 2);
  return (
    <div className="pp-script">
      <div className="gutter num" aria-hidden="true" style={{ minWidth: `${String(count).length + 2}ch` }}>
        <div style={{ transform: `translateY(${TOP + first * LINE - scrolled}px)` }}>
          {Array.from({ length: shown }, (_, at) => (
            <span key={at} className={marked?.has(first + at + 1) ? 'wrong' : undefined}>
              {first + at + 1}
            </span>
          ))}
        </div>
      </div>
      <textarea
        {...rest}
        ref={area}
        wrap="off"
        spellCheck={false}
        autoComplete="off"
        rows={Math.min(MOST_ROWS, Math.max(least, count + 1))}
        value={value}
        onScroll={(event) => setScrolled(event.currentTarget.scrollTop)}
      />
    </div>
  );
});

function select(area: HTMLTextAreaElement, line: number) {
  const before = area.value.split('\n').slice(0, line);
  const end = before.join('\n').length;
  area.focus();
  area.setSelectionRange(end - (before.at(-1)?.length ?? 0), end);
  area.scrollTop = Math.max(0, TOP + (line - 1) * LINE - area.clientHeight / 3);
}

function countLines(text: string): number {
  let count = 1;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
