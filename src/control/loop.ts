/**
 * Room `control`: the loop store -> steering -> image -> publish, following a published image, and its
 * snapshot on disk. May import the pure rooms and `store`. Nothing here rejects because the store is away:
 * the loop goes on with what it last read, and counts.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TickInputs, TickStats } from '../steering/decider.ts';
import { activeOverrides } from '../steering/fleet-state.ts';
import type { StoreTopic } from '../store/store.ts';
import type { ElectionView } from './election.ts';
import { makeImage } from './made-image.ts';
import { createPace } from './pace.ts';
import { type ControlOptions, createRunning, type Running } from './running.ts';
import { account, type ControlStats } from './stats.ts';

/** A running loop. */
export interface Control {
  readonly stats: () => ControlStats;
  readonly election: () => ElectionView;
  /** Packed estimates of a cell as they are now, for `explain`. */
  readonly packed: (cellKey: string) => Uint8Array | undefined;
  /** One tick now; resolves when its table was handed over. Never rejects. */
  readonly tickNow: () => Promise<void>;
  /** Stops after the tick that runs, and gives up the lease; waits for the store so long at most: 800 ms. */
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
/** A tick that runs is waited for so long at the end, ms. */
const CLOSE_MS = 400;

/**
 * Takes up what the store and the snapshot have, as soon as the store can be read, then ticks until closed:
 * as the one that decides, or ready to become it. Resolves after the first tick, or when that found the store
 * away.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  // Whoever may decide takes over at once.
  const running = createRunning(options, () => pace.nudge(0));
  const { stats, election, standing } = running;
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
    // Whoever does not lead follows.
    if (topic === 'image' && standing.fence() === undefined) pace.nudge(NUDGED_TICK_MS);
    if (topic === 'news') pace.nudge(NUDGED_TICK_MS, NEWS_TICK_MS);
  });
  const stopWatching = options.health?.onVerdict(() => pace.nudge(NUDGED_TICK_MS));
  await tickNow();
  pace.start();
  return {
    stats: () => ({
      ...stats,
      ...standing.stats(),
      storeFailures: stats.storeFailures + running.inputs.failures() + running.publisher.failures(),
    }),
    election: election.view,
    packed: options.decider.packed,
    tickNow,
    close: async () => {
      running.closed = true;
      pace.stop();
      stopListening();
      stopWatching?.();
      await Promise.race([current, sleep(CLOSE_MS, undefined, { ref: false })]);
      await election.close();
    },
  };
}

async function runTick(running: Running): Promise<void> {
  const { options, stats, standing } = running;
  const { decider, clock, log } = options;
  if (running.closed) return;
  let fence: number | undefined;
  try {
    const seen = (await standing.prepare()) ? await running.inputs.read() : undefined;
    const startedMs = performance.now();
    const nowMs = clock.nowMs();
    if (seen === undefined) {
      missTick(running, nowMs);
      return;
    }
    // Looked at after everything that was waited for: this process may have stood still, or been cut off.
    fence = standing.fence();
    const inputs = { nowMs, ...seen, verdicts: options.health?.verdicts() };
    const isNew = fence !== undefined && !running.isLeading;
    const ticked = isNew ? tickAsNew(running, inputs) : decider.tick(inputs);
    setWords(running, nowMs);
    account(stats, ticked, { isLeading: fence !== undefined, reports: seen.reports });
    running.isSuspected = ticked.isSuspected;
    if (fence === undefined) standing.diverged();
    else lead(running, { ticked, nowMs, fence });
    running.isLeading = fence !== undefined;
    if (running.isAway) log('the store is back: deciding goes on');
    running.isAway = false;
    stats.lastTickMs = performance.now() - startedMs;
    stats.totalTickMs += stats.lastTickMs;
  } catch (error) {
    stats.failedTicks++;
    log(`a tick failed, the last table stays: ${(error as Error).stack ?? String(error)}`);
    return;
  }
  if (fence !== undefined) await saveEstimates(running, fence);
}

/**
 * The first tick of a new leader: it learns what came in, then goes on from the answers of the one before,
 * for some of which it had no cell until then. Its table has these answers, but for what cannot wait.
 */
function tickAsNew({ options, standing }: Running, inputs: TickInputs): TickStats {
  const { decider } = options;
  const ticked = decider.tick({ ...inputs, holdsGains: true });
  if (!standing.retake()) return ticked;
  const { accepted, refused } = ticked;
  return {
    ...decider.tick({ ...inputs, samples: [], demand: undefined, holdsGains: true }),
    accepted,
    refused,
  };
}

/** What a tick decided, as the one that decides. */
interface Led {
  readonly ticked: TickStats;
  readonly nowMs: number;
  readonly fence: number;
}

/** Publishes what a tick decided, and tells the agents what to measure next. */
function lead(running: Running, led: Led): void {
  offerImage(running, led);
  running.targets.publish(led.nowMs, led.ticked.alarms.length > 0, led.fence);
}

/**
 * Old inputs say nothing of now: the last table stays, and grows old. Overrides end by the clock all the
 * same.
 */
function missTick(running: Running, nowMs: number): void {
  running.stats.missedTicks++;
  running.isLeading = false;
  setWords(running, nowMs);
  if (!running.isAway) running.options.log('the store cannot be read: the last table stays');
  running.isAway = true;
}

/** Makes, hands over and publishes an image when something urgent changed, or when it is time. */
function offerImage(running: Running, { ticked, nowMs, fence }: Led): void {
  const { options, publisher, stats } = running;
  running.hasMoved ||= ticked.moved;
  const everyMs = running.hasMoved ? MOVES_EVERY_MS : IMAGE_EVERY_MS;
  const isDue = nowMs - stats.madeAtMs >= everyMs || nowMs < stats.madeAtMs;
  // A store that was away may have lost its image; a new leader shows that it leads.
  if (!ticked.urgent && !isDue && running.isLeading && !running.isAway) {
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
  running.standing.made(image.epoch);
  options.onImage(image, 'controller');
  publisher.publish(image, fence);
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
async function saveEstimates(running: Running, fence: number): Promise<void> {
  const { options, publisher } = running;
  if (running.unsaved.size === 0) running.unsaved = options.decider.takeUnsaved(SAVED_PER_TICK_MAX);
  if (running.unsaved.size === 0) return;
  if (await publisher.save(running.unsaved, fence)) running.unsaved = new Map();
}
