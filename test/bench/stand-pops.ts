import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { permit, startProgram } from '../helpers/program.ts';
import { startDataServer } from './data-client.ts';
import { offer } from './loads.ts';
import { LOAD_CORE, median, progress, sleep } from './machine.ts';
import { whole } from './report.ts';
import type { Stand } from './stand.ts';

const RATE = 20_000;
const WORKERS = 2;
/** So many source ports that every worker gets its share. */
const SOURCES = 64;
const BEFORE_MS = 500;
const AFTER_MS = 500;
/** The first of edge.yaml's POPs, and its address there. */
const POP = { index: 0, address: '192.0.2.1' };

/** From writing a POP's word to the last answer with the POP, of any worker. */
export async function measurePops(stand: Stand): Promise<string> {
  const { config, state, port, load: program, names } = stand;
  const server = await startDataServer({ config, state, port, workers: WORKERS }, { cores: '0,1' });
  const times: number[] = [];
  for (let round = 0; round < Math.min(stand.rounds, 10); round++) {
    const options = { program, port, names, rate: RATE, seconds: 2, sources: SOURCES, clients: '4' };
    const offering = offer({ ...options, watch: POP.address });
    await offering.started;
    await sleep(BEFORE_MS);
    const { wallMs } = await server.order({ kind: 'pop', index: POP.index, down: true }, 'pop');
    await sleep(AFTER_MS);
    offering.stop();
    const { watched } = await offering.figures;
    if (watched.count === 0) throw new Error('no answer named the POP before it went down');
    times.push(Math.max(0, watched.lastWallMs - wallMs));
    progress(`round ${round + 1}: ${times.at(-1)?.toFixed(2)} ms`);
    await server.order({ kind: 'pop', index: POP.index, down: false }, 'pop');
  }
  await server.stop();
  return (
    `A POP's word says "down" -> the last answer that names it, ` +
    `${WORKERS} workers, ${whole(RATE)} queries/s:\n` +
    `  ${median(times).toFixed(2)} ms (median), ${Math.max(...times).toFixed(2)} ms (most), ` +
    `${times.length} times`
  );
}

const VICTIM = 'FRA';
const VERDICT_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 2;

/**
 * The same through the whole program, where the controller finds out by itself that a POP answers nothing.
 */
export async function measureVerdict(stand: Stand): Promise<string> {
  const folder = mkdtempSync(join(stand.folder, 'up-'));
  const up = await startProgram(['up', '--workers', `${WORKERS}`], { state: folder });
  const names = join(folder, 'names');
  writeFileSync(names, 'www.cdn.example A\n');
  // German networks, which Frankfurt serves best.
  const clients = join(folder, 'clients');
  writeFileSync(clients, '84.128.1.0\n91.0.1.0\n217.80.1.0\n');
  const pops = async (): Promise<PopSeen[]> => {
    // The admin API's own shape (src/console/api.ts).
    const { pops: seen } = (await (await fetch(`${up.admin}/api/pops`)).json()) as { pops: PopSeen[] };
    return seen;
  };
  try {
    const watch = (await pops())
      .find(({ code }) => code === VICTIM)
      ?.links.map(({ ipv4 }) => ipv4)
      .join(',');
    const options = { program: stand.load, port: up.port, names, clients, rate: 5000, seconds: 120 };
    const offering = offer({ ...options, sources: SOURCES, core: LOAD_CORE, watch: watch ?? '' });
    await offering.started;
    await sleep(2 * BEFORE_MS);
    const startMs = Date.now();
    await fetch(`${up.admin}/api/model`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...permit(up) },
      body: JSON.stringify({ pop: VICTIM, outage: true }),
    });
    const isDown = async (): Promise<boolean> =>
      (await pops()).find(({ code }) => code === VICTIM)?.state === 'down';
    while (!(await isDown())) {
      if (Date.now() - startMs > VERDICT_WITHIN_MS) throw new Error('no verdict');
      await sleep(LOOK_EVERY_MS);
    }
    const verdictMs = performance.timeOrigin + performance.now();
    await sleep(AFTER_MS);
    offering.stop();
    const { watched, lost, sent } = await offering.figures;
    const late = watched.lastWallMs - verdictMs;
    return (
      `A modelled POP answers nothing (isochrone up, 150 POPs, ${WORKERS} workers, 5,000 queries/s):\n` +
      `  ${whole(verdictMs - startMs)} ms to the verdict; the last answer that names it came ` +
      `${Math.abs(late).toFixed(1)} ms ${late < 0 ? 'before the verdict was seen' : 'after it'}; ` +
      `${watched.count} such answers, ${lost} of ${whole(sent)} queries lost`
    );
  } finally {
    await up.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

interface PopSeen {
  readonly code: string;
  readonly state: string;
  readonly links: readonly { readonly ipv4: string }[];
}
