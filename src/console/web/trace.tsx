import { useState } from 'preact/hooks';
import { ask } from './ask.ts';
import { ms } from './format.ts';
import type { TraceBar, TraceReply } from './replies.ts';
import { useToken } from './token.tsx';

type Traced =
  | { readonly step: 'not-asked' | 'asking' }
  | { readonly step: 'refused'; readonly status: number; readonly words: string }
  | { readonly step: 'told'; readonly reply: TraceReply };

interface TraceProps {
  readonly name: string;
  readonly client: string;
}

/** A whole request of this client, bar by bar. */
export function Trace({ name, client }: TraceProps) {
  const token = useToken();
  const [path, setPath] = useState('/static/a');
  const [mode, setMode] = useState('cold');
  const [traced, setTraced] = useState<Traced>({ step: 'not-asked' });
  const onSubmit = async (event: Event): Promise<void> => {
    event.preventDefault();
    // Cold drops the object from the caches: a change.
    const secret = mode === 'cold' ? await token.want('drop the object from all caches') : undefined;
    if (mode === 'cold' && secret === undefined)
      return setTraced({ step: 'refused', status: 401, words: 'no token was given; warm needs none' });
    setTraced({ step: 'asking' });
    const url = `https://${name.replace(/\.$/, '')}${path.startsWith('/') ? path : `/${path}`}`;
    const query = new URLSearchParams({ url, client, mode, alone: 'true' });
    const answer = await ask<TraceReply>(`/api/trace?${query}`, undefined, secret);
    if (!answer.ok && answer.status === 401) token.forget();
    if (answer.ok) setTraced({ step: 'told', reply: answer.value });
    else setTraced({ step: 'refused', status: answer.status, words: answer.words });
  };
  return (
    <div class="trace">
      <h3>A request, layer by layer</h3>
      <form class="fields" onSubmit={(event) => void onSubmit(event)}>
        <label class="grow">
          Path
          <input
            name="path"
            spellcheck={false}
            value={path}
            onInput={(event) => setPath(event.currentTarget.value)}
          />
        </label>
        <label>
          Caches
          <select name="mode" value={mode} onChange={(event) => setMode(event.currentTarget.value)}>
            <option value="cold">cold</option>
            <option value="warm">warm</option>
          </select>
        </label>
        <button type="submit" disabled={traced.step === 'asking'}>
          {traced.step === 'asking' ? 'Tracing…' : 'Trace'}
        </button>
      </form>
      <div role="status">
        {traced.step === 'refused' && (
          <p class="outcome bad">
            {traced.status === 404 ? 'This process cannot trace' : 'It could not be traced'}: {traced.words}.
          </p>
        )}
        {traced.step === 'told' && <Fall reply={traced.reply} />}
      </div>
    </div>
  );
}

function Fall({ reply }: { readonly reply: TraceReply }) {
  const measuredMs = reply.bars.reduce(
    (sum, { source, ms: part }) => sum + (source === 'measured' ? part : 0),
    0,
  );
  let atMs = 0;
  return (
    <>
      <p>
        <b>{ms(reply.totalMs)} ms</b>: {ms(measuredMs)} measured here, {ms(reply.totalMs - measuredMs)}{' '}
        modelled network (hatched); {reply.clientRoundTrips} round trips between client and {reply.pop};{' '}
        {reply.cache}.
      </p>
      <ol class="fall">
        {reply.bars.map((bar, index) => {
          const left = atMs;
          atMs += bar.ms;
          return <Bar key={index} bar={bar} left={left} total={reply.totalMs} />;
        })}
      </ol>
      {reply.skipped.length > 0 && <p class="soft">Left out: {reply.skipped.join('; ')}.</p>}
      <p class="soft">{reply.tls}</p>
    </>
  );
}

function Bar({
  bar,
  left,
  total,
}: {
  readonly bar: TraceBar;
  readonly left: number;
  readonly total: number;
}) {
  const { layer, name, ms: took, source, roundTrips } = bar;
  const trips = roundTrips === 0 ? '' : `, ${roundTrips} round trip${roundTrips === 1 ? '' : 's'}`;
  return (
    <li>
      <span class={`layer ${layer.toLowerCase()}`}>{layer}</span>
      <span class="what">
        {name}
        <small class="soft">
          {' '}
          {source}
          {trips}
        </small>
      </span>
      <span class="n">{ms(took)} ms</span>
      <span class="track" aria-hidden="true">
        <span
          class={`${layer.toLowerCase()} ${source}`}
          style={{ left: `${(100 * left) / total}%`, width: `${(100 * took) / total}%` }}
        />
      </span>
    </li>
  );
}
