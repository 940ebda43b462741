import { gpuText } from '../amounts';
import type { DaskSpec, Wanted } from '../model';

const MEMBERS = { 'jupyter-server': 'JUPYTER_SERVER', 'prefect-agent': 'PREFECT_AGENT' } as const;
const WIDTH = 56;

/** The same in Python; it runs as it stands where one is signed in. */
export function python(wanted: Wanted): string {
  if (wanted.kind === 'dask-cluster') return cluster(wanted);
  const call = wanted.there ? 'update' : 'create';
  const start = wanted.there || wanted.start ? '' : '    start=False,\n';
  return [
    'from prefect_platform import connect',
    'from prefect_platform.wire.resources import ResourceKind',
    '',
    'client = connect()',
    `client.resources.${call}(`,
    `    ${literal(wanted.project)},`,
    `    ResourceKind.${MEMBERS[wanted.kind]},`,
    `    ${literal(wanted.name)},`,
    `    ${literal(wanted.spec, 4)},`,
    `${start})`,
  ].join('\n');
}

function cluster({ name, spec: given }: Wanted): string {
  const spec = given as DaskSpec;
  const said: [string, string][] = [];
  if (name) said.push(['name', literal(name)]);
  if (!spec.adapt || spec.n_workers !== undefined) said.push(['n_workers', String(spec.n_workers ?? 1)]);
  if (spec.adapt) said.push(['adapt', `(${spec.adapt.minimum}, ${spec.adapt.maximum})`]);
  for (const field of ['worker_size', 'scheduler_size', 'processes', 'threads', 'spot'] as const)
    if (spec[field]) said.push([field, literal(spec[field])]);
  if (spec.gpu) said.push(['gpu', literal(gpuText(spec.gpu) ?? '1')]);
  if (spec.idle_timeout_seconds) said.push(['idle_timeout', String(spec.idle_timeout_seconds)]);
  if (spec.lifetime_seconds) said.push(['lifetime', String(spec.lifetime_seconds)]);
  said.push(['shutdown_on_close', 'False']); // what a form opens does not end with a kernel
  const body = said.map(([field, value]) => `    ${field}=${value},`).join('\n');
  return `from prefect_platform import PlatformCluster\n\ncluster = PlatformCluster(\n${body}\n)`;
}

/** A literal of plain data; on one line where it is short. */
export function literal(value: unknown, indent = 0): string {
  const flat = inline(value);
  if (flat.length + indent <= WIDTH || typeof value !== 'object' || value === null) return flat;
  const pad = ' '.repeat(indent + 4);
  const end = ' '.repeat(indent);
  if (Array.isArray(value))
    return `[\n${value.map((one) => `${pad}${literal(one, indent + 4)},\n`).join('')}${end}]`;
  const fields = Object.entries(value).map(
    ([key, one]) => `${pad}${text(key)}: ${literal(one, indent + 4)},\n`,
  );
  return `{\n${fields.join('')}${end}}`;
}

function inline(value: unknown): string {
  if (value === null || value === undefined) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return text(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value === 'object')
    return `{${Object.entries(value).map(([key, one]) => `${text(key)}: ${inline(one)}`).join(', ')}}`; // prettier-ignore
  return String(value);
}

/** JSON's escapes are Python's, except for a pair of surrogates, which it leaves as the character. */
function text(value: string): string {
  return JSON.stringify(value);
}
