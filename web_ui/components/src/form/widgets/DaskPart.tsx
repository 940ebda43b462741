import { useText, type Text } from '../../host/i18n';
import * as words from '../../ui/words';
import { threadsNote } from '../checks';
import type { DaskSpec, Gpu, Size } from '../model';
import { perHour } from '../amounts';
import type { FieldProblem } from '../problems';
import { bounds } from '../sums';
import { GpuPicker } from './GpuPicker';
import { Check, errorsAt, NumberInput, Segments, Select } from './parts';

interface DaskPartProps {
  value: DaskSpec;
  sizes: readonly Size[];
  gpus: readonly Gpu[];
  errors?: readonly FieldProblem[];
  /** Whether what it comes to stands below; it may stand elsewhere. */
  summed?: boolean;
  onValue: (value: DaskSpec) => void;
}

/** Workers of a cluster: how many, how large, and what they come to. */
export function DaskPart({ value, sizes, gpus, errors = [], summed = true, onValue }: DaskPartProps) {
  const t = useText();
  const set = (part: DaskSpec) => onValue(kept({ ...value, ...part }));
  const worker = sizes.find((one) => one.name === value.worker_size);
  return (
    <div className="pp-group">
      <Segments
        label={t('form.dask.how')}
        value={value.adapt ? 'adaptive' : 'fixed'}
        options={[
          { value: 'fixed', label: t('form.dask.fixed') },
          { value: 'adaptive', label: t('form.dask.adaptive') },
        ]}
        onText={(how) => set(how === 'fixed' ? fixed(value) : adaptive(value))}
      />
      <div className="pp-grid">
        {value.adapt ? (
          <>
            <NumberInput
              label={t('form.dask.least')}
              min={0}
              value={value.adapt.minimum}
              errors={[...errorsAt(errors, 'adapt'), ...errorsAt(errors, 'adapt', 'minimum')]}
              onValue={(minimum = 0) => set({ adapt: { maximum: value.adapt?.maximum ?? 1, minimum } })}
            />
            <NumberInput
              label={t('form.dask.most')}
              min={1}
              value={value.adapt.maximum}
              errors={errorsAt(errors, 'adapt', 'maximum')}
              onValue={(maximum = 1) => set({ adapt: { minimum: value.adapt?.minimum ?? 0, maximum } })}
            />
          </>
        ) : (
          <NumberInput
            label={t('form.dask.workers')}
            min={1}
            value={value.n_workers}
            placeholder="1"
            errors={errorsAt(errors, 'n_workers')}
            onValue={(workers) => set({ n_workers: workers })}
          />
        )}
        <SizeSelect
          label={t('form.dask.worker-size')}
          without={t('form.dask.plain-worker')}
          value={value.worker_size}
          sizes={sizes}
          errors={errorsAt(errors, 'worker_size')}
          onValue={(size) => set({ worker_size: size })}
        />
        <SizeSelect
          label={t('form.dask.scheduler-size')}
          without={t('form.dask.plain-scheduler')}
          value={value.scheduler_size}
          sizes={sizes}
          errors={errorsAt(errors, 'scheduler_size')}
          onValue={(size) => set({ scheduler_size: size })}
        />
        <NumberInput
          label={t('form.dask.processes')}
          min={1}
          max={64}
          placeholder="1"
          value={value.processes}
          errors={errorsAt(errors, 'processes')}
          onValue={(processes) => set({ processes })}
        />
        <NumberInput
          label={t('form.dask.threads')}
          min={1}
          placeholder={worker ? String(Math.max(1, Math.floor(worker.cores / (value.processes ?? 1)))) : '1'}
          value={value.threads}
          hint={threadsNote(value, sizes, t)}
          errors={errorsAt(errors, 'threads')}
          onValue={(threads) => set({ threads })}
        />
      </div>
      <GpuPicker
        label={t('form.dask.gpus')}
        value={value.gpu ?? undefined}
        gpus={gpus}
        errors={inside(errors, 'gpu')}
        onValue={(gpu) => set({ gpu: gpu as DaskSpec['gpu'] })}
      />
      <Check
        label={t('form.dask.spot')}
        checked={value.spot ?? false}
        onChecked={(on) => set({ spot: on || undefined })}
      />
      {summed && <DaskSum value={value} sizes={sizes} />}
    </div>
  );
}

/** What the cluster comes to, from its least to its most. */
export function DaskSum({ value, sizes }: { value: DaskSpec; sizes: readonly Size[] }) {
  const t = useText();
  const { least, most } = bounds(value, sizes);
  const range = (of: (sum: typeof most) => string) =>
    of(least) === of(most) ? of(most) : `${of(least)} – ${of(most)}`;
  const one = (text: string, single: Text, several: Text) => t(text === '1' ? single : several);
  const workers = range((sum) => String(sum.workers));
  const cores = range((sum) => String(sum.cores));
  return (
    <output className="pp-sum" aria-label={t('form.sum.most')}>
      <Figure name={one(workers, 'form.sum.worker', 'form.sum.workers')}>{workers}</Figure>
      <Figure name={one(cores, 'form.sum.core', 'form.sum.cores')}>{cores}</Figure>
      <Figure name={t('form.sum.memory')}>{range((sum) => words.bytes(sum.memory_bytes))}</Figure>
      {most.gpus > 0 && <Figure name={t('form.sum.gpus')}>{range((sum) => String(sum.gpus))}</Figure>}
      {most.price_per_hour !== null && (
        <Figure name={t('form.sum.price')}>{range((sum) => perHour(sum.price_per_hour))}</Figure>
      )}
    </output>
  );
}

export function Figure({ name, children }: { name: string; children: string }) {
  return (
    <span className="figure">
      <b className="num">{children}</b> <span className="small soft">{name}</span>
    </span>
  );
}

interface SizeSelectProps {
  label: string;
  without: string;
  value: string | null | undefined;
  sizes: readonly Size[];
  errors: readonly string[];
  onValue: (name: string | undefined) => void;
}

function SizeSelect({ label, without, value, sizes, errors, onValue }: SizeSelectProps) {
  const t = useText();
  const unavailable = sizes.find((one) => one.name === value)?.unavailable;
  return (
    <Select
      label={label}
      value={value ?? ''}
      errors={unavailable ? [...errors, unavailable] : errors}
      onText={(name) => onValue(name || undefined)}
      options={[
        { value: '', label: without },
        ...sizes.map((one) => ({
          value: one.name,
          disabled: one.unavailable !== null && one.name !== value,
          label: `${one.name}: ${words.cores(one.cores)}, ${words.bytes(one.memory_bytes)}${
            one.unavailable === null ? '' : ` (${t('form.size.none-free')})`
          }`,
        })),
      ]}
    />
  );
}

const fixed = (value: DaskSpec): DaskSpec => ({
  adapt: undefined,
  n_workers: value.adapt?.maximum ?? value.n_workers,
});
const adaptive = (value: DaskSpec): DaskSpec => ({
  n_workers: undefined,
  adapt: { minimum: 1, maximum: Math.max(2, value.n_workers ?? 4) },
});

function kept(value: DaskSpec): DaskSpec {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as DaskSpec;
}

export function inside(errors: readonly FieldProblem[], step: string): FieldProblem[] {
  return errors.filter((one) => one.path[0] === step).map((one) => ({ ...one, path: one.path.slice(1) }));
}
