/**
 * `npm run bench:pops`: the demo with its 150 POPs, started as `npm start` does: time and processor time
 * until it answers, its memory, and what its POPs add once each of them has served. `-- --plain` leaves out
 * the flags that `npm start` gives Node.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:tls';
import { parseArgs } from 'node:util';
import { type Program, startProgram } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';
import { cpuSeconds } from './machine.ts';

const STARTS_MS = 180_000;
/** So many connections to each POP that all its L1 servers have some. */
const CONNECTIONS = 4;
const AT_ONCE = 20;
const LATER_MS = 60_000;

const { values } = parseArgs({ options: { plain: { type: 'boolean', default: false } } });
const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  scripts: { start: string };
};
const nodeFlags = values.plain ? [] : scripts.start.split(' ').filter((word) => word.startsWith('--'));

const popPort = await freePort();
const startMs = performance.now();
const up = await startProgram(['up', '--pop-port', String(popPort)], { nodeFlags, startMs: STARTS_MS });
try {
  const took = ((performance.now() - startMs) / 1000).toFixed(1);
  console.log(`isochrone up ${nodeFlags.join(' ')}`);
  console.log(`answers after ${took} s, ${cpuSeconds(up.pid).toFixed(1)} s of processor`);
  tell('when it answers');
  const addresses = await addressesOf(up);
  const pops = await serveAll(addresses);
  tell(`${pops} POPs have served ${CONNECTIONS} connections each`);
  await new Promise((resolve) => setTimeout(resolve, LATER_MS));
  tell(`${LATER_MS / 1000} s later`);
} finally {
  await up.end();
}

/** Prints memory: that of now, and the most that there was. */
function tell(when: string): void {
  const status = readFileSync(`/proc/${up.pid}/status`, 'utf8');
  const mebibytes = (label: string): string =>
    (Number(new RegExp(`${label}:\\s+(\\d+)`).exec(status)?.[1]) / 1024).toFixed(0);
  const cpu = `${cpuSeconds(up.pid).toFixed(1)} s of processor`;
  console.log(`${mebibytes('VmRSS').padStart(5)} MiB, at most ${mebibytes('VmHWM')}; ${cpu}: ${when}`);
}

/** An address of each POP, as the console has them. */
async function addressesOf({ admin }: Program): Promise<string[]> {
  const { pops } = (await (await fetch(`${admin}/api/pops`)).json()) as {
    pops: { readonly links: readonly { readonly ipv4?: string }[] }[];
  };
  return pops.flatMap(({ links }) => links.slice(0, 1).flatMap(({ ipv4 }) => ipv4 ?? []));
}

/** Has every POP serve a page over new connections; gives the number of POPs. */
async function serveAll(addresses: readonly string[]): Promise<number> {
  const queue = addresses.flatMap((address) => Array.from({ length: CONNECTIONS }, () => address));
  const work = async (): Promise<void> => {
    for (let address = queue.pop(); address !== undefined; address = queue.pop()) await serve(address);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return addresses.length;
}

function serve(host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: popPort, servername: 'www.cdn.example', rejectUnauthorized: false });
    socket.on('error', reject);
    socket.once('secureConnect', () =>
      socket.write('GET /static/a HTTP/1.1\r\nhost: www.cdn.example\r\n\r\n'),
    );
    socket.once('data', (chunk: Buffer) => {
      socket.destroy();
      if (chunk.toString('latin1').startsWith('HTTP/1.1 200')) resolve();
      else reject(new Error(`${host} does not serve`));
    });
  });
}
