import { useEffect, useRef, useState } from 'preact/hooks';
import { ask } from './ask.ts';
import { count, likely, ms, percent, short, signed } from './format.ts';
import { Meter } from './meter.tsx';
import type { WhatIfView } from './replies.ts';
import { usePolled } from './use-polled.ts';

type Asked =
  | { readonly step: 'not-asked' | 'asking' }
  | { readonly step: 'refused'; readonly status: number; readonly words: string }
  | { readonly step: 'told'; readonly reply: WhatIfView; readonly isWhole: boolean };

/** While the question can be asked, its beginning is worked out so often ahead, ms. */
const AHEAD_EVERY_MS = 30_000;

/** What would happen if a POP died now. */
export function WhatIf({ code }: { readonly code: string }) {
  const [asked, setAsked] = useState<Asked>({ step: 'not-asked' });
  usePolled('/api/whatif/ahead', { everyMs: AHEAD_EVERY_MS });
  const round = useRef(0);
  useEffect(() => () => void round.current++, []);
  const onClick = async (): Promise<void> => {
    setAsked({ step: 'asking' });
    const own = ++round.current;
    // How sure it is takes longer, and comes after.
    for (const isWhole of [false, true]) {
      const path = `/api/whatif?without=${encodeURIComponent(code)}${isWhole ? '' : '&ranges=false'}`;
      const answer = await ask<WhatIfView>(path);
      if (round.current !== own) return;
      if (answer.ok) setAsked({ step: 'told', reply: answer.value, isWhole });
      else return setAsked({ step: 'refused', status: answer.status, words: answer.words });
    }
  };
  return (
    <div class="what-if">
      <h3>What if it died?</h3>
      <p>
        <button type="button" disabled={asked.step === 'asking'} onClick={() => void onClick()}>
          {asked.step === 'asking' ? 'Computing…' : `Compute the world without ${code}`}
        </button>
      </p>
      <div role="status">
        {asked.step === 'refused' && (
          <p class="outcome bad">
            {asked.status === 404 ? 'This process cannot say' : 'It could not be computed'}: {asked.words}.
          </p>
        )}
        {asked.step === 'told' && <Outcome reply={asked.reply} isWhole={asked.isWhole} />}
      </div>
    </div>
  );
}

const TAKERS_MAX = 8;
const WORST_MAX = 6;

function Outcome({ reply, isWhole }: { readonly reply: WhatIfView; readonly isWhole: boolean }) {
  const { mean, p50, p95, max } = reply.rttChangeMs;
  const takers = reply.pops
    .filter(({ code }) => !reply.without.includes(code))
    .toSorted((left, right) => right.afterRps - right.beforeRps - (left.afterRps - left.beforeRps))
    .filter(({ beforeRps, afterRps }) => afterRps > beforeRps)
    .slice(0, TAKERS_MAX);
  const moved = `${count(reply.cellsMoved)} of ${count(reply.cells)} cells`;
  return (
    <>
      <p>
        <b>{percent(reply.demandMoved)}</b> of demand moves, {moved}. For those, RTT changes by{' '}
        <b>{signed(mean)} ms</b> on average (median {signed(p50)}, 95th percentile {signed(p95)}, worst{' '}
        {signed(max)} ms).
      </p>
      <p class={reply.overCapacity.length > 0 ? 'outcome bad' : 'outcome good'}>
        {reply.overCapacity.length > 0
          ? `Over capacity then: ${reply.overCapacity.join(', ')}.`
          : 'No POP would be over capacity.'}
      </p>
      <table class="plain">
        <caption>Who takes it: load before → after, requests/s</caption>
        <tbody>
          {takers.map(({ code, beforeRps, afterRps, lowRps, highRps, capacityRps }) => (
            <tr key={code} class={reply.overCapacity.includes(code) ? 'over' : ''}>
              <th scope="row">{code}</th>
              <td>
                <Meter value={beforeRps / capacityRps} after={afterRps / capacityRps} />
              </td>
              <td class="n">
                {short(beforeRps)} → {short(afterRps)}
                <small class="likely soft">{isWhole ? likely(lowRps, highRps) : 'how sure: …'}</small>
              </td>
              <td class="n">{percent(afterRps / capacityRps)} of capacity</td>
            </tr>
          ))}
        </tbody>
      </table>
      <table class="plain">
        <caption>Who would feel it most: RTT, ms</caption>
        <tbody>
          {reply.worst.slice(0, WORST_MAX).map(({ place, fromPop, toPop, fromMs, toMs, share }) => (
            <tr key={`${place} ${fromPop} ${toPop}`}>
              <th scope="row">{place}</th>
              <td>
                {fromPop} → {toPop}
              </td>
              <td class="n">
                {ms(fromMs)} → {ms(toMs)}
              </td>
              <td class="n soft">{(100 * share).toFixed(2)} % of demand</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="soft">{reply.basis}</p>
    </>
  );
}
