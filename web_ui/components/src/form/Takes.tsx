import { useText } from '../host/i18n';
import * as words from '../ui/words';
import { Card } from '../ui/primitives';
import { perHour } from './amounts';
import type { DaskSpec, GpuRequest, Kind, Size, Spec } from './model';
import { DaskSum, Figure } from './widgets/DaskPart';

const GIB = 2 ** 30;

interface TakesProps {
  kind: Kind;
  spec: Spec;
  sizes: readonly Size[];
}

/** What one start takes: cores, memory, GPUs and the price of an hour. */
export function Takes({ kind, spec, sizes }: TakesProps) {
  const t = useText();
  const title = t(kind === 'dask-cluster' ? 'form.sum.most' : 'form.sum');
  return (
    <Card title={title}>
      <div className="body">
        {kind === 'dask-cluster' ? (
          <DaskSum value={spec as DaskSpec} sizes={sizes} />
        ) : (
          <One kind={kind} spec={spec} sizes={sizes} />
        )}
      </div>
    </Card>
  );
}

function One({ kind, spec, sizes }: TakesProps) {
  const t = useText();
  const size = sizes.find((one) => one.name === spec.size);
  const agent = kind === 'prefect-agent';
  const cores = size?.cores ?? (spec.cores as number | undefined) ?? (agent ? 0 : 1);
  const memory =
    size?.memory_bytes ?? (spec.memory_bytes as number | undefined) ?? (agent ? GIB / 4 : 2 * GIB);
  const gpus = (spec.gpu as GpuRequest | undefined)?.count ?? size?.gpu?.count ?? 0;
  return (
    <output className="pp-sum">
      {cores > 0 && (
        <Figure name={t(cores === 1 ? 'form.sum.core' : 'form.sum.cores')}>{String(cores)}</Figure>
      )}
      <Figure name={t('form.sum.memory')}>{words.bytes(memory)}</Figure>
      {gpus > 0 && <Figure name={t('form.sum.gpus')}>{String(gpus)}</Figure>}
      {size?.price_per_hour != null && (
        <Figure name={t('form.sum.price')}>{perHour(size.price_per_hour)}</Figure>
      )}
    </output>
  );
}
