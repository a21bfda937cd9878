import type { Problem, ReplayLine, ReplayView } from './replies.ts';

/** What a person asks of a replay, as it stands in the form. */
export interface ReplayForm {
  readonly log: File | undefined;
  readonly without: readonly string[];
  /** A configuration to try, and what it is called; an empty text: none. */
  readonly config: string;
  readonly configName: string;
  /** As typed; empty: as the process has it. */
  readonly oneOf: string;
  readonly requestsPerQuery: string;
  readonly port: string;
}

/** How a replay does. */
export type ReplayState =
  | { readonly step: 'none' }
  | { readonly step: 'working'; readonly words: string }
  | { readonly step: 'failed'; readonly status: number; readonly problems: readonly Problem[] }
  | { readonly step: 'done'; readonly view: ReplayView };

/** Octets that are sent at most, as the process has it. */
const UPLOAD_MAX = 64 << 20;

/** What cannot be sent, before it is tried. */
export function formProblems({ log, without, config }: ReplayForm): readonly Problem[] {
  const problems: Problem[] = [];
  const say = (message: string): unknown => problems.push({ file: 'form', message });
  if (log === undefined) say('Choose a log of queries.');
  else if (log.size + config.length > UPLOAD_MAX)
    say(`${log.name} has more than ${UPLOAD_MAX >> 20} MiB: pack it with gzip, or take a part of it.`);
  if (without.length === 0 && config.trim() === '')
    say('Name a POP to take away, or give a configuration to try.');
  return problems;
}

/** Sends a log and follows its replay; gives how it ended. Never rejects; `signal` ends it. */
export async function sendReplay(
  form: ReplayForm,
  how: {
    readonly token: string;
    readonly signal: AbortSignal;
    readonly onProgress: (words: string) => void;
  },
): Promise<ReplayState> {
  const { token, signal, onProgress } = how;
  const config = new TextEncoder().encode(form.config.trim() === '' ? '' : form.config);
  const query = new URLSearchParams(form.without.map((code) => ['without', code]));
  query.set('log', form.log?.name ?? 'log');
  for (const key of ['oneOf', 'requestsPerQuery', 'port'] as const)
    if (form[key].trim() !== '') query.set(key, form[key].trim());
  if (config.length > 0) {
    query.set('config', form.configName);
    query.set('configOctets', String(config.length));
  }
  try {
    const response = await fetch(`/api/replay?${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/octet-stream', authorization: `Bearer ${token}` },
      body: new Blob([config, form.log ?? '']),
      cache: 'no-store',
      signal,
    });
    if (!response.ok || response.body === null) return failed(response.status, await response.json());
    for await (const line of linesOf(response.body)) {
      if ('progress' in line) onProgress(line.progress);
      else return 'done' in line ? { step: 'done', view: line.done } : failed(response.status, line);
    }
    return failed(0, undefined);
  } catch {
    return signal.aborted ? { step: 'none' } : failed(0, undefined);
  }
}

function failed(status: number, reply: unknown): ReplayState {
  const { problems } = (reply ?? {}) as { problems?: readonly Problem[] };
  const silent = [{ file: 'request', message: 'The process does not answer.' }];
  return { step: 'failed', status, problems: problems ?? silent };
}

/** Lines of JSON, as they come. */
async function* linesOf(body: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<ReplayLine> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (rest + part.value).split('\n');
    rest = lines.pop() ?? '';
    // The process's own, of the same version as this page.
    for (const line of lines) yield JSON.parse(line) as ReplayLine;
  }
}
