import {
  Badge,
  Card,
  Copy,
  Problem,
  Skeleton,
  useText,
  words,
  type wire,
} from '@prefect-platform/components';
import { useCapacity, useSizes } from '../queries/hooks';
import { PageHead } from './parts';

/** What a run can ask for, and whether there is room for it. */
export function Sizes() {
  const t = useText();
  const sizes = useSizes();
  const capacity = useCapacity().data;
  if (sizes.isError) return <Problem error={sizes.error} again={() => void sizes.refetch()} />;
  return (
    <>
      <PageHead
        title={t('sizes.title')}
        beside={
          capacity &&
          t('home.room', {
            cores: words.count(Math.floor(capacity.free_cores)),
            allCores: words.count(capacity.total_cores),
            memory: words.bytes(capacity.free_memory_bytes),
            allMemory: words.bytes(capacity.total_memory_bytes),
          })
        }
      />
      {sizes.isPending ? (
        <Card>
          <Skeleton />
        </Card>
      ) : (
        <div className="cards">
          {sizes.data.items.map((size) => (
            <SizeCard key={size.name} size={size} />
          ))}
        </div>
      )}
    </>
  );
}

function SizeCard({ size }: { size: wire.Size }) {
  const t = useText();
  return (
    <section className="pp-card size-card" aria-label={size.name}>
      <div className="row">
        <b>{size.name}</b>
        <span className="grow" />
        <span className="num small">
          {size.price_per_hour === null ? '' : `${words.money(size.price_per_hour)}/h`}
        </span>
      </div>
      <div className="soft small">
        {words.cores(size.cores)} · {words.bytes(size.memory_bytes)}
        {size.gpu ? ` · ${size.gpu.count ?? 1} × ${size.gpu.type ?? 'GPU'}` : ''}
      </div>
      <div className="row">
        {size.unavailable ? (
          <span className="small warn-text">{size.unavailable}</span>
        ) : (
          <Badge tone="ok">{t('size.available')}</Badge>
        )}
        <span className="grow" />
        <Copy text={t('size.use', { name: size.name })} />
      </div>
    </section>
  );
}
