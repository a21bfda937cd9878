/**
 * Room `control`: the loop store -> steering -> image -> publish, following a published image, and its
 * snapshot on disk. May import the pure rooms and `store`. Nothing here rejects because the store is away:
 * the loop goes on with what it last read, and counts.
 */
import type { Clock } from '../base/clock.ts';
import type { Fleet } from '../base/fleet.ts';
import type { Locator } from '../geo/locator.ts';
import type { Decider, TickStats } from '../steering/decider.ts';
import { activeOverrides } from '../steering/fleet-state.ts';
import type { SteeringImage } from '../steering/image.ts';
import { createImageEncoder, type ImageEncoder } from '../steering/image-encode.ts';
import type { Verdict } from '../steering/quorum.ts';
import { decodeTerms } from '../steering/terms.ts';
import type { Store, StoreTopic } from '../store/store.ts';
import { createInputs, type Inputs } from './inputs.ts';
import { networkFinder } from './locate-networks.ts';
import { type MadeImage, makeImage } from './made-image.ts';
import { createPace } from './pace.ts';
import type { PopWords } from './pop-words.ts';
import { createPublisher, type Publisher } from './publish.ts';
import { account, type ControlStats, emptyStats, type RunningStats } from './stats.ts';
import { createTargetLists, type TargetLists } from './targets.ts';

/** What the loop works with. */
export interface ControlOptions {
  readonly store: Store;
  readonly decider: Decider;
  readonly locator: Pick<Locator, 'locate' | 'databases'>;
  readonly fleet: Fleet;
  readonly placesDigest: number;
  readonly clock: Clock;
  /** Words that every serving thread reads; told here. */
  readonly words: PopWords;
  /** What probers see of the POPs; absent: nobody looks. */
  readonly health?: HealthVerdicts | undefined;
  readonly tickMs: number;
  /** Bursts read in a tick at most; the rest wait for the next. */
  readonly samplesPerTickMax: number;
  /** Bursts that all agents together are to make a second. */
  readonly burstsPerSecond: number;
  /** Group of each service, by its name: whose demand is whose. */
  readonly groupOfService: ReadonlyMap<string, number>;
  /** An image to go on from, as a snapshot has it: nobody moves because of a restart. */
  readonly initial?: SteeringImage | undefined;
  /** A new table: answer from it. */
  readonly onImage: (image: MadeImage) => void;
  readonly log: (message: string) => void;
}

/** What probers together see of the POPs. */
export interface HealthVerdicts {
  /** By POP. */
  readonly verdicts: () => readonly Verdict[];
  /** Calls back when a POP's verdict became another. Returns how to stop. */
  readonly onVerdict: (listener: () => void) => () => void;
}

/** A running loop. */
export interface Control {
  readonly stats: () => ControlStats;
  /** Packed estimates of a cell as they are now, for `explain`. */
  readonly packed: (cellKey: string) => Uint8Array | undefined;
  /** One tick now; resolves when its table was handed over. Never rejects. */
  readonly tickNow: () => Promise<void>;
  /** Stops after the tick that runs. */
  readonly close: () => Promise<void>;
}

/** Where a POP may be shifting, a tick comes so soon after the last began, ms: its bursts are all new. */
const SUSPECTED_TICK_MS = 400;
/** After a nudge a tick comes so soon, ms: several nudges make one tick. */
const NUDGED_TICK_MS = 50;
/** Agents that have news bring ticks no closer together than this, ms: some agent always errs. */
const NEWS_TICK_MS = 300;
/**
 * An image is made so often even if nobody needs it, ms: so that its age says whether control is alive. If
 * clients are to get better POPs that could wait, so often: every name server has work with each image.
 */
const IMAGE_EVERY_MS = 10_000;
const MOVES_EVERY_MS = 2_000;
/** Cells whose estimates are saved in one tick at most. */
const SAVED_PER_TICK_MAX = 1000;
/** Estimates taken back at start at most take so long, ms: then the loop starts without the rest. */
const RESTORE_MS = 2000;

/** Everything that one loop holds. */
interface Running {
  readonly options: ControlOptions;
  readonly inputs: Inputs;
  readonly publisher: Publisher;
  readonly targets: TargetLists;
  readonly encoder: ImageEncoder;
  readonly stats: RunningStats;
  unsaved: Map<string, Uint8Array>;
  /** What the store and the snapshot have was taken up. */
  isWarm: boolean;
  /** The store could not be read at the last tick. */
  isAway: boolean;
  /** A POP may be getting slower: the next tick comes soon. */
  isSuspected: boolean;
  /** Clients have other POPs than in the last image. */
  hasMoved: boolean;
  closed: boolean;
}

/**
 * Takes up what the store and the snapshot have, as soon as the store can be read, then ticks until
 * closed. Resolves after the first tick, or when that found the store away.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const stats = emptyStats();
  const running: Running = {
    options,
    inputs: createInputs(options),
    publisher: createPublisher(options),
    targets: createTargetLists({ ...options, stats }),
    encoder: createImageEncoder(),
    stats,
    unsaved: new Map(),
    isWarm: false,
    isAway: false,
    isSuspected: false,
    hasMoved: false,
    closed: false,
  };
  let current = Promise.resolve();
  const tickNow = (): Promise<void> => {
    current = current.then(() => runTick(running));
    return current;
  };
  const pace = createPace(tickNow, () =>
    running.isSuspected ? Math.min(SUSPECTED_TICK_MS, options.tickMs) : options.tickMs,
  );
  const stopListening = options.store.onChange((topic: StoreTopic) => {
    if (topic === 'overrides') void takeOverrides(running);
    if (topic === 'overrides' || topic === 'reports') pace.nudge(NUDGED_TICK_MS);
    if (topic === 'news') pace.nudge(NUDGED_TICK_MS, NEWS_TICK_MS);
  });
  const stopWatching = options.health?.onVerdict(() => pace.nudge(NUDGED_TICK_MS));
  await tickNow();
  pace.start();
  return {
    stats: () => ({
      ...stats,
      storeFailures: stats.storeFailures + running.inputs.failures() + running.publisher.failures(),
    }),
    packed: options.decider.packed,
    tickNow,
    close: async () => {
      running.closed = true;
      pace.stop();
      stopListening();
      stopWatching?.();
      await current;
    },
  };
}

/**
 * Estimates from the store, then the answers of the newest image: a restart moves nobody. False when the
 * store is away.
 */
async function warmUp(running: Running): Promise<boolean> {
  const { options, publisher } = running;
  const { store, decider, initial, log } = options;
  const untilMs = performance.now() + RESTORE_MS;
  const published = await publisher.newest();
  if (published === 'away') return false;
  const locate = networkFinder(options.locator);
  let restored = 0;
  try {
    for await (const [key, packed] of store.allEstimates()) {
      if (decider.restore({ key, packed }, locate)) restored++;
      if (performance.now() > untilMs) break;
    }
  } catch (error) {
    log(`starting without all of the stored estimates: ${(error as Error).message}`);
  }
  const isNewer = published !== 'none' && (initial === undefined || published.epoch > initial.epoch);
  const image = isNewer ? published : initial;
  if (image === undefined) return true;
  decider.adopt(image, decodeTerms(image.termsText));
  running.encoder.adopt(image, decider.parts(image.epoch, image.madeAtMs));
  publisher.startAfter(image.epoch);
  if (restored > 0) log(`went on from epoch ${image.epoch} with the estimates of ${restored} cells`);
  return true;
}

async function runTick(running: Running): Promise<void> {
  const { options, inputs, stats } = running;
  const { decider, clock, log } = options;
  if (running.closed) return;
  try {
    running.isWarm ||= await warmUp(running);
    const seen = running.isWarm ? await inputs.read() : undefined;
    const startedMs = performance.now();
    const nowMs = clock.nowMs();
    if (seen === undefined) {
      missTick(running, nowMs);
      return;
    }
    const ticked = decider.tick({ nowMs, ...seen, verdicts: options.health?.verdicts() });
    setWords(running, nowMs);
    account(stats, ticked);
    running.isSuspected = ticked.isSuspected;
    offerImage(running, { ticked, nowMs });
    running.targets.publish(nowMs, ticked.alarms.length > 0);
    if (running.isAway) log('the store is back: deciding goes on');
    running.isAway = false;
    stats.lastTickMs = performance.now() - startedMs;
    stats.totalTickMs += stats.lastTickMs;
  } catch (error) {
    stats.failedTicks++;
    log(`a tick failed, the last table stays: ${(error as Error).stack ?? String(error)}`);
    return;
  }
  await saveEstimates(running);
}

/**
 * Old inputs say nothing of now: the last table stays, and grows old. Overrides end by the clock all the
 * same.
 */
function missTick(running: Running, nowMs: number): void {
  running.stats.missedTicks++;
  setWords(running, nowMs);
  if (!running.isAway) running.options.log('the store cannot be read: the last table stays');
  running.isAway = true;
}

/** Makes, hands over and publishes an image when something urgent changed, or when it is time. */
function offerImage(running: Running, made: { ticked: TickStats; nowMs: number }): void {
  const { options, publisher, stats } = running;
  const { ticked, nowMs } = made;
  running.hasMoved ||= ticked.moved;
  const everyMs = running.hasMoved ? MOVES_EVERY_MS : IMAGE_EVERY_MS;
  const isDue = nowMs - stats.madeAtMs >= everyMs || nowMs < stats.madeAtMs;
  // A store that was away may have lost its image.
  if (!ticked.urgent && !isDue && stats.epoch !== 0 && !running.isAway) {
    publisher.retry();
    return;
  }
  const image = makeImage(options.decider, running.encoder, { epoch: publisher.nextEpoch(), nowMs });
  if (!('bytes' in image)) {
    stats.keptBack++;
    options.log(`a table was kept back: ${image.join('; ')}`);
    return;
  }
  running.hasMoved = false;
  stats.epoch = image.epoch;
  stats.madeAtMs = nowMs;
  options.onImage(image);
  publisher.publish(image);
}

/** An operator's word takes effect on the very next query: before the tick that it also causes. */
async function takeOverrides(running: Running): Promise<void> {
  await running.inputs.readOverrides();
  if (!running.closed) setWords(running, running.options.clock.nowMs());
}

function setWords(running: Running, nowMs: number): void {
  const { words, decider } = running.options;
  words.setDrained(activeOverrides(running.inputs.overrides(), nowMs));
  words.setTold(decider.downPops());
}

/** Saves what changed; what the store did not take waits for the next tick. */
async function saveEstimates(running: Running): Promise<void> {
  const { options, publisher } = running;
  if (running.unsaved.size === 0) running.unsaved = options.decider.takeUnsaved(SAVED_PER_TICK_MAX);
  if (running.unsaved.size === 0) return;
  if (await publisher.save(running.unsaved)) running.unsaved = new Map();
}
