import type { CounterSnapshot } from '../base/counters.ts';
import type { Config } from '../config/config.ts';
import type { ExplainQuestion, ExplainView } from '../console/api-explain.ts';
import type { QuerySample } from '../server/query-samples.ts';
import type { NameServer } from '../server/supervisor.ts';
import { CONTROL, controlFrame, dataFrame } from '../wire/dnstap.ts';
import { openDnstapSocket } from './dnstap-socket.ts';
import { keptOf, lineOf, type QueryLine, questionOf, reasonOf } from './query-line.ts';
import { openRotatingFile } from './rotating-file.ts';

/** Writes a sample of the queries down. */
export interface QueryLog {
  readonly counters: () => readonly CounterSnapshot[];
  /** Writes what is there, and ends the files. */
  readonly close: () => Promise<void>;
}

/** What it needs. */
export interface QueryLogOptions {
  readonly config: Config;
  readonly queries: NameServer['queries'];
  readonly explain: (question: ExplainQuestion) => Promise<ExplainView>;
  readonly version: string;
  readonly log: (message: string) => void;
}

type QuerySettings = NonNullable<Config['log']['queries']>;

/** A place that lines or frames go to. */
interface QuerySink {
  /** Resolves when the next may come; `done` is told once, then or later, whether it was written. */
  readonly put: (sample: QuerySample, done: (isWritten: boolean) => void) => void | Promise<void>;
  readonly close: () => Promise<void>;
}

const EVERY_MS = 100;
const MIB = 1 << 20;

/** Starts to log, if the configuration says so. */
export function startQueryLog(options: QueryLogOptions): QueryLog | undefined {
  const settings = options.config.log.queries;
  if (settings === undefined) return undefined;
  const { queries } = options;
  const sinks = sinksOf(options, settings);
  const counts = { logged: 0, lost: 0 };
  let left = 0;
  let secondEndsMs = 0;
  let running: Promise<void> | undefined;
  queries.want(settings.oneOf);
  const take = async (samples: readonly QuerySample[]): Promise<void> => {
    for (const sample of samples) {
      if (performance.now() >= secondEndsMs) {
        secondEndsMs = performance.now() + 1000;
        left = settings.perSecondMax;
      }
      if (left-- <= 0) {
        counts.lost++;
        continue;
      }
      let open = sinks.length;
      let isWhole = true;
      const done = (isWritten: boolean): void => {
        isWhole &&= isWritten;
        open--;
        if (open === 0) counts[isWhole ? 'logged' : 'lost']++;
      };
      await Promise.all(sinks.map((sink) => sink.put(sample, done)));
    }
  };
  const look = (): void => {
    // A slow look is not followed by another at once: what is new waits in the ring, or is lost there.
    running ??= take(queries.read()).finally(() => {
      running = undefined;
    });
  };
  const timer = setInterval(look, EVERY_MS);
  return {
    counters: () => [queryLogCounters({ logged: counts.logged, lost: counts.lost + queries.lost() })],
    close: async () => {
      clearInterval(timer);
      queries.want(0);
      await running;
      await take(queries.read());
      await Promise.all(sinks.map((sink) => sink.close()));
    },
  };
}

function sinksOf(options: QueryLogOptions, { json, dnstap, addresses }: QuerySettings): QuerySink[] {
  const sinks: QuerySink[] = [];
  if (json !== undefined) sinks.push(jsonSink(options, json, addresses));
  if (dnstap !== undefined) sinks.push(dnstapSink(options, dnstap, addresses));
  return sinks;
}

function jsonSink(
  { explain, log }: QueryLogOptions,
  { file, rotateMib, keep }: NonNullable<QuerySettings['json']>,
  addresses: QuerySettings['addresses'],
): QuerySink {
  const into = openRotatingFile({ path: file, rotateOctets: rotateMib * MIB, keep, log });
  const text = new TextEncoder();
  return {
    put: async (sample, done) => {
      const line = lineOf(sample, addresses);
      const whole: QueryLine = sample.epoch < 0 ? line : { ...line, why: await whyOf(sample, explain) };
      into.put(text.encode(`${JSON.stringify(whole)}\n`), done);
    },
    close: into.close,
  };
}

/** The table may have changed since: then nothing is said, rather than something else. */
async function whyOf(
  sample: QuerySample,
  explain: QueryLogOptions['explain'],
): Promise<NonNullable<QueryLine['why']>> {
  const question = questionOf(sample);
  if (question === undefined) return 'the question cannot be read';
  try {
    const view = await explain(question);
    return view.table.epoch === sample.epoch
      ? reasonOf(view)
      : `answered from table ${sample.epoch}, which is gone`;
  } catch (error) {
    return (error as Error).message;
  }
}

function dnstapSink(
  { config, version, log }: QueryLogOptions,
  { file, socket, rotateMib, keep }: NonNullable<QuerySettings['dnstap']>,
  addresses: QuerySettings['addresses'],
): QuerySink {
  const head = controlFrame(CONTROL.START);
  const tail = controlFrame(CONTROL.STOP);
  const into =
    socket !== undefined
      ? openDnstapSocket(socket, log)
      : openRotatingFile({ path: file ?? '', rotateOctets: rotateMib * MIB, keep, head, tail, log });
  const identity = config.dns.identity ?? config.cluster;
  return {
    put: (sample, done) => {
      const isFull = addresses === 'full';
      const client = isFull ? sample.client : keptOf(sample.client).address;
      const { transport, atMs } = sample;
      const shared = { client, port: isFull ? sample.port : 0, transport, atMs, identity, version };
      const query = dataFrame({ ...shared, kind: 'query', message: sample.query });
      const response = dataFrame({ ...shared, kind: 'response', message: sample.response });
      into.put(Buffer.concat([query, response]), done);
    },
    close: into.close,
  };
}

/** The figures as metrics. */
export function queryLogCounters({ logged, lost }: { logged: number; lost: number }): CounterSnapshot {
  const counter = (what: string, help: string, value: number): CounterSnapshot['families'][number] => ({
    name: `isochrone_query_log_${what}_total`,
    help,
    kind: 'counter',
    labels: [],
    samples: [{ values: [], value }],
  });
  return {
    families: [
      counter('queries', 'Queries that were logged.', logged),
      counter('lost', 'Sampled queries that are in no log: over the rate, or it could not be written.', lost),
    ],
    histograms: [],
  };
}
