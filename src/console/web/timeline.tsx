import { clock, count, span } from './format.ts';
import type { HistoryPoint, HistoryView } from './replies.ts';

interface TimelineProps {
  readonly history: HistoryView | undefined;
  /** The moment that is looked at; undefined: now. */
  readonly atMs: number | undefined;
  readonly nowMs: number;
  readonly onAt: (atMs: number | undefined) => void;
}

/** The last hour: what was asked, what was out, and a slider to look at any moment of it. */
export function Timeline({ history, atMs, nowMs, onAt }: TimelineProps) {
  const fromMs = history?.points[0]?.atMs ?? nowMs;
  const stepMs = history?.stepMs ?? 1;
  const steps = Math.max(1, Math.round((nowMs - fromMs) / stepMs));
  const value = atMs === undefined ? steps : Math.min(steps, Math.round((atMs - fromMs) / stepMs));
  const onInput = (event: Event & { currentTarget: HTMLInputElement }): void => {
    const step = Number(event.currentTarget.value);
    onAt(step >= steps ? undefined : fromMs + step * stepMs);
  };
  const words = atMs === undefined ? 'now' : `${clock(atMs)}, ${span(nowMs - atMs)} ago`;
  return (
    <section class="timeline" aria-label="The last hour">
      <div class="strip">
        <Strip points={history?.points ?? []} fromMs={fromMs} toMs={nowMs} atMs={atMs} />
        <input
          type="range"
          aria-label="Time"
          aria-valuetext={words}
          min={0}
          max={steps}
          step={1}
          value={value}
          disabled={history === undefined || history.points.length < 2}
          onInput={onInput}
        />
      </div>
      <div class="when">
        <output>{atMs === undefined ? 'now' : clock(atMs)}</output>
        <small class="soft">
          {atMs === undefined ? `since ${clock(fromMs)}` : `${span(nowMs - atMs)} ago`}
        </small>
        <button type="button" class="live" aria-pressed={atMs === undefined} onClick={() => onAt(undefined)}>
          Live
        </button>
      </div>
    </section>
  );
}

type StripProps = Pick<TimelineProps, 'atMs'> & {
  readonly points: readonly HistoryPoint[];
  readonly fromMs: number;
  readonly toMs: number;
};

const WIDTH = 1000;
const HEIGHT = 40;

/** Queries a second as a line, and above it when POPs were down or drained. */
function Strip({ points, fromMs, toMs, atMs }: StripProps) {
  const most = Math.max(1, ...points.map(({ qps }) => qps));
  const x = (time: number): number => (WIDTH * (time - fromMs)) / Math.max(1, toMs - fromMs);
  const y = (qps: number): number => HEIGHT - 2 - ((HEIGHT - 22) * qps) / most;
  const line = points.map(({ atMs: time, qps }) => `${x(time).toFixed(1)},${y(qps).toFixed(1)}`).join(' ');
  /** From the point before to this one. */
  const until = (index: number): { readonly x: number; readonly width: number } => {
    const [from, to] = [x(points[index - 1]?.atMs ?? fromMs), x(points[index]?.atMs ?? fromMs)];
    return { x: from, width: to - from + 0.5 };
  };
  return (
    <>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {points.length > 1 && (
          <polygon
            class="area"
            points={`${x(fromMs)},${HEIGHT} ${line} ${x(points.at(-1)?.atMs ?? 0)},${HEIGHT}`}
          />
        )}
        <polyline class="line" points={line} />
        {points.map(({ atMs: time, down, drained }, index) => (
          <g key={time}>
            {drained.length > 0 && <rect class="drained" y={0} height={4} {...until(index)} />}
            {down.length > 0 && <rect class="down" y={5} height={4} {...until(index)} />}
          </g>
        ))}
        {atMs !== undefined && <line class="cursor" x1={x(atMs)} x2={x(atMs)} y1={0} y2={HEIGHT} />}
      </svg>
      <small class="most soft" aria-hidden="true">
        {points.length === 0 ? 'nothing kept yet' : `queries/s, at most ${count(most)}`}
      </small>
    </>
  );
}
