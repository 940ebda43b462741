import { bytesText, gpuText } from '../amounts';
import type { Attachment, DaskSpec, GpuRequest, Queue, Repository, Spec, Wanted } from '../model';
import { asFile, lines, quoted } from './shell';
import { recipe } from './yaml';

const PROGRAM = 'prefect-platform';

/** Thrown where an option cannot say what is wanted; a recipe can say everything. */
class NoOption extends Error {}

/**
 * The command that does what the form does. What is there already is changed by its recipe, and so is made
 * what no option can say.
 */
export function command(wanted: Wanted): string {
  if (wanted.kind === 'dask-cluster') return cluster(wanted.spec as DaskSpec);
  if (wanted.there) return applied(wanted);
  try {
    return created(wanted);
  } catch (error) {
    if (error instanceof NoOption) return applied(wanted);
    throw error;
  }
}

function created({ kind, name, project, spec, start }: Wanted): string {
  const group = kind === 'jupyter-server' ? 'jupyter' : 'agent';
  const options = kind === 'jupyter-server' ? jupyter(spec) : agent(spec);
  if (!start) options.push('--no-start');
  options.push(`--project ${quoted(project)}`);
  return lines(`${PROGRAM} ${group} create ${quoted(name)}`, options);
}

function applied(wanted: Wanted): string {
  const start = wanted.start || wanted.there ? '' : ' --no-start';
  const text = recipe(wanted);
  const end = text.split('\n').includes('EOF') ? 'END_OF_RECIPE' : 'EOF';
  const head = `${PROGRAM} resource apply --yes${start} --project ${quoted(wanted.project)} -f -`;
  return `${head} <<'${end}'\n${text}${end}`;
}

type Options = Record<string, (value: never) => string[]>;

/** Fields in the order of the schema; one that is not known here has no option. */
function options(spec: Spec, known: Options): string[] {
  return Object.entries(spec).flatMap(([field, value]) => {
    const option = known[field];
    if (option === undefined) throw new NoOption(field);
    return option(value as never);
  });
}

const text = (name: string) => (value: string | number) => {
  const word = String(value);
  // A word that begins with a dash would be read as an option.
  return [word.startsWith('-') ? quoted(`--${name}=${word}`) : `--${name} ${quoted(word)}`];
};
const amount = (name: string) => (value: number) => [`--${name} ${bytesText(value)}`];
const file = (name: string) => (value: string) => [`--${name} ${asFile(value)}`];

function jupyter(spec: Spec): string[] {
  return options(spec, {
    description: text('description'),
    size: text('size'),
    cores: text('cores'),
    memory_bytes: amount('memory'),
    gpu: (value: GpuRequest) => text('gpu')(orNone(gpuText(value))),
    disk_bytes: amount('disk'),
    interpreter: text('interpreter'),
    packages: (value: string[]) => value.flatMap(text('package')),
    requirements: file('requirements'),
    variables: (value: Record<string, string>) =>
      Object.entries(value).map(([name, one]) => `--env ${quoted(`${name}=${one}`)}`),
    start_script: file('start-script'),
    working_directory: text('working-directory'),
    git: repositories,
    secrets: (value: Attachment[]) => value.map((one) => `--secret ${quoted(attachment(one))}`),
    shutoff: text('shutoff'),
  });
}

function agent(spec: Spec): string[] {
  return options(spec, {
    prefect_api_url: text('prefect-api-url'),
    prefect_secret: text('prefect-secret'),
    work_pool: text('work-pool'),
    queues: (value: Queue[]) => value.map((one) => `--queue ${quoted(queue(one))}`),
    limit: text('limit'),
    memory_bytes: amount('memory'),
    labels: (value: Record<string, string>) =>
      Object.entries(value).map(([name, one]) => `--label ${quoted(label(name, one))}`),
  });
}

function orNone(found: string | null): string {
  if (found === null) throw new NoOption();
  return found;
}

/** As `register(secrets=[...])` and `--secret` take it. */
export function attachment({ secret = '', variable, path, mode }: Attachment): string {
  if (path === undefined) return `${secret}=${variable ?? ''}`;
  const kept = mode === undefined || mode === 0o600;
  // A path that ends like a mode would be read as one.
  return kept && !/:[0-7]{3,4}$/.test(path)
    ? `${secret}:${path}`
    : `${secret}:${path}:${octal(mode ?? 0o600)}`;
}

const octal = (mode: number) => mode.toString(8).padStart(4, '0');

function queue({ name = '', priority, concurrency_limit: limit }: Queue): string {
  if (name.includes(',')) throw new NoOption('queues');
  return [
    name,
    priority == null ? '' : `priority=${priority}`,
    limit == null ? '' : `concurrency_limit=${limit}`,
  ]
    .filter(Boolean)
    .join(',');
}

/** Spaces around a name or a value are taken off on the way. */
function label(name: string, value: string): string {
  if (name.includes('=') || name !== name.trim() || value !== value.trim()) throw new NoOption('labels');
  return `${name}=${value}`;
}

/** One `--reclone` and one `--git-secret` are for all of them; `@` divides the branch from the address. */
function repositories(all: Repository[]): string[] {
  const first = all[0] ?? {};
  const alike = all.every(
    (one) =>
      one.path == null &&
      !one.discard_changes &&
      (one.on_restart ?? 'preserve') === (first.on_restart ?? 'preserve') &&
      (one.secret ?? null) === (first.secret ?? null),
  );
  if (!alike) throw new NoOption('git');
  return [
    ...all.map((one) => `--git ${quoted(gitText(one))}`),
    ...(first.on_restart === 'reclone' ? ['--reclone'] : []),
    ...(first.secret ? [`--git-secret ${quoted(first.secret)}`] : []),
  ];
}

function gitText({ url = '', ref }: Repository): string {
  const place = url.slice(url.indexOf('://') === -1 ? 0 : url.indexOf('://') + 3);
  const at = place.lastIndexOf('@');
  // An `@` after a slash would be taken for the one of the branch.
  if (at !== -1 && place.slice(0, at).includes('/') && !ref) throw new NoOption('git');
  if (ref?.includes('@')) throw new NoOption('git');
  if (ref && !place.includes('/')) throw new NoOption('git');
  return ref ? `${url}@${ref}` : url;
}

/** Clusters are made from Python; a command gives one to every run of a flow. */
function cluster(spec: DaskSpec): string {
  const words = [
    `--dask-workers ${spec.n_workers ?? 1}`,
    spec.worker_size ? `--dask-worker-size ${quoted(spec.worker_size)}` : '',
    spec.scheduler_size ? `--dask-scheduler-size ${quoted(spec.scheduler_size)}` : '',
    spec.gpu ? `--dask-worker-gpu ${quoted(gpuText(spec.gpu) ?? '1')}` : '',
    spec.processes ? `--dask-processes ${spec.processes}` : '',
    spec.threads ? `--dask-threads ${spec.threads}` : '',
    spec.adapt ? `--dask-adapt ${spec.adapt.minimum}:${spec.adapt.maximum}` : '',
    spec.spot ? '--dask-spot' : '',
  ].filter(Boolean);
  return lines(`${PROGRAM} flow register flow.py:flow`, words);
}
