import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parentPort, workerData } from 'node:worker_threads';
import { must } from '../base/assert.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import { popStateWords } from '../base/pop-state.ts';
import { type Proposal, readProposal } from '../config/proposal.ts';
import { type Places, readPlaces } from '../geo/places.ts';
import type { LoggedQuestion } from '../replay/questions.ts';
import { type ReplayReport, replayHtml } from '../replay/report.ts';
import { createAnswering } from '../server/answering.ts';
import { stepBack } from '../server/priority.ts';
import { openImage, type SteeringImage } from '../steering/image.ts';
import { type Compiling, startCompiling } from './compile.ts';
import type { FromReplay, ReplayJob, ToReplay } from './console-replay.ts';
import { readGeoData } from './geo-files.ts';
import { groupsOf } from './ground.ts';
import { createInbox } from './replay-inbox.ts';
import { cellsOf } from './replay-judge.ts';
import { runReplay } from './replay-run.ts';
import type { Ground, ReplayWorld } from './replay-side.ts';
import { currentLocator, serviceSpecs } from './world.ts';

/** The entry of the thread that replays a log which was sent to the console: it tells what came, and ends. */

/** Questions told apart; the others are answered one by one. */
const QUESTIONS_MAX = 100_000;
/** Octets that a packed log may have. */
const UNPACKED_MAX = 4 * 2 ** 30;

const port = must(parentPort, "a parent: this file is a thread's entry");
// console-replay.ts, its only starter, hands over this type.
const job = workerData as ReplayJob;
const say = (message: FromReplay): void => port.postMessage(message);
const estimates = Promise.withResolvers<ReadonlyMap<string, Uint8Array>>();
/** Clients by another knowledge of networks, while they are being made. */
let compiling: Compiling | undefined;
const inbox = createInbox(() => say({ kind: 'taken' }));
port.on('message', (message: ToReplay) => {
  if (message.kind === 'chunk') inbox.add(message.octets);
  else if (message.kind === 'end') inbox.end();
  else if (message.kind === 'stop') void compiling?.cancel().then(() => process.exit());
  else estimates.resolve(new Map(message.entries));
});
stepBack();
try {
  const report = await replay();
  say({ kind: 'done', report, html: replayHtml(report) });
} catch (error) {
  // What is no operator's error ends the thread, and its starter hears of it.
  if (!(error instanceof OperatorError)) throw error;
  say({ kind: 'failed', code: error.code, problems: error.problems });
}
port.close();

async function replay(): Promise<ReplayReport> {
  const { asked, octets, out } = job;
  const proposal = readChange();
  const faults: string[] = [];
  const name = asked.config?.name ?? 'what runs';
  const { text, file } = readGeoData('places.csv');
  const places = readPlaces(text, file);
  const { config, without } = asked;
  const after = `${name}${without.length === 0 ? '' : ` without ${without.join(', ')}`}`;
  const report = await runReplay(asked, {
    log: { name: asked.log, octets, open: inbox.open, unpackedMax: UNPACKED_MAX },
    names: { before: 'what runs', after },
    loggedOneOf: job.loggedOneOf,
    questionsMax: QUESTIONS_MAX,
    onLog: (log) => {
      faults.push(...log.faults);
      say({ kind: 'read' });
    },
    grounds: (questions) => openGrounds(places, proposal, questions),
    terminal: {
      passing: (words) => (words === '' ? undefined : say({ kind: 'progress', words })),
      // Whoever wants it no longer ends the thread.
      stop: new AbortController().signal,
    },
  });
  const isOut = out.filter((code) => !without.includes(code));
  const left = proposal?.left ?? [];
  const notes = [
    ...report.notes,
    ...(proposal === undefined ? [] : [`Tried of ${config?.name}: ${proposal.tried.join(', ')}.`]),
    ...(left.length === 0 ? [] : [`Not looked at, and as it runs: ${left.join(', ')}.`]),
    ...(isOut.length === 0 ? [] : [`Out in both worlds, as they are now: ${isOut.join(', ')}.`]),
    ...faults.map((fault) => `Damaged, and passed over: ${fault}.`),
  ];
  return { ...report, notes };
}

/** The proposed configuration, and that the POPs to take away are there. */
function readChange(): Proposal | undefined {
  const { proposal: text, running, asked } = job;
  if (text === undefined) return undefined;
  const name = asked.config?.name ?? '';
  const read = (path: string): string => readFileSync(path, 'utf8');
  const proposal = readProposal(text, { name, running, read });
  const codes = proposal.config.fleet.pops.map(({ code }) => code);
  const unknown: Problem[] = asked.without
    .filter((code) => !codes.includes(code))
    .map((code) => ({ file: name, message: `has no POP ${code}, which is to be away` }));
  if (unknown.length > 0) throw new OperatorError('bad-config', unknown);
  return proposal;
}

/** What runs, and what is proposed; both know the estimates of the cells that ask. */
async function openGrounds(
  places: Places,
  proposal: Proposal | undefined,
  questions: readonly LoggedQuestion[],
): Promise<{ readonly before: Ground; readonly after: Ground }> {
  const { running, answerData } = job;
  const here = worldOf(places, running, answerData.clients);
  const clients = proposal === undefined ? answerData.clients : await clientsOf(proposal);
  const next = proposal === undefined ? here : worldOf(places, proposal.config, clients);
  const worlds = here === next ? [here] : [here, next];
  say({ kind: 'wanted', keys: [...new Set(worlds.flatMap((world) => [...cellsOf(world, questions)]))] });
  const known = await estimates.promise;
  const groundOf = (world: ReplayWorld): Ground => {
    return { world, image: tableFor(world), estimates: known, nowMs: job.nowMs, out: job.out };
  };
  const before = groundOf(here);
  return { before, after: here === next ? before : groundOf(next) };
}

/** A world that answers from the zones in use. */
function worldOf(
  places: Places,
  config: Pick<ReplayJob['running'], 'fleet' | 'services' | 'steering' | 'policyNetworks'>,
  clients: ReplayJob['answerData']['clients'],
): ReplayWorld {
  const { fleet, services } = config;
  const decided = groupsOf(config, places);
  const count = job.running.services.length;
  const answerData = {
    ...job.answerData,
    clients,
    fleet,
    popState: popStateWords(fleet.pops.length),
    // The zones know no others, and these in this order.
    services: serviceSpecs(services, decided.groupOf).slice(0, count),
  };
  const locator = currentLocator(createAnswering(answerData).clients);
  return { config, places, ...decided, answerData, locator };
}

/** Where clients are by the proposal: as now where it says nothing else of networks. */
async function clientsOf({ config }: Proposal): Promise<ReplayJob['answerData']['clients']> {
  const { networks, geo } = job.running;
  if (isDeepStrictEqual([config.networks, config.geo], [networks, geo])) return job.answerData.clients;
  const scratch = mkdtempSync(join(tmpdir(), 'isochrone-replay-'));
  try {
    say({ kind: 'compiling', isOn: true });
    compiling = startCompiling(
      {
        kind: 'clients',
        geo: config.geo,
        networks: config.networks,
        programVersion: 'replay',
        path: join(scratch, 'clients.image'),
        isFrugal: true,
        othersAnswer: true,
      },
      { onProgress: (words) => say({ kind: 'progress', words: `databases and networks: ${words}` }) },
    );
    const { bytes } = await compiling.made;
    await compiling.ended;
    return bytes;
  } finally {
    say({ kind: 'compiling', isOn: false });
    compiling = undefined;
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The table in use, where it was made for such a world. */
function tableFor({ config, places, groups }: ReplayWorld): SteeringImage | undefined {
  if (job.imageBytes === undefined) return undefined;
  const expected = { fleetDigest: config.fleet.digest, placesDigest: places.digest, isSummed: false };
  const image = openImage(job.imageBytes, expected);
  return typeof image === 'string' || image.groupCount !== groups.length ? undefined : image;
}
