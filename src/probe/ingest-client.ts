import type { Clock } from '../base/clock.ts';
import { encodeBatch, encodeDemand } from '../store/codec.ts';
import { encodeHealth } from '../store/codec-health.ts';
import { decodeTargets } from '../store/codec-targets.ts';
import { StoreError, type StoreState } from '../store/store.ts';
import { createIngestHttp, type IngestAddress } from './ingest-http.ts';
import { INGEST_PATH, type IngestStore } from './ingest-routes.ts';
import type { Sink } from './sink.ts';

/** A listener that could not be reached is tried again after this, ms. */
const TRY_AGAIN_MS = 1_000;
/** Of what a refusal says, characters. */
const MESSAGE_MAX = 500;

/**
 * The sink of an agent without a way to the store: posts to `startIngest`. Each call rejects with
 * `StoreError` when it was not taken: unreachable within 2 s, refused, or too much. From the first time that
 * the listener cannot be reached until it is again, `state()` says so. It nudges nobody: targets are asked
 * for.
 */
export function createIngestClient(address: IngestAddress, clock: Clock): Sink & IngestStore {
  const http = createIngestHttp(address, clock);
  const { origin } = new URL(address.url);
  const standing = createStanding(origin);
  const call = async (name: string, body: string): Promise<string> => {
    if (standing.isClosed()) throw new StoreError(`${origin}: the way there is closed`);
    const reply = await http.ask(`${INGEST_PATH}${name}`, body).catch((error: Error) => {
      throw standing.failed(`${origin}: ${error.message}`, false);
    });
    const { status, text } = reply;
    if (status !== 200 && status !== 204)
      throw standing.failed(`${origin} refused ${name} with ${status}: ${messageOf(text)}`, status < 500);
    standing.reached();
    return text;
  };
  const look = async (): Promise<void> => {
    try {
      const { status } = await http.ask('/healthz');
      if (status < 300) standing.reached();
      else standing.failed(`${origin} answers with ${status}`, false);
    } catch (error) {
      standing.failed(`${origin}: ${(error as Error).message}`, false);
    }
  };
  void look();
  const timer = setInterval(() => {
    if (!standing.state().connected) void look();
  }, TRY_AGAIN_MS);
  const post = async (name: string, body: string, isNews = false): Promise<void> => {
    await call(isNews ? `${name}?news` : name, body);
  };
  return {
    appendSamples: (batch, isNews) => post('samples', encodeBatch(batch), isNews),
    putReport: (report, isNews) => post('report', JSON.stringify(report), isNews),
    putDemand: (_pop, demand) => post('demand', encodeDemand(demand)),
    putHealth: (view, isChange) => post('health', encodeHealth(view), isChange),
    takeTargets: async () => {
      const targets = decodeTargets(await call('targets', ''));
      if (targets === undefined) throw standing.failed(`${origin} sent targets that cannot be read`, true);
      return targets;
    },
    clockSkew: http.skew,
    onChange: () => () => undefined,
    state: standing.state,
    close: async () => {
      clearInterval(timer);
      standing.close();
      http.close();
    },
  };
}

/** Whether the listener can be reached, and what went wrong. */
function createStanding(address: string) {
  let connected = false;
  let isClosed = false;
  let errors = 0;
  let lastError: string | undefined;
  return {
    reached: (): void => {
      connected = !isClosed;
    },
    /** `isAnswered`: the listener is there, whatever it said. */
    failed: (message: string, isAnswered: boolean): StoreError => {
      connected = isAnswered && !isClosed;
      if (!isClosed) errors++;
      lastError = message;
      return new StoreError(message);
    },
    state: (): StoreState => {
      return { connected, address, errors, damaged: 0, ...(lastError === undefined ? {} : { lastError }) };
    },
    isClosed: (): boolean => isClosed,
    close: (): void => {
      isClosed = true;
      connected = false;
    },
  };
}

/** The problems of a reply, for people; or what a proxy between wrote in its place. */
function messageOf(text: string): string {
  try {
    const { problems = [] } = JSON.parse(text) as { problems?: readonly { readonly message?: unknown }[] };
    const messages = problems.map(({ message }) => String(message));
    return messages.join('; ').slice(0, MESSAGE_MAX);
  } catch {
    return text.slice(0, MESSAGE_MAX);
  }
}
