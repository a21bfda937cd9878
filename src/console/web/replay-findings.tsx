import { useEffect, useState } from 'preact/hooks';
import { DIFFERENCES } from '../../replay/ledger.ts';
import { clock, count, percent, short, signed } from './format.ts';
import { Loads, Worst } from './replay-tables.tsx';
import type { Problem, ReplayView } from './replies.ts';
import type { ReplayState } from './send-replay.ts';

type Report = ReplayView['report'];

/** What a replay found, or how far it is, or what is wrong. */
export function ReplayFindings({ state }: { readonly state: ReplayState }) {
  return (
    <section class="panel findings" aria-labelledby="findings-title">
      <header>
        <h2 id="findings-title">{state.step === 'done' ? title(state.view.report) : 'What would change'}</h2>
        {state.step === 'done' && <Save view={state.view} />}
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label="Findings">
        <div role="status">
          {state.step === 'working' && (
            <p class="working">
              <progress /> {state.words} …
            </p>
          )}
        </div>
        {state.step === 'failed' && <Problems problems={state.problems} />}
        {state.step === 'none' && (
          <p class="empty">
            Choose a log and what is to change: you see whose clients would get another POP, how much longer
            or shorter their way gets, the load of each POP against its capacity, and the answers that differ.
          </p>
        )}
        {state.step === 'done' && <Findings report={state.view.report} />}
      </section>
    </section>
  );
}

function title({ before, after }: Report): string {
  const [first = '', ...rest] = `${after.name}, against ${before.name}`;
  return first.toUpperCase() + rest.join('');
}

/** The report as a page of its own. */
function Save({ view }: { readonly view: ReplayView }) {
  const [url, setUrl] = useState('');
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([view.html], { type: 'text/html' }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [view]);
  return (
    <a class="button" href={url} download="replay.html">
      Save the report
    </a>
  );
}

function Problems({ problems }: { readonly problems: readonly Problem[] }) {
  return (
    <ul class="problems" role="alert">
      {problems.map(({ file, line, column, message }) => (
        <li key={`${file} ${line} ${column} ${message}`}>
          {!['request', 'form', 'replay'].includes(file) && (
            <b>
              {file}
              {line !== undefined && `, line ${line}`}:{' '}
            </b>
          )}
          {message}
        </li>
      ))}
    </ul>
  );
}

function Findings({ report }: { readonly report: Report }) {
  const { log, fromMs, toMs, before, after, notes } = report;
  const day = new Date(fromMs).toLocaleDateString();
  return (
    <>
      <Tiles report={report} />
      <div class="cards">
        <Changes report={report} />
        <Differences report={report} />
      </div>
      <div class="tables">
        <Loads report={report} />
        <Worst report={report} />
      </div>
      <div class="basis soft">
        <p>
          {log}, {day} {clock(fromMs)} to {clock(toMs)}.
        </p>
        <p>
          Before, {before.name}: {before.basis}.
        </p>
        <p>
          After, {after.name}: {after.basis}.
        </p>
        {notes.map((note) => (
          <p key={note}>{note}</p>
        ))}
      </div>
    </>
  );
}

function Tiles({ report: { comparison, overCapacity } }: { readonly report: Report }) {
  const { queries, steered, moved, rttChangeMs, differences } = comparison;
  const differing = differences.reduce((sum, one) => sum + one.queries, 0);
  const share = (part: number, whole: number): string => percent(whole === 0 ? 0 : part / whole);
  const tiles: readonly (readonly [figure: string, words: string, kind?: string])[] = [
    [share(moved, steered), 'of the steered queries get another POP'],
    [`${signed(rttChangeMs.mean)} ms`, 'mean change of their RTT'],
    [`${signed(rttChangeMs.p50)} ms`, 'median'],
    [`${signed(rttChangeMs.p95)} ms`, '95th percentile'],
    [share(differing, queries), `of ${short(queries)} answers differ in something`],
    overCapacity.length === 0
      ? ['no POP', 'gets more than it can serve', 'good']
      : [overCapacity.join(' '), 'over capacity in its busiest time', 'bad'],
  ];
  return (
    <ul class="tiles">
      {tiles.map(([figure, words, kind = '']) => (
        <li key={words} class={kind}>
          <b>{figure}</b> <span>{words}</span>
        </li>
      ))}
    </ul>
  );
}

function Changes({ report: { comparison } }: { readonly report: Report }) {
  const { histogram, moved } = comparison;
  const most = Math.max(...histogram.map(({ share }) => share), 1e-9);
  const words = (index: number): string => {
    const bound = histogram[index]?.upToMs;
    // JSON has no infinity.
    const number = (value: number): string => String(value).replace('-', '−');
    return typeof bound === 'number' ? number(bound) : `> ${histogram[index - 1]?.upToMs ?? 0}`;
  };
  return (
    <figure class="changes">
      <figcaption>
        <h3>RTT of those that move</h3>
        <p class="soft">Change up to so many ms: shorter ways on the left, longer on the right</p>
      </figcaption>
      {moved === 0 ? (
        <p class="empty">Nobody moves.</p>
      ) : (
        <ol>
          {histogram.map(({ share }, index) => (
            <li key={words(index)} class={index < 6 ? 'shorter' : index === 6 ? 'same' : 'longer'}>
              <span class="share">{share > 0 ? percent(share) : ''}</span>
              <span class="column" style={{ height: `${(100 * share) / most}%` }} />
              <span class="bound">{words(index)}</span>
            </li>
          ))}
        </ol>
      )}
    </figure>
  );
}

function Differences({ report: { comparison } }: { readonly report: Report }) {
  const { differences, queries } = comparison;
  return (
    <div class="differences">
      <h3>Answers that differ</h3>
      {differences.length === 0 && <p class="empty">All answers are the same.</p>}
      {differences.length > 0 && (
        <table class="plain">
          <caption>By the first thing that differs</caption>
          <tbody>
            {differences.map(({ kind, queries: some, examples }) => (
              <tr key={kind}>
                <th scope="row">
                  {DIFFERENCES[kind]}
                  <small class="soft">{examples.slice(0, 2).join(', ')}</small>
                </th>
                <td class="n">{count(some)}</td>
                <td class="n">{percent(some / queries)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
}
