import { count, likely, ms, percent, short, signed } from './format.ts';
import { Meter } from './meter.tsx';
import type { ReplayView } from './replies.ts';

type Report = ReplayView['report'];

const POPS_SHOWN = 40;

/** Load by POP, those that change most first. */
export function Loads({ report: { pops, overCapacity, windowSeconds } }: { readonly report: Report }) {
  const change = ({ beforeRps, afterRps }: Report['pops'][number]): number => Math.abs(afterRps - beforeRps);
  const all = pops
    .filter(({ beforeRps, afterRps }) => beforeRps + afterRps > 0)
    .toSorted((one, other) => change(other) - change(one) || other.afterRps - one.afterRps);
  return (
    <div class="loads">
      <h3>Load by POP, requests/s</h3>
      <div class="wide-table">
        <table class="plain">
          <caption>
            Those that change most first; busiest: the busiest {short(windowSeconds)} s, against the capacity
          </caption>
          <thead>
            <tr>
              <th scope="col">POP</th>
              <th scope="col" class="n">
                before
              </th>
              <th scope="col" class="n">
                after
              </th>
              <th scope="col" class="n">
                change
              </th>
              <th scope="col" class="n busiest">
                busiest
              </th>
              <th scope="col" class="n">
                capacity
              </th>
              <th scope="col">used, before and after</th>
            </tr>
          </thead>
          <tbody>
            {all.slice(0, POPS_SHOWN).map((pop) => (
              <Load key={pop.code} pop={pop} isOver={overCapacity.includes(pop.code)} />
            ))}
          </tbody>
        </table>
      </div>
      {all.length > POPS_SHOWN && (
        <p class="soft">… and {all.length - POPS_SHOWN} that change less: isochrone replay --json</p>
      )}
    </div>
  );
}

function Load({ pop, isOver }: { readonly pop: Report['pops'][number]; readonly isOver: boolean }) {
  const { code, beforeRps, afterRps, beforePeakRps, afterPeakRps, capacityRps } = pop;
  const { afterLowRps, afterHighRps } = pop;
  return (
    <tr class={isOver ? 'over' : ''}>
      <th scope="row">{code}</th>
      <td class="n">{short(beforeRps)}</td>
      <td class="n">{short(afterRps)}</td>
      <td class="n">
        {afterRps === beforeRps
          ? '='
          : `${afterRps > beforeRps ? '+' : '−'}${short(Math.abs(afterRps - beforeRps))}`}
      </td>
      <td class="n busiest">
        {short(afterPeakRps)}
        <small class="likely soft">{likely(afterLowRps, afterHighRps)}</small>
      </td>
      <td class="n">{capacityRps === null ? 'not there' : short(capacityRps)}</td>
      <td class="used">
        {capacityRps !== null && (
          <>
            <Meter value={beforePeakRps / capacityRps} after={afterPeakRps / capacityRps} />
            <span>
              {percent(afterPeakRps / capacityRps)}
              {isOver && ' over'}
            </span>
          </>
        )}
      </td>
    </tr>
  );
}

/** Whose ways get longest. */
export function Worst({ report: { comparison } }: { readonly report: Report }) {
  const { worst } = comparison;
  if (worst.length === 0) return null;
  return (
    <div class="worst">
      <h3>Who loses most, by time × queries</h3>
      <div class="wide-table">
        <table class="plain">
          <tbody>
            {worst.map(({ cell, fromPop, toPop, fromMs, toMs, queries }) => (
              <tr key={`${cell} ${fromPop} ${toPop}`}>
                <th scope="row">{cell}</th>
                <td>
                  {fromPop} → {toPop}
                </td>
                <td class="n">
                  {ms(fromMs)} → {ms(toMs)} ms
                </td>
                <td class="n">{signed(toMs - fromMs)} ms</td>
                <td class="n soft">{count(queries)} queries</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
