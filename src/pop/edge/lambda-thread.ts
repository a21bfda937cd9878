import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../../base/assert.ts';

/**
 * A thread that runs one Lambda@Edge handler: the user's module as it is, CommonJS or ES, one event after
 * the other. It is trusted code: a thread is no sandbox.
 */

/** What the thread is started with. */
export interface LambdaThreadData {
  /** The module, as a file URL. */
  readonly module: string;
  readonly name: string;
  readonly limitMs: number;
  readonly memoryMb: number;
}

/** What an event gives: the result as JSON, or the error. */
export interface LambdaReply {
  readonly result?: string;
  readonly error?: string;
}

type Handler = (
  event: unknown,
  context: object,
  callback: (error: unknown, result?: unknown) => void,
) => unknown;

const data = workerData as LambdaThreadData;
const port = must(parentPort, 'port of the thread');

/** `exports.handler`, however the module exports it. */
function handlerOf(loaded: Record<string, unknown>): Handler {
  const inner = loaded['default'] as Record<string, unknown> | undefined;
  const handler = loaded['handler'] ?? inner?.['handler'];
  if (typeof handler !== 'function') throw new TypeError('it exports no function `handler`');
  return handler as Handler;
}

function contextOf(event: unknown): object {
  const endsMs = Date.now() + data.limitMs;
  const { Records } = event as { Records: [{ cf: { config: { requestId: string } } }] };
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: data.name,
    functionVersion: '1',
    memoryLimitInMB: String(data.memoryMb),
    awsRequestId: Records[0].cf.config.requestId,
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${data.name}:1`,
    logGroupName: `/aws/lambda/us-east-1.${data.name}`,
    logStreamName: '1',
    getRemainingTimeInMillis: () => Math.max(0, endsMs - Date.now()),
  };
}

/** Both kinds of handlers: those that give a promise, and those that call back. */
function invoke(handler: Handler, event: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const back = (error: unknown, result?: unknown): void =>
      error === null || error === undefined ? resolve(result) : reject(error);
    const returned = handler(event, contextOf(event), back);
    if (typeof (returned as Promise<unknown> | undefined)?.then === 'function') resolve(returned);
    else if (handler.length < 3 && returned !== undefined) resolve(returned);
  });
}

async function answer(handler: Handler, event: unknown): Promise<LambdaReply> {
  try {
    const result = JSON.stringify(await invoke(handler, event));
    return result === undefined ? { error: 'it returns nothing' } : { result };
  } catch (error) {
    return { error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }
}

const handler = handlerOf((await import(data.module)) as Record<string, unknown>);
port.on('message', async (event: string) => port.postMessage(await answer(handler, JSON.parse(event))));
port.postMessage('ready');
