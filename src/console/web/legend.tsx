import type { FleetPop } from './fleet.ts';
import { clock } from './format.ts';
import { Glyph } from './glyph.tsx';
import type { CatchmentsView } from './replies.ts';

interface LegendProps {
  readonly pops: readonly FleetPop[];
  readonly catchments: CatchmentsView | undefined;
  /** A moment of the past is looked at. */
  readonly isPast: boolean;
  readonly onService: (service: string) => void;
}

/** What shapes, sizes and areas of the map mean, and how many POPs are in each state. */
export function Legend({ pops, catchments, isPast, onService }: LegendProps) {
  const inState = (state: FleetPop['state']): number => pops.filter((pop) => pop.state === state).length;
  return (
    <ul class="legend" aria-label="Legend of the map">
      {(['up', 'drained', 'down'] as const).map((state) => (
        <li key={state}>
          <Glyph state={state} /> {inState(state)} {state}
        </li>
      ))}
      <li>
        <span class="full-sample" aria-hidden="true" /> 90 % full or more
      </li>
      <li>size: load, requests/s</li>
      <li>
        {catchments === undefined ? 'areas: not known yet' : <Areas {...{ catchments, onService }} />}
        {catchments !== undefined && isPast && `, at ${clock(catchments.atMs)}`}
      </li>
    </ul>
  );
}

function Areas({
  catchments: { service, services },
  onService,
}: Pick<LegendProps, 'onService'> & { readonly catchments: CatchmentsView }) {
  if (services.length < 2) return <>areas: the POP most clients get for {service}</>;
  return (
    <label>
      areas: the POP most clients get for{' '}
      <select value={service} onChange={(event) => onService(event.currentTarget.value)}>
        {services.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}
