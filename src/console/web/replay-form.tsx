import { useState } from 'preact/hooks';
import { short } from './format.ts';
import type { ReplayForm } from './send-replay.ts';

interface FormProps {
  readonly form: ReplayForm;
  /** POPs that run. */
  readonly codes: readonly string[];
  readonly isWorking: boolean;
  readonly onForm: (form: ReplayForm) => void;
  readonly onRun: () => void;
  readonly onStop: () => void;
}

/** Which log, and through which world. */
export function ReplayFormPanel({ form, codes, isWorking, onForm, onRun, onStop }: FormProps) {
  const change = (changed: Partial<ReplayForm>): void => onForm({ ...form, ...changed });
  const onSubmit = (event: Event): void => {
    event.preventDefault();
    onRun();
  };
  return (
    <section class="panel replay-form" aria-labelledby="replay-title">
      <header>
        <h2 id="replay-title">What if? Replay a log</h2>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard. */}
      <section class="scroll" tabIndex={0} aria-label="What to replay">
        <form onSubmit={onSubmit}>
          <LogField log={form.log} onLog={(log) => change({ log })} />
          <WithoutField without={form.without} codes={codes} onWithout={(without) => change({ without })} />
          <ConfigField form={form} onChange={change} />
          <Options form={form} onChange={change} />
          <div class="buttons">
            {isWorking && (
              <button type="button" onClick={onStop}>
                Stop
              </button>
            )}
            <button type="submit" class="primary" disabled={isWorking}>
              Replay
            </button>
          </div>
        </form>
        <p class="soft">
          Before is what runs here; after is the same without the POPs, with the configuration. Nothing that
          runs is changed, and the log is not kept.
        </p>
      </section>
    </section>
  );
}

function LogField({
  log,
  onLog,
}: {
  readonly log: File | undefined;
  readonly onLog: (log: File | undefined) => void;
}) {
  const [isOver, setOver] = useState(false);
  const over = (event: DragEvent): void => {
    event.preventDefault();
    setOver(true);
  };
  const onDrop = (event: DragEvent): void => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer?.files[0];
    if (file !== undefined) onLog(file);
  };
  return (
    <label
      class={`drop${isOver ? ' over' : ''}`}
      onDragOver={over}
      onDragLeave={() => setOver(false)}
      onDrop={onDrop}
    >
      Log of queries
      <input type="file" name="log" onChange={(event) => onLog(event.currentTarget.files?.[0])} />
      <output>
        {log === undefined ? 'Choose a file, or drop it here' : `${log.name}, ${size(log.size)}`}
      </output>
      <small class="soft">
        JSON log, dnstap, a capture (pcap), or text of BIND, PowerDNS or Route 53; packed with gzip or not; 64
        MiB at most
      </small>
    </label>
  );
}

const size = (octets: number): string => `${short(octets)}B`;

function WithoutField({
  without,
  codes,
  onWithout,
}: {
  readonly without: readonly string[];
  readonly codes: readonly string[];
  readonly onWithout: (without: readonly string[]) => void;
}) {
  const [text, setText] = useState('');
  const add = (): void => {
    const given = text
      .toUpperCase()
      .split(/[\s,]+/)
      .filter(Boolean);
    onWithout([...new Set([...without, ...given])]);
    setText('');
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || text.trim() === '') return;
    event.preventDefault();
    add();
  };
  return (
    <div class="without">
      <label>
        Without these POPs
        <span class="line">
          <input
            name="without"
            list="pop-codes"
            autocomplete="off"
            spellcheck={false}
            placeholder="e.g. FRA"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={onKeyDown}
            onBlur={() => text.trim() !== '' && add()}
          />
          <button type="button" disabled={text.trim() === ''} onClick={add}>
            Take away
          </button>
        </span>
      </label>
      <datalist id="pop-codes">
        {codes.map((code) => (
          <option key={code} value={code} />
        ))}
      </datalist>
      <ul class="away" aria-label="POPs that are taken away">
        {without.map((code) => (
          <li key={code} class="chip down">
            {code}
            <button
              type="button"
              aria-label={`Keep ${code}`}
              onClick={() => onWithout(without.filter((one) => one !== code))}
            >
              ×
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

type PartProps = Pick<FormProps, 'form'> & { readonly onChange: (changed: Partial<ReplayForm>) => void };

const PASTED = 'pasted configuration';

function ConfigField({ form: { config, configName }, onChange }: PartProps) {
  const onFile = async (file: File | undefined): Promise<void> => {
    if (file !== undefined) onChange({ config: await file.text(), configName: file.name });
  };
  return (
    <div class="config">
      <label>
        With this configuration
        <textarea
          name="config"
          rows={7}
          spellcheck={false}
          placeholder={
            '# YAML: what it leaves out is as it runs\nservices:\n  web: { pops: [FRA, JFK, NRT] }'
          }
          value={config}
          onInput={(event) => onChange({ config: event.currentTarget.value, configName: PASTED })}
        />
      </label>
      <label class="file">
        <span>{config === '' || configName === PASTED ? 'Or from a file' : configName}</span>
        <input
          type="file"
          accept=".yaml,.yml"
          onChange={(event) => void onFile(event.currentTarget.files?.[0])}
        />
      </label>
      <small class="soft">
        pops, popAddresses, services, networks and steering are tried; zones stay those that run
      </small>
    </div>
  );
}

function Options({ form, onChange }: PartProps) {
  const number = (key: 'oneOf' | 'requestsPerQuery' | 'port', words: string, usual: string) => (
    <label>
      {words}
      <input
        name={key}
        inputMode="decimal"
        placeholder={usual}
        value={form[key]}
        onInput={(event) => onChange({ [key]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <fieldset class="options">
      <legend>A query of the log counts</legend>
      {number('oneOf', 'as so many queries', 'as logged')}
      {number('requestsPerQuery', 'each of requests', '1')}
      {number('port', 'in captures, to port', '53')}
    </fieldset>
  );
}
