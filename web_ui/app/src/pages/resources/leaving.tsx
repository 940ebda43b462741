import { Button, Dialog, useText } from '@prefect-platform/components';
import { useCallback, useRef } from 'react';
import { useBeforeUnload, useBlocker } from 'react-router';

/** Asks before what was written in a form is left behind: by a link, by going back, by closing the tab. */
export function useLeaving() {
  const t = useText();
  const dirty = useRef(false);
  const onDirty = useCallback((now: boolean) => {
    dirty.current = now;
  }, []);
  const blocker = useBlocker(
    ({ currentLocation, nextLocation }) =>
      dirty.current && currentLocation.pathname !== nextLocation.pathname,
  );
  useBeforeUnload(
    useCallback((event) => {
      if (dirty.current) event.preventDefault();
    }, []),
  );
  const stay = () => {
    if (blocker.state === 'blocked') blocker.reset();
  };
  const question = (
    <Dialog
      title={t('leave.title')}
      open={blocker.state === 'blocked'}
      onClose={stay}
      footer={
        <>
          <Button look="primary" onClick={stay}>
            {t('leave.stay')}
          </Button>
          <Button look="danger" onClick={() => blocker.proceed?.()}>
            {t('leave.leave')}
          </Button>
        </>
      }
    >
      <p>{t('leave.words')}</p>
    </Dialog>
  );
  /** It was saved, or given up on purpose: nothing is asked any more. */
  const free = () => onDirty(false);
  return { onDirty, free, question };
}
