import { useEffect, useRef, useState } from 'preact/hooks';
import { ReplayFindings } from './replay-findings.tsx';
import { ReplayFormPanel } from './replay-form.tsx';
import { formProblems, type ReplayForm, type ReplayState, sendReplay } from './send-replay.ts';
import { useToken } from './token.tsx';

const EMPTY: ReplayForm = {
  ...{ log: undefined, without: [], config: '', configName: '' },
  ...{ oneOf: '', requestsPerQuery: '', port: '' },
};

/** A log of queries through a world that is not: what would change. */
export function Replay({ shown, codes }: { readonly shown: boolean; readonly codes: readonly string[] }) {
  const token = useToken();
  const [form, setForm] = useState(EMPTY);
  const [state, setState] = useState<ReplayState>({ step: 'none' });
  const running = useRef<AbortController>(undefined);
  useEffect(() => () => running.current?.abort(), []);
  const run = async (): Promise<void> => {
    const problems = formProblems(form);
    if (problems.length > 0) return setState({ step: 'failed', status: 0, problems });
    const secret = await token.want('replay a log, which costs the server');
    if (secret === undefined) return undefined;
    const abort = new AbortController();
    running.current = abort;
    const working = (words: string): void => setState({ step: 'working', words });
    working(`sending ${form.log?.name}`);
    const ended = await sendReplay(form, { token: secret, signal: abort.signal, onProgress: working });
    if (ended.step === 'failed' && ended.status === 401) token.forget();
    return setState(ended);
  };
  return (
    <main class="replay" hidden={!shown}>
      <ReplayFormPanel
        form={form}
        codes={codes}
        isWorking={state.step === 'working'}
        onForm={setForm}
        onRun={() => void run()}
        onStop={() => running.current?.abort()}
      />
      <ReplayFindings state={state} />
    </main>
  );
}
