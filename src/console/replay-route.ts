import type { IncomingMessage, ServerResponse } from 'node:http';
import { OperatorError } from '../base/errors.ts';
import type { AdminApi } from './api.ts';
import type { ReplayLine, RunningReplay } from './api-replay.ts';
import { allowTime } from './http-server.ts';
import { jsonReply, problemReply, type Reply } from './reply.ts';
import { readReplayAsked, unknownPop } from './requests.ts';
import { createUpload, UploadTooLong } from './upload.ts';

/** Bounds of what is sent to be replayed, and how long sending it may take, waiting for its turn included. */
const UPLOAD = { octetsMax: 64 << 20, ms: 15 * 60_000 } as const;

/** A line of progress is told so often at most, ms. */
const PROGRESS_EVERY_MS = 250;

/**
 * Replays the log in the body, after a configuration if there is one. What is wrong with either before the
 * log is read whole is the status; from then on lines of JSON (`ReplayLine`) tell how far it is and what
 * came. Who goes away ends it.
 */
export async function replay(context: {
  readonly api: AdminApi;
  readonly request: IncomingMessage;
  readonly query: URLSearchParams;
}): Promise<Reply> {
  const { api, request } = context;
  const asked = readAsked(context);
  if ('status' in asked) return asked;
  allowTime(request, UPLOAD.ms);
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  const { socket } = request;
  socket.once('close', onClose);
  const forget = (): void => void socket.off('close', onClose);
  try {
    const running = await api.replay?.(asked.value, createUpload(request, UPLOAD.octetsMax), gone.signal);
    if (running !== undefined)
      return {
        status: 200,
        type: 'application/x-ndjson',
        body: '',
        stream: (response) => void follow(running, response).finally(forget),
      };
    forget();
    const busy = problemReply(503, ['others replay logs, and as many wait as may: try again later']);
    return { ...busy, headers: { 'retry-after': '30' } };
  } catch (error) {
    forget();
    if (error instanceof UploadTooLong) return tooLong();
    if (gone.signal.aborted || request.readableAborted) return problemReply(400, ['the body was cut off']);
    const isTheirs = error instanceof OperatorError && ['bad-config', 'bad-data'].includes(error.code);
    if (!isTheirs) throw error;
    return jsonReply({ code: error.code, problems: error.problems }, 400);
  }
}

/** What is asked, or the reply to what is wrong with it, before any of the body is read. */
function readAsked({ api, request, query }: Parameters<typeof replay>[0]) {
  if (api.replay === undefined)
    return problemReply(
      404,
      ['this process answers no queries: ask a name server (`serve`, `up`)'],
      'not-found',
    );
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/octet-stream')
    return problemReply(415, ['the Content-Type must be application/octet-stream']);
  const read = readReplayAsked(query);
  if ('wrong' in read) return problemReply(400, read.wrong);
  const { config, without } = read.value;
  const unknown = config === undefined ? without.flatMap((code) => unknownPop(code, api.popCodes)) : [];
  if (unknown.length > 0) return problemReply(404, unknown, 'not-found');
  return Number(request.headers['content-length'] ?? 0) > UPLOAD.octetsMax ? tooLong() : read;
}

function tooLong(): Reply {
  const size = `${UPLOAD.octetsMax >> 20} MiB`;
  const words =
    `the log and the configuration have more than ${size}: pack the log with gzip, take a part of it, ` +
    'or use `isochrone replay`';
  return { ...problemReply(413, [words]), headers: { connection: 'close' } };
}

/** Tells how it goes on, and what came. Never rejects. */
async function follow({ onProgress, done }: RunningReplay, response: ServerResponse): Promise<void> {
  const tell = (line: ReplayLine | object): unknown => response.write(`${JSON.stringify(line)}\n`);
  let toldAtMs = 0;
  onProgress((progress) => {
    const nowMs = performance.now();
    if (nowMs - toldAtMs < PROGRESS_EVERY_MS) return;
    toldAtMs = nowMs;
    tell({ progress });
  });
  try {
    tell({ done: await done });
  } catch (error) {
    const known = error instanceof OperatorError ? error : undefined;
    const why = known?.problems ?? [{ file: 'replay', message: (error as Error).message }];
    tell({ code: known?.code ?? 'bad-data', problems: why });
  }
  response.end();
}
