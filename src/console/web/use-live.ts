import { useEffect, useState } from 'preact/hooks';
import type { LiveState } from './replies.ts';

/** How the stream from the process does. */
export interface Stream {
  readonly link: 'connecting' | 'live' | 'lost';
  /** When that began, ms since 1970 UTC. */
  readonly sinceMs: number;
}

/** The stream, and the last that it told. */
export interface Live {
  readonly stream: Stream;
  readonly state: LiveState | undefined;
}

/** Without word for so long, the stream is lost though its connection stands: it tells every 2 s. */
const SILENCE_MS = 10_000;
/** A browser gives a stream up after an error of HTTP; then it is opened anew after this. */
const REOPEN_MS = 3_000;

/** Follows `/api/events` for as long as the page stands, through losses. */
export function useLive(): Live {
  const [stream, setStream] = useState<Stream>({ link: 'connecting', sinceMs: Date.now() });
  const [state, setState] = useState<LiveState>();
  useEffect(
    () =>
      followEvents({
        onLink: (link) =>
          setStream((before) => (before.link === link ? before : { link, sinceMs: Date.now() })),
        onState: setState,
      }),
    [],
  );
  return { stream, state };
}

interface Listener {
  readonly onLink: (link: Stream['link']) => void;
  readonly onState: (state: LiveState) => void;
}

/** Gives what ends it. */
function followEvents({ onLink, onState }: Listener): () => void {
  let source: EventSource | undefined;
  let reopening: ReturnType<typeof setTimeout> | undefined;
  let silence: ReturnType<typeof setTimeout> | undefined;
  const open = (): void => {
    source?.close();
    source = new EventSource('/api/events');
    listen();
    source.addEventListener('state', (event) => {
      listen();
      onLink('live');
      // The data is the process's own JSON, of the same version as this page.
      onState(JSON.parse((event as MessageEvent<string>).data) as LiveState);
    });
    source.addEventListener('error', () => {
      onLink('lost');
      if (source?.readyState === EventSource.CLOSED) reopen();
    });
  };
  const reopen = (): void => {
    clearTimeout(reopening);
    reopening = setTimeout(open, REOPEN_MS);
  };
  const listen = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => {
      onLink('lost');
      open();
    }, SILENCE_MS);
  };
  open();
  return () => {
    clearTimeout(reopening);
    clearTimeout(silence);
    source?.close();
  };
}
