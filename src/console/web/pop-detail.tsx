import type { ComponentChildren } from 'preact';
import { DrainForm } from './drain-form.tsx';
import { type FleetPop, fullness } from './fleet.ts';
import { clock, count, ms, percent, short, span, withClocks } from './format.ts';
import { Glyph } from './glyph.tsx';
import { Meter } from './meter.tsx';
import { PopPlot } from './pop-plot.tsx';
import type { CatchmentsView } from './replies.ts';
import { WhatIf } from './what-if.tsx';

interface PopDetailProps {
  readonly pop: FleetPop;
  readonly catchments: CatchmentsView | undefined;
  /** The moment that is looked at, ms since 1970; undefined: now. */
  readonly atMs: number | undefined;
  readonly theme: string;
  readonly onClose: () => void;
  readonly onChanged: () => void;
}

/** Everything about one POP. */
export function PopDetail({ pop, catchments, atMs, theme, onClose, onChanged }: PopDetailProps) {
  const full = fullness(pop);
  return (
    <section class="panel pop-detail" aria-labelledby="pop-title">
      <header>
        <h2 id="pop-title">
          <Glyph state={pop.state} size={15} /> {pop.code}{' '}
          <span>
            {pop.city}, {pop.country}
          </span>
        </h2>
        <span class={`chip ${pop.state}`}>{pop.state}</span>
        <button type="button" class="close" aria-label={`Close ${pop.code}`} onClick={onClose}>
          ×
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label={`Figures of ${pop.code}`}>
        {atMs !== undefined && (
          <p class="moment">
            State, load, capacity, price and share are of {clock(atMs)}; what is marked “now” is not kept.
          </p>
        )}
        {pop.why !== undefined && <p class={`why ${pop.state}`}>{withClocks(pop.why)}</p>}
        <dl class="facts">
          <Fact name="Load">{loadWords(pop)}</Fact>
          <Fact name="Capacity">{short(pop.capacityRps)} requests/s</Fact>
          <Fact name="Price">{ms(pop.priceMs)} ms</Fact>
          <Fact name="Share of demand">{percent(pop.share)}</Fact>
          <Fact name="Region">{pop.region}</Fact>
          <Fact name="Bias">{ms(pop.biasMs)} ms</Fact>
          <Fact name={named('Seen by', atMs)}>
            {pop.views === undefined ? 'no prober' : viewsWords(pop.views)}
          </Fact>
          <Fact name={named('Agent', atMs)}>{agentWords(pop)}</Fact>
        </dl>
        <p class="load-line">
          <Meter value={full} />
          <span>{full === undefined ? 'load not known' : `${percent(full)} of capacity`}</span>
        </p>
        <Links pop={pop} atMs={atMs} />
        <PopPlot code={pop.code} theme={theme} />
        <Users pop={pop} catchments={catchments} isPast={atMs !== undefined} />
        {atMs === undefined && <DrainForm pop={pop} onChanged={onChanged} />}
        {atMs === undefined && <WhatIf key={pop.code} code={pop.code} />}
      </section>
    </section>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What it serves, and what it expects where that is more. */
function loadWords({ loadRps, expectedRps, expectedInMs }: FleetPop): string {
  if (loadRps === undefined) return 'no report';
  const now = `${short(loadRps)} requests/s`;
  if (expectedRps === undefined || expectedInMs === undefined) return now;
  return `${now} now, ${short(expectedRps)} expected in ${span(expectedInMs)}`;
}

const viewsWords = ({ up, down }: { readonly up: number; readonly down: number }): string =>
  `${up} up, ${down} down`;

function agentWords({ reportAgeMs, agentStanding }: FleetPop): string {
  const age = reportAgeMs === undefined ? 'silent' : `${span(reportAgeMs)} ago`;
  return agentStanding < 1 ? `${age}, standing ${percent(agentStanding)}` : age;
}

/** What is not kept of the past is of now. */
const named = (words: string, atMs: number | undefined): string =>
  atMs === undefined ? words : `${words}, now`;

function Links({ pop, atMs }: Pick<PopDetailProps, 'pop' | 'atMs'>) {
  return (
    <>
      <h3>Links</h3>
      <table class="plain">
        <thead>
          <tr>
            <th scope="col">Link</th>
            <th scope="col">Transit</th>
            <th scope="col">Address</th>
            <th scope="col" class="n">
              {named('Congestion, ms', atMs)}
            </th>
          </tr>
        </thead>
        <tbody>
          {pop.links.map(({ id, transit, ipv4, ipv6, cname, congestionMs }) => (
            <tr key={id}>
              <th scope="row">{id}</th>
              <td>{transit}</td>
              <td class="address">{[ipv4 ?? cname ?? ipv6]}</td>
              <td class="n">{ms(congestionMs)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

const USERS_MAX = 12;

/** Places whose clients mostly get this POP. */
function Users({
  pop,
  catchments,
  isPast,
}: Pick<PopDetailProps, 'pop' | 'catchments'> & { readonly isPast: boolean }) {
  if (catchments === undefined) return null;
  const index = catchments.pops.indexOf(pop.code);
  const places = catchments.places.filter((place) => place[5] === index);
  const total = places.reduce((sum, place) => sum + place[4], 0);
  const heaviest = places[0]?.[4] ?? 1;
  const { service, weightsOf, atMs } = catchments;
  const of =
    service === weightsOf ? service : `${weightsOf}, whose clients get the same POPs as ${service}'s`;
  const when = isPast ? `, at ${clock(atMs)}` : '';
  return (
    <>
      <h3>Who uses it</h3>
      <p class="soft">
        {places.length === 0
          ? `No place gets ${pop.code} for ${service}${when}.`
          : `${count(places.length)} places, ${percent(total)} of the demand for ${of}${when}:`}
      </p>
      <ol class="users">
        {places.slice(0, USERS_MAX).map(([key, label, , , weight, , share]) => (
          <li key={key}>
            <span class="name">{label}</span>
            <span class="weight" aria-hidden="true">
              <span style={{ width: `${(100 * weight) / heaviest}%` }} />
            </span>
            <span class="n">{(100 * weight).toFixed(2)} %</span>
            <span class="n soft">{share < 0.995 ? `${percent(share)} of it` : ''}</span>
          </li>
        ))}
      </ol>
    </>
  );
}
