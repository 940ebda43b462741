import { Button, Problem, useText } from '@prefect-platform/components';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import { useLocation, useNavigate, useSearchParams } from 'react-router';
import { signIn } from '../session';
import { Mark } from '../shell/Mark';

/** A ticket from a link signs in by itself; without one a token does. */
export function SignIn() {
  const t = useText();
  const navigate = useNavigate();
  const [query] = useSearchParams();
  // The router's, so that a link that is pasted while this page is open, which loads nothing, is seen too.
  const { hash } = useLocation();
  const [token, setToken] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const begun = useRef('');
  const next = safeNext(query.get('next'));
  useEffect(() => {
    const ticket = new URLSearchParams(hash.slice(1)).get('ticket');
    if (ticket === null || begun.current === ticket) return;
    begun.current = ticket;
    setError(null);
    setBusy(true);
    // A link in the history must not be opened again: it would only say that it was used.
    history.replaceState(history.state, '', location.pathname + location.search);
    signIn({ ticket })
      .then(() => navigate(next, { replace: true }))
      .catch((failed: unknown) => setError(failed))
      .finally(() => setBusy(false));
  }, [hash, navigate, next]);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await signIn({ token: token.trim() });
      await navigate(next, { replace: true });
    } catch (failed) {
      setError(failed);
    } finally {
      setBusy(false);
    }
  };
  return (
    <main className="sign-in">
      <form className="pp-card" onSubmit={(event) => void submit(event)}>
        <header>
          <Mark />
          <h1>{t('signIn')}</h1>
        </header>
        <div className="body stack">
          {query.has('ended') && error === null && <p className="soft">{t('signIn.ended')}</p>}
          {error !== null && <Problem error={error} />}
          <p>{t('signIn.how')}</p>
          <pre className="pp-code">prefect-platform open</pre>
          <div className="pp-field">
            <label htmlFor="token">{t('signIn.token')}</label>
            <input
              id="token"
              type="password"
              autoComplete="off"
              spellCheck={false}
              value={token}
              onChange={(event) => setToken(event.target.value)}
            />
            <span className="pp-hint">{t('signIn.tokenHint')}</span>
          </div>
          <Button type="submit" look="primary" disabled={busy || token.trim() === ''}>
            {busy ? t('signIn.busy') : t('signIn')}
          </Button>
        </div>
      </form>
    </main>
  );
}

/** Where to go on: a path of this app, and nothing that leads elsewhere. */
export function safeNext(next: string | null): string {
  return next !== null && /^\/(?![/\\])/.test(next) && !next.startsWith('/sign-in') ? next : '/';
}
