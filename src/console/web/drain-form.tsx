import { useState } from 'preact/hooks';
import { change } from './ask.ts';
import type { FleetPop } from './fleet.ts';
import { useToken } from './token.tsx';

const DURATIONS: readonly (readonly [seconds: number, words: string])[] = [
  [600, '10 minutes'],
  [3600, '1 hour'],
  [14_400, '4 hours'],
  [86_400, '1 day'],
  [0, 'until restored'],
];

/** Takes a POP out of the answers, with a reason and for a time, and lets it back in. */
export function DrainForm({ pop, onChanged }: { readonly pop: FleetPop; readonly onChanged: () => void }) {
  const token = useToken();
  const [reason, setReason] = useState('');
  const [seconds, setSeconds] = useState(600);
  const [outcome, setOutcome] = useState<{ readonly good: boolean; readonly words: string }>();
  const [busy, setBusy] = useState(false);
  const send = async (verb: 'drain' | 'restore', body: object): Promise<void> => {
    const secret = await token.want(`${verb} ${pop.code}`);
    if (secret === undefined)
      return setOutcome({ good: false, words: `Nothing was changed: no token given.` });
    setBusy(true);
    const answer = await change(`/api/pops/${encodeURIComponent(pop.code)}/${verb}`, body, secret);
    setBusy(false);
    if (answer.ok) {
      const words = { drain: 'is drained: answers change with the next query', restore: 'is restored' }[verb];
      setOutcome({ good: true, words: `${pop.code} ${words}.` });
      return onChanged();
    }
    if (answer.status === 401) token.forget();
    setOutcome({ good: false, words: `Refused: ${answer.words}.` });
  };
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    void send('drain', { reason, ...(seconds === 0 ? {} : { forSeconds: seconds }) });
  };
  return (
    <form class="drain" onSubmit={onSubmit}>
      <h3>Drain</h3>
      <div class="fields">
        <label class="grow">
          Reason
          <input
            name="reason"
            maxLength={200}
            placeholder="e.g. works on the power supply"
            value={reason}
            onInput={(event) => setReason(event.currentTarget.value)}
          />
        </label>
        <label>
          For
          <select value={seconds} onChange={(event) => setSeconds(Number(event.currentTarget.value))}>
            {DURATIONS.map(([value, words]) => (
              <option key={value} value={value}>
                {words}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class="warn" disabled={busy}>
          Drain {pop.code}
        </button>
        <button
          type="button"
          disabled={busy || pop.state !== 'drained'}
          onClick={() => void send('restore', {})}
        >
          Restore
        </button>
      </div>
      <p class={`outcome ${outcome?.good === false ? 'bad' : 'good'}`} role="status">
        {outcome?.words}
      </p>
    </form>
  );
}
