import { useEffect, useLayoutEffect, useRef, type RefObject } from 'react';

/** After each attempt the first field that is wrong gets the focus. */
export function useFirstFault(box: RefObject<HTMLElement | null>, attempts: number): void {
  useEffect(() => {
    if (attempts === 0) return;
    // rjsf takes errors over in a render of its own.
    const frame = requestAnimationFrame(() =>
      box.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus(),
    );
    return () => cancelAnimationFrame(frame);
  }, [box, attempts]);
}

/** Whoever adds an entry types into it next: its first field gets the focus before the next key comes. */
export function useFocusOfNew(entries: string): [RefObject<HTMLDivElement>, () => void] {
  const list = useRef<HTMLDivElement>(null);
  const wanted = useRef(false);
  useLayoutEffect(() => {
    if (!wanted.current) return;
    const all = list.current?.querySelectorAll<HTMLElement>(entries);
    const first = all?.[all.length - 1]?.querySelector<HTMLElement>('input, select');
    if (first === undefined || first === null) return;
    wanted.current = false;
    first.focus();
  });
  return [list, () => (wanted.current = true)];
}
