import type { UiSchema } from '@rjsf/utils';
import type { Translate } from '../host/i18n';
import type { fields } from './fields';
import type { Kind } from './model';
import type { Schema } from './schema';
import type { Section } from './templates';
import { fieldHint, fieldName } from './words';

type Own = keyof typeof fields;

const SECTIONS: Record<Kind, readonly Section[]> = {
  'jupyter-server': [
    { title: 'form.section.about', fields: ['description'] },
    { title: 'form.section.size', fields: ['size', 'cores', 'memory_bytes', 'gpu', 'disk_bytes'] },
    {
      title: 'form.section.environment',
      fields: ['interpreter', 'working_directory', 'packages', 'variables', 'start_script', 'requirements'],
    },
    { title: 'form.section.secrets', fields: ['secrets'] },
    { title: 'form.section.git', fields: ['git'] },
    { title: 'form.section.shutoff', fields: ['shutoff'] },
  ],
  'prefect-agent': [
    { title: 'form.section.prefect', fields: ['prefect_api_url', 'prefect_secret', 'work_pool'] },
    { title: 'form.section.queues', fields: ['queues'] },
    { title: 'form.section.limits', fields: ['limit', 'memory_bytes', 'labels'] },
  ],
  'dask-cluster': [
    { title: 'form.section.workers', fields: ['n_workers'] },
    { title: 'form.section.end', fields: ['idle_timeout_seconds', 'lifetime_seconds'] },
  ],
};

const OWN: Record<Kind, Record<string, Own>> = {
  'jupyter-server': {
    size: 'pp-size',
    cores: 'pp-cores',
    memory_bytes: 'pp-amount',
    disk_bytes: 'pp-amount',
    gpu: 'pp-gpu',
    packages: 'pp-packages',
    requirements: 'pp-script',
    variables: 'pp-pairs',
    start_script: 'pp-script',
    git: 'pp-git',
    secrets: 'pp-secrets',
    shutoff: 'pp-shutoff',
  },
  'prefect-agent': {
    prefect_secret: 'pp-secret',
    queues: 'pp-queues',
    memory_bytes: 'pp-amount',
    labels: 'pp-pairs',
  },
  'dask-cluster': {
    n_workers: 'pp-dask',
    worker_size: 'pp-hidden',
    scheduler_size: 'pp-hidden',
    processes: 'pp-hidden',
    threads: 'pp-hidden',
    gpu: 'pp-hidden',
    spot: 'pp-hidden',
    adapt: 'pp-hidden',
    idle_timeout_seconds: 'pp-seconds',
    lifetime_seconds: 'pp-seconds',
  },
};

const MONO = new Set(['interpreter', 'working_directory', 'prefect_api_url', 'work_pool']);

/** How each field of a kind is shown; a field that the schema has and nobody named is shown as it is. */
export function uiSchema(kind: Kind, schema: Schema, t: Translate): UiSchema<unknown, Schema, object> {
  const found: UiSchema<unknown, Schema, object> = { 'ui:sections': SECTIONS[kind] };
  const named = new Set(SECTIONS[kind].flatMap((one) => one.fields));
  for (const field of Object.keys(schema.properties ?? {})) {
    const own = OWN[kind][field];
    if (own === 'pp-hidden') named.add(field);
    found[field] = own === undefined ? plain(field, t) : { 'ui:field': own };
    if (own === 'pp-hidden') found[field] = { ...found[field], 'ui:widget': 'hidden' };
  }
  return found;
}

function plain(field: string, t: Translate) {
  return {
    'ui:title': fieldName(field, t),
    'ui:description': '',
    'ui:options': { help: fieldHint(field, t), mono: MONO.has(field) },
    ...(field === 'description' ? { 'ui:widget': 'textarea', 'ui:options': { rows: 2 } } : {}),
  };
}
