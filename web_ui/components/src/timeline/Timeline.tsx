import { useText, type Text } from '../host/i18n';
import { duration } from '../ui/words';
import type { Phase, PhaseName } from './phases';

export interface Lane {
  name: string;
  phases: Phase[];
  /** Whether it ended as it should not have. */
  bad?: boolean;
}

const NAMES: Record<PhaseName, Text> = {
  queued: 'phase.queued',
  start: 'phase.start',
  environment: 'phase.environment',
  script: 'phase.script',
  imports: 'phase.imports',
  running: 'phase.running',
  drain: 'phase.drain',
};
const TICKS = 4;

/** Every process of a run as a lane over one axis. */
export function Timeline({ lanes }: { lanes: Lane[] }) {
  const t = useText();
  const all = lanes.flatMap((lane) => lane.phases);
  if (all.length === 0) return null;
  const from = Math.min(...all.map((phase) => phase.from));
  const to = Math.max(...all.map((phase) => phase.to), from + 1);
  const shown = [...new Set(all.map((phase) => phase.name))];
  const order = Object.keys(NAMES) as PhaseName[];
  return (
    <div className="pp-timeline">
      <div className="legend">
        {order
          .filter((name) => shown.includes(name))
          .map((name) => (
            <span key={name}>
              <i className={`phase-${name}`} />
              {t(NAMES[name])}
            </span>
          ))}
      </div>
      {lanes.map((lane) => (
        <LaneRow key={lane.name} lane={lane} from={from} to={to} />
      ))}
      <div className="axis" aria-hidden="true">
        <span />
        <div>
          {Array.from({ length: TICKS + 1 }, (_, at) => (
            <span key={at}>{at === 0 ? '0' : `+${duration(((to - from) * at) / TICKS / 1000)}`}</span>
          ))}
        </div>
        <span />
      </div>
    </div>
  );
}

function LaneRow({ lane, from, to }: { lane: Lane; from: number; to: number }) {
  const t = useText();
  const begin = lane.phases[0]?.from ?? from;
  const end = lane.phases.at(-1)?.to ?? begin;
  const said = lane.phases
    .map((one) => `${t(NAMES[one.name])} ${duration((one.to - one.from) / 1000)}`)
    .join(', ');
  return (
    <div className="lane">
      <span className="truncate" title={lane.name}>
        {lane.name}
      </span>
      <div className="track" role="img" aria-label={`${lane.name}: ${said}`}>
        {lane.phases.map((phase, index) => (
          <i
            key={phase.name}
            className={`phase-${phase.name}${lane.bad && index === lane.phases.length - 1 ? ' bad' : ''}`}
            style={{
              left: `${((phase.from - from) / (to - from)) * 100}%`,
              width: `${((phase.to - phase.from) / (to - from)) * 100}%`,
            }}
            title={[
              `${t(NAMES[phase.name])} ${duration((phase.to - phase.from) / 1000)}`,
              ...phase.details,
            ].join('\n')}
          />
        ))}
      </div>
      <span className="num soft r">{duration((end - begin) / 1000)}</span>
    </div>
  );
}
