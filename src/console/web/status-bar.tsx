import { useEffect, useState } from 'preact/hooks';
import { clock, short, span } from './format.ts';
import type { LiveState, StatusView } from './replies.ts';
import type { Theme } from './session.ts';
import { transportName } from './transports.ts';
import type { Stream } from './use-live.ts';

interface StatusBarProps {
  readonly stream: Stream;
  readonly state: LiveState | undefined;
  readonly status: StatusView | undefined;
  /** The moment that is looked at; undefined: now. */
  readonly at:
    | { readonly atMs: number; readonly epoch: number; readonly queryRates: LiveState['queryRates'] }
    | undefined;
  readonly theme: Theme;
  readonly onTheme: (theme: Theme) => void;
  /** The view of replays is shown. */
  readonly isReplay: boolean;
}

/** What runs and how it does, in a line. */
export function StatusBar({ stream, state, status, at, theme, onTheme, isReplay }: StatusBarProps) {
  const ready = state?.ready;
  const rates = Object.entries((at ?? state)?.queryRates ?? {});
  return (
    <header class="status-bar">
      <h1>Isochrone</h1>
      <nav class="views" aria-label="Views">
        <a href="#world" aria-current={isReplay ? undefined : 'page'}>
          World
        </a>
        <a href="#replay" aria-current={isReplay ? 'page' : undefined}>
          Replay
        </a>
      </nav>
      <dl>
        <Fact name={at === undefined ? 'State' : 'State now'} wide={false}>
          {ready === undefined ? (
            '…'
          ) : ready ? (
            <span class="good">✓ ready</span>
          ) : (
            <span class="bad">✕ not ready</span>
          )}
        </Fact>
        <Fact name={at === undefined ? 'Leader' : 'Leader now'} wide>
          {leaderWords(status)}
        </Fact>
        <Fact name="Epoch">{at?.epoch ?? state?.epoch ?? '…'}</Fact>
        <Fact name="Table age">
          {at !== undefined ? '–' : state === undefined ? '…' : span(state.tableAgeMs)}
        </Fact>
        <Fact name="Queries/s" wide>
          {rates.length === 0 && (state === undefined ? '…' : '0')}
          {rates.map(([transport, rate]) => (
            <span key={transport} class="rate">
              {transportName(transport)} <b>{short(rate)}</b>
            </span>
          ))}
        </Fact>
      </dl>
      <StreamChip stream={stream} at={at?.atMs} />
      <label class="theme">
        <span class="hidden">Theme</span>
        <select value={theme} onChange={(event) => onTheme(event.currentTarget.value as Theme)}>
          <option value="system">Theme: system</option>
          <option value="light">Theme: light</option>
          <option value="dark">Theme: dark</option>
        </select>
      </label>
    </header>
  );
}

function leaderWords(status: StatusView | undefined): string {
  if (status === undefined) return '…';
  const { controller } = status;
  if (controller === undefined) return 'not known';
  if (controller.leader === '') return 'nobody';
  const here = controller.here === 'leading' ? ' (here)' : '';
  return `${controller.leader}${here}`;
}

function Fact({
  name,
  children,
  wide,
}: {
  name: string;
  children: preact.ComponentChildren;
  wide?: boolean;
}) {
  return (
    <div class={wide ? 'wide' : ''}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** Whether what is seen is live; counts while it is not. */
function StreamChip({ stream, at }: { readonly stream: Stream; readonly at: number | undefined }) {
  const [nowMs, setNowMs] = useState(Date.now());
  useEffect(() => {
    if (stream.link === 'live') return undefined;
    setNowMs(Date.now());
    const timer = setInterval(() => setNowMs(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [stream.link]);
  const lostMs = Math.max(0, nowMs - stream.sinceMs);
  const words = {
    live: at === undefined ? 'Live' : `At ${clock(at)}`,
    connecting: 'Connecting…',
    lost: `Lost ${span(lostMs)} ago, reconnecting…`,
  }[stream.link];
  return (
    <p class={`stream ${stream.link}${at === undefined ? '' : ' past'}`} role="status" aria-live="polite">
      {words}
    </p>
  );
}
