import type { components } from '../api/schema';

export type Schemas = components['schemas'];
export type Size = Schemas['Size'];
export type Gpu = Schemas['Gpu'];
export type GpuRequest = Partial<Schemas['GpuRequest']>;
export type Secret = Schemas['Secret'];
export type Attachment = { secret?: string; variable?: string; path?: string; mode?: number };
export type Repository = {
  url?: string;
  ref?: string;
  path?: string;
  on_restart?: 'preserve' | 'reclone';
  discard_changes?: boolean;
  secret?: string;
};
export type Queue = { name?: string; priority?: number; concurrency_limit?: number };
export type DaskSpec = Partial<Schemas['DaskSpec']>;
export type Resource = Schemas['Resource'];
export type Cluster = Schemas['Cluster'];
export type Spec = Record<string, unknown>;

export type Kind = 'jupyter-server' | 'prefect-agent' | 'dask-cluster';

/** What a form is about: a document that can be written in any of the three ways. */
export interface Wanted {
  kind: Kind;
  name: string;
  project: string;
  spec: Spec;
  start: boolean;
  /** Whether it is there already: then it is changed. */
  there: boolean;
}

/** The most memory that past starts needed, to choose a size by. */
export interface Evidence {
  peak_memory_bytes: number;
  starts: number;
  /** Whether those were its own starts, so that every size can be held against them. */
  own: boolean;
}

/** What is known of a size. */
export type EvidenceOf = (size: string) => Evidence | undefined;
