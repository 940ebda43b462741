import { useEffect, type RefObject } from 'react';

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
