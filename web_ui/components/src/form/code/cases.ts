import type { Spec, Wanted } from '../model';

const SERVER = { project: 'default', start: false, there: false } as const;

function server(name: string, spec: Spec): Wanted {
  return { ...SERVER, kind: 'jupyter-server', name, spec };
}

function agent(name: string, spec: Spec): Wanted {
  return { ...SERVER, kind: 'prefect-agent', name, spec };
}

function cluster(name: string, spec: Spec): Wanted {
  return { ...SERVER, kind: 'dask-cluster', name, spec };
}

const HARD = 'it\'s "quoted" $HOME `date` \\ back\n\ttab, é, 🙂 and %s\n';

/**
 * What the texts beside a form are tried with: `tests/integration/test_form_codes.py` runs each of them against
 * a real platform and compares what it made.
 */
export const CASES: Wanted[] = [
  server('plain', {}),
  server('amounts', { cores: 0.5, memory_bytes: 1610612736, disk_bytes: 5368709121, shutoff: 'never' }),
  server('sized', { size: 'small', shutoff: '6h', description: 'for the\nteam' }),
  server('hard-texts', {
    description: HARD,
    variables: { A: HARD, EMPTY: '', EQUALS: 'a=b', DASH: '-x', YES: 'yes', TIME: '1:30', NUMBER: '0x10' },
    packages: ['polars>=1', "importlib-metadata; python_version<'3.9'", 'x @ https://example.com/x.whl'],
    start_script: `set -e\necho ${HARD}`,
    requirements: 'numpy<3 # comment\n\npandas',
  }),
  server('no-last-newline', { start_script: 'export A=1', working_directory: '~/my work' }),
  server('like-an-option', { description: '--size large', packages: ['--no-binary=:all:'] }),
  server('secrets', {
    secrets: [
      { secret: 'db-password', variable: 'DB' },
      { secret: 'ssh-key', path: '~/.ssh/id' },
      { secret: 'ssh-key', path: '~/.ssh/id:0400', mode: 0o400 },
      { secret: 'ssh-key', path: '~/odd:0644' },
    ],
  }),
  server('git-alike', {
    git: [
      { url: 'https://example.com/a/b.git', ref: 'v1.2', on_restart: 'reclone', secret: 'ssh-key' },
      { url: 'git@example.com:c/d.git', on_restart: 'reclone', secret: 'ssh-key' },
    ],
  }),
  server('git-unlike', {
    git: [
      { url: 'https://example.com/a/b.git', path: 'src/b' },
      { url: 'ssh://git@example.com/c/d.git', ref: 'main', on_restart: 'reclone', discard_changes: true },
    ],
  }),
  { ...server('there', { cores: 2, description: 'yes' }), there: true },
  agent('plain', {}),
  agent('all', {
    prefect_api_url: 'http://127.0.0.1:4200/api',
    prefect_secret: 'db-password',
    work_pool: 'nightly',
    queues: [
      { name: 'fast', priority: 1, concurrency_limit: 2 },
      { name: 'slow one' },
      { name: 'none', concurrency_limit: 0 },
    ],
    limit: 20,
    memory_bytes: 536870912,
    labels: { team: 'a b', 'x.y': '1' },
  }),
  agent('no-option', { queues: [{ name: 'a,b' }], labels: { spaces: ' x ' } }),
  { ...agent('there', { limit: 3 }), there: true },
  cluster('fixed', {
    n_workers: 4,
    worker_size: 'small',
    scheduler_size: 'small',
    processes: 1,
    threads: 1,
    spot: true,
  }),
  cluster('adaptive', {
    adapt: { minimum: 2, maximum: 8 },
    idle_timeout_seconds: 1800,
    lifetime_seconds: 7200,
  }),
  cluster('gpus', {
    n_workers: 2,
    gpu: { count: 2, type: 'A100', min_memory_bytes: 40e9, max_memory_bytes: 85899345920 },
  }),
];
