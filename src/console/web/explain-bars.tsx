import { useState } from 'preact/hooks';
import { ms } from './format.ts';
import type { ExplainedPop, ExplainView } from './replies.ts';

/** The terms of a score, in the order in which they are stacked. */
const TERMS = [
  ['rttMs', 'RTT'],
  ['lossMs', 'loss'],
  ['congestionMs', 'congestion'],
  ['priceMs', 'price'],
  ['biasMs', 'bias'],
] as const;
const FEW = 8;

interface ExplainBarsProps {
  readonly view: ExplainView;
  readonly onChoose: (code: string) => void;
  readonly onLit: (code: string | undefined) => void;
}

/** Every candidate as a bar of its terms in milliseconds, one scale for all that are shown. */
export function ExplainBars({ view, onChoose, onLit }: ExplainBarsProps) {
  const [all, setAll] = useState(false);
  const few = view.pops.slice(0, FEW);
  const chosen = view.pops.find(({ pop }) => pop === view.chosen.pop);
  const rows = all || chosen === undefined || few.includes(chosen) ? few : [...few, chosen];
  const shown = all ? view.pops : rows;
  const most = Math.max(1, ...shown.map(lengthOf));
  return (
    <>
      <h3>Candidates, score in ms</h3>
      <ul class="terms" aria-label="Terms of the score">
        {TERMS.map(([key, word]) => (
          <li key={key} class={key}>
            {word}
          </li>
        ))}
        <li class="note">RTT hatched: modelled, not measured</li>
      </ul>
      <ol class="bars">
        {shown.map((one) => (
          <Candidate key={`${one.pop} ${one.link}`} {...{ one, view, most, onChoose, onLit }} />
        ))}
      </ol>
      {view.pops.length > FEW && (
        <p>
          <button type="button" onClick={() => setAll(!all)}>
            {all ? `Only the best ${FEW}` : `All ${view.pops.length} candidates`}
          </button>
        </p>
      )}
    </>
  );
}

/** A bias may be below zero: then the bar is as long as what remains. */
const lengthOf = (one: ExplainedPop): number => TERMS.reduce((sum, [key]) => sum + Math.max(0, one[key]), 0);

type CandidateProps = Omit<ExplainBarsProps, 'view'> & {
  readonly one: ExplainedPop;
  readonly view: ExplainView;
  readonly most: number;
};

function Candidate({ one, view, most, onChoose, onLit }: CandidateProps) {
  const isChosen = one.pop === view.chosen.pop && one.link === view.chosen.link;
  const isNext = one.pop === view.runnerUp?.pop;
  const measured = /^measured/.test(one.rttSource);
  const look = (key: (typeof TERMS)[number][0]): string =>
    key === 'rttMs' && !measured ? 'modelled' : one[key] < 0 ? 'negative' : '';
  const parts = TERMS.filter(([key]) => one[key] !== 0);
  return (
    <li
      class={`${isChosen ? 'is-chosen' : ''}${one.out === undefined ? '' : ' out'}`}
      onPointerEnter={() => onLit(one.pop)}
      onPointerLeave={() => onLit(undefined)}
    >
      <div class="who">
        <button type="button" class="pop-link" onClick={() => onChoose(one.pop)}>
          {one.pop}
        </button>{' '}
        <span>{one.city}</span>
        {isChosen && <span class="chip chosen">chosen</span>}
        {isNext && <span class="chip">runner-up</span>}
        <b class="n">{ms(one.scoreMs)} ms</b>
      </div>
      <div class="stack" aria-hidden="true">
        {parts.map(([key]) => (
          <span
            key={key}
            class={`${key} ${look(key)}`}
            style={{ width: `${(100 * Math.abs(one[key])) / most}%` }}
          />
        ))}
      </div>
      <div class="soft terms-text">
        {parts.map(([key, word]) => `${word} ${ms(one[key])}`).join(' + ')} · {one.rttSource}
        {one.bursts > 0 && `, ${one.bursts} bursts`}
        {one.out !== undefined && <b> · {one.out}</b>}
      </div>
    </li>
  );
}
