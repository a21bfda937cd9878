import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { DataServerSetup, FromDataServer, ToDataServer } from './data-server.ts';
import { firstAnswer } from './loads.ts';
import { root, start } from './machine.ts';

/** A data server that was started, seen from the benchmark. */
export interface DataServer {
  readonly pid: number;
  /** DNS, UDP and TCP. */
  readonly port: number;
  /** How it reads and writes. */
  readonly io: string;
  readonly order: <Kind extends FromDataServer['kind']>(
    order: ToDataServer,
    reply: Kind,
  ) => Promise<Extract<FromDataServer, { kind: Kind }>>;
  readonly ended: () => boolean;
  readonly stop: () => Promise<void>;
}

const START_MS = 120_000;
const ORDER_MS = 60_000;

/** Starts data-server.ts on these cores; resolves when it answers. */
export async function startDataServer(
  setup: DataServerSetup,
  options: { readonly cores?: string; readonly nodeFlags?: readonly string[]; readonly stdout?: number },
): Promise<DataServer> {
  const { cores, nodeFlags = [], stdout = 2 } = options;
  const file = join(root, 'test/bench/data-server.ts');
  const pinned = cores === undefined ? [] : ['taskset', '-c', cores];
  const [program = '', ...words] = [...pinned, process.execPath, ...nodeFlags, file, JSON.stringify(setup)];
  const child = spawn(program, words, { stdio: ['ignore', stdout, 2, 'ipc'], cwd: root });
  const ended = once(child, 'exit');
  const next = async (kind: FromDataServer['kind'], withinMs: number): Promise<FromDataServer> => {
    const reply = once(child, 'message', { signal: AbortSignal.timeout(withinMs) });
    const early = ended.then(([code]) => Promise.reject(new Error(`the data server ended with ${code}`)));
    const [message] = await Promise.race([reply, early]);
    const answer = message as FromDataServer; // It sends nothing else.
    if (answer.kind !== kind) throw new Error(`the data server says ${answer.kind} and not ${kind}`);
    return answer;
  };
  const listening = await next('listening', START_MS);
  if (listening.kind !== 'listening') throw new Error('it does not listen');
  const { port, io } = listening;
  return {
    pid: child.pid ?? 0,
    port,
    io,
    ended: () => child.exitCode !== null || child.signalCode !== null,
    order: async (order, reply) => {
      child.send(order);
      // `next` has checked the kind.
      return (await next(reply, ORDER_MS)) as Extract<FromDataServer, { kind: typeof reply }>;
    },
    stop: async () => {
      if (child.connected) child.disconnect();
      await ended;
    },
  };
}

/** Has the program itself make the images of a configuration in a state folder; how long it took, s. */
export async function prepareState(
  setup: DataServerSetup,
  options: { readonly question: string; readonly log: string },
): Promise<number> {
  const { config, state, port } = setup;
  const flags = ['--config', config, '--state', state, '--port', `${port}`, '--admin-port', '0'];
  const sinceMs = performance.now();
  const program = start([process.execPath, join(root, 'src/main.ts'), 'serve', ...flags], {
    log: options.log,
  });
  const question = { name: options.question, type: 'A', edns: 1232, subnet: '10.1.2.0/24' };
  const ms = await firstAnswer(port, [question], { withinMs: START_MS, sinceMs, gaveUp: program.ended });
  await program.stop();
  if (ms === undefined) throw new Error(`no answer: ${program.output().slice(-2000)}`);
  return ms / 1000;
}
