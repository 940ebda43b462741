import { useEffect, useRef, useState, type ButtonHTMLAttributes, type ReactNode } from 'react';
import { PlatformProblem } from '../api/problem';
import { useText } from '../host/i18n';
import type { Tone } from './status';

export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`pp-badge tone-${tone}`}>{children}</span>;
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: 'plain' | 'primary' | 'danger';
  small?: boolean;
};

export function Button({ look = 'plain', small = false, className = '', ...rest }: ButtonProps) {
  return (
    <button type="button" {...rest} className={`pp-button ${look} ${small ? 'small' : ''} ${className}`} />
  );
}

export interface CardProps {
  title?: ReactNode;
  beside?: ReactNode;
  actions?: ReactNode;
  className?: string;
  label?: string;
  children: ReactNode;
}

/** A part of a page: its title, what stands beside that, what can be done with it. */
export function Card({ title, beside, actions, className = '', label, children }: CardProps) {
  const name = label ?? (typeof title === 'string' ? title : undefined);
  return (
    <section className={`pp-card ${className}`} aria-label={name}>
      {title !== undefined && (
        <header>
          <h2>{title}</h2>
          {beside !== undefined && <span className="faint small">{beside}</span>}
          <span className="grow" />
          {actions}
        </header>
      )}
      {children}
    </section>
  );
}

export function Facts({ children }: { children: ReactNode }) {
  return <dl className="pp-facts">{children}</dl>;
}

export function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <div className="pp-empty">{children}</div>;
}

/** What went wrong, in the server's own words, with a way to try again where there is one. */
export function Problem({ error, again }: { error: unknown; again?: () => void }) {
  const t = useText();
  const code = error instanceof PlatformProblem ? error.code : null;
  return (
    <div className="pp-problem" role="alert">
      <span className="grow">{error instanceof Error ? error.message : String(error)}</span>
      {code !== null && <code className="faint">{code}</code>}
      {again && (
        <Button small onClick={again}>
          {t('again')}
        </Button>
      )}
    </div>
  );
}

export function Skeleton({ lines = 3 }: { lines?: number }) {
  const t = useText();
  const widths = ['72%', '90%', '58%', '81%', '66%'];
  return (
    <div className="body stack" role="status" aria-label={t('loading')}>
      {Array.from({ length: lines }, (_, at) => (
        <div key={at} className="pp-skeleton" style={{ width: widths[at % widths.length] }} />
      ))}
    </div>
  );
}

/** Copies a text and says so for a moment. */
export function Copy({
  text,
  children,
  small = true,
}: {
  text: string;
  children?: ReactNode;
  small?: boolean;
}) {
  const t = useText();
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async () => {
    await copyText(text);
    setDone(true);
  };
  return (
    <Button small={small} onClick={() => void copy()} aria-live="polite">
      {done ? t('copied') : (children ?? t('copy'))}
    </Button>
  );
}

/** The clipboard is there for secure origins alone; elsewhere a selection is copied, the old way. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement('textarea');
  area.value = text;
  area.setAttribute('readonly', '');
  area.className = 'unseen';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

interface DialogProps {
  title: string;
  open: boolean;
  onClose: () => void;
  footer?: ReactNode;
  children: ReactNode;
}

/** A modal dialog of the browser's own: focus stays inside, Escape closes it. */
export function Dialog({ title, open, onClose, footer, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current;
    if (dialog === null) return;
    if (open && !dialog.open) dialog.showModal();
    if (!open && dialog.open) dialog.close();
  }, [open]);
  return (
    <dialog ref={ref} aria-label={title} onClose={onClose}>
      {open && (
        <>
          <header>
            <h2>{title}</h2>
          </header>
          <div className="body">{children}</div>
          {footer !== undefined && <footer>{footer}</footer>}
        </>
      )}
    </dialog>
  );
}

interface ConfirmProps {
  title: string;
  open: boolean;
  /** What has to be typed; nothing needs to be where this is left out. */
  name?: string;
  action: string;
  busy?: boolean;
  error?: unknown;
  onConfirm: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** For what cannot be undone: one types the name of what goes. */
export function Confirm({
  title,
  open,
  name,
  action,
  busy,
  error,
  onConfirm,
  onClose,
  children,
}: ConfirmProps) {
  const t = useText();
  const [typed, setTyped] = useState('');
  useEffect(() => setTyped(''), [open]);
  const ready = name === undefined || typed === name;
  return (
    <Dialog
      title={title}
      open={open}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t('cancel')}</Button>
          <Button look="danger" disabled={!ready || busy} onClick={onConfirm}>
            {action}
          </Button>
        </>
      }
    >
      {children}
      {name !== undefined && (
        <div className="pp-field">
          <label htmlFor="pp-confirm">{t('confirm.type', { name })}</label>
          <input
            id="pp-confirm"
            value={typed}
            autoComplete="off"
            onChange={(event) => setTyped(event.target.value)}
          />
        </div>
      )}
      {error !== undefined && error !== null && <Problem error={error} />}
    </Dialog>
  );
}
