import { useEffect, useState } from 'preact/hooks';
import { ExplainBars } from './explain-bars.tsx';
import { ms, span, withClocks } from './format.ts';
import type { ExplainView } from './replies.ts';
import { Trace } from './trace.tsx';
import type { Polled } from './use-polled.ts';

/** A question: which POP a client gets for a name. */
export interface Question {
  readonly name: string;
  readonly client: string;
}

interface ExplainProps {
  readonly question: Question | undefined;
  /** A name to start with. */
  readonly name: string;
  readonly explained: Polled<ExplainView>;
  /** A moment of the past is looked at. */
  readonly isPast: boolean;
  readonly onAsk: (question: Question) => void;
  readonly onChoose: (code: string) => void;
  readonly onLit: (code: string | undefined) => void;
}

/** Type an address and a name: which POP it gets, and why. */
export function Explain({ question, name, explained, isPast, onAsk, onChoose, onLit }: ExplainProps) {
  const { value, failure, isOld } = explained;
  return (
    <section class="panel explain" aria-labelledby="explain-title">
      <header>
        <h2 id="explain-title">Why that POP?</h2>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label="Explanation">
        <QuestionForm question={question} name={name} onAsk={onAsk} />
        <div role="status">
          {failure !== undefined && <p class="outcome bad">{failure.words}.</p>}
          {question !== undefined && value === undefined && failure === undefined && (
            <p class="empty">Asking…</p>
          )}
        </div>
        {question === undefined && (
          <p class="empty">
            Give a client's address or prefix and a name: you see the POP that the client gets, every term of
            every candidate in milliseconds, and then the way of a whole request.
          </p>
        )}
        {question !== undefined && value !== undefined && !(isPast && failure !== undefined) && (
          <div class="explained" aria-busy={isOld}>
            {value.moment !== undefined && <p class="moment">{withClocks(value.moment.words)}</p>}
            <Verdict view={value} onChoose={onChoose} />
            {value.pops.length > 0 && <ExplainBars view={value} onChoose={onChoose} onLit={onLit} />}
            {isPast ? (
              <p class="soft">A request can be traced as it is now: choose Live.</p>
            ) : (
              <Trace
                key={`${value.name} ${value.client.address}`}
                name={value.name}
                client={question.client}
              />
            )}
          </div>
        )}
      </section>
    </section>
  );
}

function QuestionForm({ question, name: first, onAsk }: Pick<ExplainProps, 'question' | 'name' | 'onAsk'>) {
  const [name, setName] = useState(question?.name ?? '');
  const [client, setClient] = useState(question?.client ?? '');
  useEffect(() => {
    if (question === undefined) return;
    setName(question.name);
    setClient(question.client);
  }, [question]);
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    const asked = { name: (name.trim() || first).replace(/\.$/, ''), client: client.trim() };
    if (asked.client !== '') onAsk(asked);
  };
  return (
    <form class="question" onSubmit={onSubmit}>
      <label>
        Client address or prefix
        <input
          name="client"
          required
          spellcheck={false}
          autocomplete="off"
          placeholder="133.11.0.0/16"
          value={client}
          onInput={(event) => setClient(event.currentTarget.value)}
        />
      </label>
      <label>
        Name
        <input
          name="name"
          spellcheck={false}
          autocomplete="off"
          placeholder={first}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="primary">
        Explain
      </button>
    </form>
  );
}

function Verdict({
  view,
  onChoose,
}: {
  readonly view: ExplainView;
  readonly onChoose: (code: string) => void;
}) {
  const { client, cell, chosen, runnerUp, passedOver, ttl, table, split, policy, notes, moment } = view;
  const { scopeLength } = view;
  const isThen = moment?.isNow === false;
  return (
    <div class="verdict">
      <p class="main">
        <button type="button" class="pop-link" onClick={() => onChoose(chosen.pop)}>
          {chosen.pop}
        </button>{' '}
        over {chosen.link}
        <span class="soft"> {chosen.addresses.join(', ')}</span>
      </p>
      <p>
        {runnerUp === undefined ? (
          view.pops.length > 0 && 'No other POP could be chosen.'
        ) : (
          <>
            Runner-up <b>{runnerUp.pop}</b>, {ms(Math.abs(runnerUp.marginMs))} ms{' '}
            {runnerUp.marginMs < 0 ? 'better by its score' : 'worse'} (the margin).
          </>
        )}
      </p>
      {passedOver !== undefined && (
        <p>
          <button type="button" class="pop-link" onClick={() => onChoose(passedOver.pop)}>
            {passedOver.pop}
          </button>{' '}
          is {ms(passedOver.nearerMs)} ms nearer, but {withClocks(passedOver.why)}.
        </p>
      )}
      <dl class="facts wide">
        <div>
          <dt>Client</dt>
          <dd>
            {client.address}, {client.place}
          </dd>
        </div>
        <div>
          <dt>Network</dt>
          <dd>
            AS{client.asn} {client.asName}
          </dd>
        </div>
        <div>
          <dt>Cell</dt>
          <dd>
            {cell.label}
            {scopeLength !== undefined && `, scope /${scopeLength}`}
          </dd>
        </div>
        <div>
          <dt>TTL</dt>
          <dd>
            {ttl.seconds} s, {ttl.why}
          </dd>
        </div>
        <div>
          <dt>Service</dt>
          <dd>
            {view.service}
            {policy === undefined ? '' : `: ${policy}`}
          </dd>
        </div>
        <div>
          <dt>Table</dt>
          <dd>
            epoch {table.epoch}, {span(table.ageMs)} old{isThen && ' then'}
          </dd>
        </div>
      </dl>
      {split !== undefined && (
        <p>
          Its clients are split:{' '}
          {split.parts
            .map(
              ({ pop, link, share }, i) =>
                `${pop} over ${link} ${(100 * share).toFixed(0)} %${i === split.part ? ' (this one)' : ''}`,
            )
            .join(', ')}
          .
        </p>
      )}
      {notes.map((note) => (
        <p key={note} class="note">
          {note}
        </p>
      ))}
    </div>
  );
}
