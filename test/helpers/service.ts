import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** A service to check, as a process of its own: `node service.ts JSON`. It prints `ready PORT`. */
export interface ServiceOptions {
  readonly kind: 'http' | 'https' | 'tcp' | 'dns';
  readonly address?: string;
  /** Absent: a free one. */
  readonly port?: number;
  readonly status?: number;
  readonly body?: string;
  /** PEM. */
  readonly certificate?: string;
  readonly key?: string;
  readonly rcode?: number;
}

/** A running service. */
export interface Service {
  readonly port: number;
  /** Requests as the service saw them, one a line. */
  readonly seen: () => string[];
  readonly kill: (signal: NodeJS.Signals) => void;
}

const START_MS = 10_000;
/** Path of the program. */
export const SERVICE = fileURLToPath(import.meta.url);

/** Starts a service; resolves when it listens. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const child = spawn(process.execPath, [SERVICE, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const killAtExit = (): void => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  child.once('exit', () => process.off('exit', killAtExit));
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return {
    port: await portOf(child, () => printed),
    seen: () => seenIn(printed),
    kill: (signal) => child.kill(signal),
  };
}

function seenIn(printed: string): string[] {
  return printed.split('\n').filter((line) => line !== '' && !line.startsWith('ready '));
}

async function portOf(child: ChildProcess, printed: () => string): Promise<number> {
  for (let waitedMs = 0; waitedMs < START_MS && child.exitCode === null; waitedMs += 10) {
    const port = /^ready (\d+)$/m.exec(printed())?.[1];
    if (port !== undefined) return Number(port);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  child.kill('SIGKILL');
  throw new Error(`the service did not start: ${printed()}`);
}

/** What the process does. */
function serve(options: ServiceOptions): void {
  const { kind, address = '127.0.0.1', port = 0, status = 200, body = 'ok\n', certificate, key } = options;
  const answer: RequestListener = (request, response) => {
    const { servername } = request.socket as { servername?: string | false };
    console.log(`${request.method} ${request.url} ${request.headers.host} ${servername || '-'}`);
    response.writeHead(status).end(body);
  };
  if (kind === 'dns') {
    const socket = createSocket('udp4');
    socket.on('message', (query, from) => {
      console.log('query');
      query[2] = (query[2] as number) | 0x80;
      query[3] = ((query[3] as number) & 0xf0) | (options.rcode ?? 0);
      socket.send(query, from.port, from.address);
    });
    socket.bind(port, address, () => console.log(`ready ${socket.address().port}`));
    return;
  }
  const server =
    kind === 'tcp'
      ? createTcpServer((socket) => {
          console.log('connection');
          socket.on('error', () => undefined);
        })
      : kind === 'http'
        ? createServer(answer)
        : createSecureServer({ cert: certificate, key, SNICallback: undefined }, answer);
  server.listen(port, address, () => {
    const where = server.address();
    console.log(`ready ${typeof where === 'object' ? where?.port : 0}`);
  });
}

if (process.argv[1] === SERVICE) serve(JSON.parse(process.argv[2] ?? '{}'));
