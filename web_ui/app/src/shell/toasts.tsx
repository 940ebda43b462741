import { Button, useText } from '@prefect-platform/components';
import { createContext, useCallback, useContext, useMemo, useRef, useState, type ReactNode } from 'react';

interface Toast {
  id: number;
  text: string;
  tone: 'ok' | 'bad';
  undo?: () => void;
}

type Show = (text: string, options?: { tone?: 'ok' | 'bad'; undo?: () => void }) => void;

const Context = createContext<Show>(() => undefined);
const SHOWN_MS = 6000;

/** Words about what one did oneself, with a way back where there is one. */
export function Toasts({ children }: { children: ReactNode }) {
  const t = useText();
  const [toasts, setToasts] = useState<Toast[]>([]);
  const next = useRef(1);
  const drop = useCallback((id: number) => setToasts((all) => all.filter((one) => one.id !== id)), []);
  const show = useCallback<Show>(
    (text, options = {}) => {
      const id = next.current++;
      setToasts((all) => [...all.slice(-3), { id, text, tone: options.tone ?? 'ok', undo: options.undo }]);
      setTimeout(() => drop(id), SHOWN_MS);
    },
    [drop],
  );
  const value = useMemo(() => show, [show]);
  return (
    <Context.Provider value={value}>
      {children}
      <div className="toasts" role="status" aria-live="polite">
        {toasts.map((one) => (
          <div key={one.id} className={`toast ${one.tone}`}>
            <span className="grow">{one.text}</span>
            {one.undo && (
              <Button
                small
                onClick={() => {
                  one.undo?.();
                  drop(one.id);
                }}
              >
                {t('undo')}
              </Button>
            )}
            <button className="pp-link" aria-label={t('dismiss')} onClick={() => drop(one.id)}>
              ×
            </button>
          </div>
        ))}
      </div>
    </Context.Provider>
  );
}

export const useToast = (): Show => useContext(Context);
