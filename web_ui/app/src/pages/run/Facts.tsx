import { Card, Fact, Facts, Lasted, Time, useText, words, type wire } from '@prefect-platform/components';

export function RunFacts({ run }: { run: wire.RunDetail }) {
  const t = useText();
  const workload = run.attempt_list.at(-1)?.workload;
  const peak = workload?.end?.peak_memory_bytes;
  return (
    <Card title={t('run.facts')}>
      <div className="body">
        <Facts>
          <Fact name={t('run.version')}>{run.version_number}</Fact>
          {run.prefect_state && <Fact name={t('run.prefectState')}>{run.prefect_state}</Fact>}
          {workload && (
            <Fact name={t('run.size')}>
              {workload.size ? `${workload.size}: ` : ''}
              {words.cores(workload.cores)}, {words.bytes(workload.memory_bytes)}
              {(workload.gpus ?? []).map((gpu) => (
                <div key={gpu} className="mono">
                  {gpu}
                </div>
              ))}
            </Fact>
          )}
          {peak != null && workload && (
            <Fact name={t('run.peak')}>
              {words.bytes(peak)} {t('run.ofSize', { limit: words.bytes(workload.memory_bytes) })}
              <Meter share={peak / workload.memory_bytes} />
            </Fact>
          )}
          <Fact name={t('run.started')}>
            <Time at={run.started_at} />
          </Fact>
          <Fact name={t('run.duration')}>
            <Lasted from={run.started_at} to={run.ended_at} />
          </Fact>
          {run.price != null && <Fact name={t('run.cost')}>{words.money(run.price)}</Fact>}
          {run.started_by && <Fact name={t('run.by')}>{run.started_by}</Fact>}
          <Fact name={t('run.queued')}>{words.duration(run.queued_seconds)}</Fact>
          {workload?.end && (
            <Fact name={t('run.exit')}>
              {workload.end.signal !== null
                ? `signal ${workload.end.signal}`
                : `code ${workload.end.exit_code ?? '–'}`}
            </Fact>
          )}
          <Fact name={t('run.id')}>
            <code>{run.id}</code>
          </Fact>
        </Facts>
      </div>
    </Card>
  );
}

/** How much of a size was used: yellow near its end, red over it. */
export function Meter({ share }: { share: number }) {
  const tone = share > 0.95 ? 'bad' : share > 0.8 ? 'warn' : '';
  return (
    <div className="meter">
      <i className={tone} style={{ width: `${Math.min(100, share * 100)}%` }} />
    </div>
  );
}
