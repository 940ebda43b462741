import { useMemo, useRef, useState } from 'react';
import { useApi, type Api } from '../api/client';
import { PlatformProblem } from '../api/problem';
import type { Cluster, Resource } from './model';
import { create, Keys, open, read, restart, update } from './saving';
import { pythonOf } from './sources';
import type { Document, Refusal } from './useDocument';

interface Options {
  /** The flow whose interpreter and packages a cluster gets. */
  flow: string;
  /** Whether what runs is restarted with it. */
  again: boolean;
  onSaved: (made: Resource | Cluster) => void;
}

/** Sends a document once, however often that is asked for, and keeps what became of it. */
export function useSaving(document: Document, { flow, again, onSaved }: Options) {
  const api = useApi();
  const keys = useMemo(() => new Keys(), []);
  const sending = useRef(false);
  const [attempts, setAttempts] = useState(0);
  const [busy, setBusy] = useState(false);
  const [refusal, setRefusal] = useState<Refusal | null>(null);
  const [theirs, setTheirs] = useState<Resource | null>(null);

  const send = (): Promise<Resource | Cluster> => {
    const { wanted, resource } = document;
    if (wanted.kind === 'dask-cluster') return opened(api, document, flow, keys);
    if (resource === undefined) return create(api, wanted, keys);
    return changed(api, document, resource, again && document.waits, keys);
  };

  const refused = async (error: unknown) => {
    setRefusal({ error, spec: document.kept, name: document.name });
    setTheirs(await nowOf(api, document, error));
    setAttempts((times) => times + 1);
  };

  const save = async () => {
    setAttempts((times) => times + 1);
    const ready =
      document.named && document.own.length === 0 && (document.wanted.kind !== 'dask-cluster' || flow !== '');
    if (sending.current || !ready) return;
    sending.current = true;
    setBusy(true);
    setRefusal(null);
    try {
      onSaved(await send());
    } catch (error) {
      await refused(error);
    } finally {
      sending.current = false;
      setBusy(false);
    }
  };

  const settle = (mine: boolean) => {
    if (theirs === null) return;
    document.rebase(theirs, mine);
    setTheirs(null);
    setRefusal(null);
  };

  return { save, settle, attempts, busy, refusal, theirs };
}

async function opened(api: Api, { wanted }: Document, flow: string, keys: Keys): Promise<Cluster> {
  return open(api, wanted, await pythonOf(api, wanted.project, flow), keys);
}

async function changed(
  api: Api,
  document: Document,
  resource: Resource,
  again: boolean,
  keys: Keys,
): Promise<Resource> {
  const updated = await update(api, document.wanted, resource.updated_at, keys);
  if (!again) return updated;
  document.setResource(updated); // it is saved, whatever becomes of the restart
  return restart(api, updated, keys);
}

/** What it is now, where somebody else changed it; null where that is not so, or not to be had. */
async function nowOf(api: Api, { resource }: Document, error: unknown): Promise<Resource | null> {
  if (resource === undefined || !(error instanceof PlatformProblem) || error.code !== 'changed-meanwhile')
    return null;
  try {
    return await read(api, resource.project, resource.kind, resource.name);
  } catch (failed) {
    if (failed instanceof PlatformProblem) return null; // the refusal itself stays to be seen
    throw failed;
  }
}
