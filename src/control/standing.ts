import type { Locator } from '../geo/locator.ts';
import type { Decider } from '../steering/decider.ts';
import type { SteeringImage } from '../steering/image.ts';
import type { ImageEncoder } from '../steering/image-encode.ts';
import { decodeTerms } from '../steering/terms.ts';
import { type Store, StoreError } from '../store/store.ts';
import type { Election } from './election.ts';
import { networkFinder } from './locate-networks.ts';
import type { Publisher } from './publish.ts';
import type { SharedImage } from './read-image.ts';

/** Estimates taken back at start at most take so long, ms: then the loop starts without the rest. */
const RESTORE_MS = 2000;

/** What a loop stands with: as leader, or ready to become one. */
export interface StandingOptions {
  readonly store: Store;
  readonly decider: Decider;
  readonly encoder: ImageEncoder;
  readonly publisher: Publisher;
  readonly election: Election;
  readonly locator: Pick<Locator, 'locate' | 'databases'>;
  /** An image to go on from, as a snapshot has it. */
  readonly initial: SteeringImage | undefined;
  /** A newer image of whoever leads, in memory that threads can share. */
  readonly onFollowed: (image: SharedImage) => void;
  readonly log: (message: string) => void;
}

/** Keeps a decider ready to lead, and has it take over when this process does. */
export interface StandingBy {
  /**
   * Asks who leads, then goes along: takes over if this process leads now, or follows the images of whoever
   * does. False: the store is away. Never rejects.
   */
  readonly prepare: () => Promise<boolean>;
  /**
   * The token to write with, if this process took over and still leads, looked at now; undefined: what it
   * decides is for itself alone.
   */
  readonly fence: () => number | undefined;
  /**
   * Takes the answers of the image that was followed once more, after a tick: for the cells that this made.
   * False: there is none.
   */
  readonly retake: () => boolean;
  /** The image of this epoch was made here, as leader. */
  readonly made: (epoch: number) => void;
  /**
   * The decider's answers are no longer those that are published: a tick was for itself alone, or was fenced
   * off.
   */
  readonly diverged: () => void;
  readonly stats: () => StandingStats;
}

/** Figures since the start. */
export interface StandingStats {
  readonly takeovers: number;
  /** From when the lease was seen to be won until the answers of the one before were taken over, ms. */
  readonly lastTakeoverMs: number;
}

/** Not warm, nothing led. */
export function createStandingBy(options: StandingOptions): StandingBy {
  const { decider, election, publisher, log } = options;
  const stats = { takeovers: 0, lastTakeoverMs: 0 };
  let isWarm = false;
  /** Under which the decider's answers are those that are published; undefined: under none. */
  let ledToken: number | undefined;
  const others = createOthers(options);
  /** Epoch whose answers the decider has; -1: its own. */
  let heldEpoch = -1;
  const warm = async (): Promise<void> => {
    await others.look();
    await restoreEstimates(options);
    const image = others.prefer(options.initial);
    takeAnswers(options, image);
    heldEpoch = image?.epoch ?? -1;
    isWarm = true;
  };
  const takeOver = async (token: number): Promise<void> => {
    const startedMs = performance.now();
    await others.look();
    const image = others.image();
    const isNew = image?.epoch !== heldEpoch && takeAnswers(options, image);
    heldEpoch = image?.epoch ?? heldEpoch;
    ledToken = token;
    stats.takeovers++;
    stats.lastTakeoverMs = performance.now() - startedMs;
    if (isNew) log(`took over after epoch ${heldEpoch} in ${Math.ceil(stats.lastTakeoverMs)} ms`);
  };
  const follow = async (): Promise<void> => {
    if (ledToken !== undefined) others.forget();
    ledToken = undefined;
    const image = await others.look();
    if (image === undefined) return;
    decider.adopt(image, decodeTerms(image.termsText));
    heldEpoch = image.epoch;
    options.onFollowed(image);
  };
  const prepare = async (): Promise<boolean> => {
    try {
      if (!isWarm) await warm();
      await election.ask();
      const token = election.fence();
      if (token === undefined) await follow();
      else if (token !== ledToken) await takeOver(token);
      return true;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      publisher.noteFailure(error);
      return false;
    }
  };
  return {
    prepare,
    fence: () => (ledToken !== undefined && election.fence() === ledToken ? ledToken : undefined),
    retake: () => takeAnswers(options, others.image()),
    made: (epoch) => {
      heldEpoch = epoch;
      others.made(epoch);
    },
    diverged: () => {
      heldEpoch = -1;
      // What was made here is not kept: the store has it, or another's of that epoch.
      if (others.image() === undefined) others.forget();
    },
    stats: () => stats,
  };
}

/** The images that others published. */
interface Others {
  /** The published image, if it is another than at the last look and of use. Rejects with `StoreError`. */
  readonly look: () => Promise<SharedImage | undefined>;
  /** The last of these; undefined: there was none, or one was made here since. */
  readonly image: () => SteeringImage | undefined;
  /** Has another image in its place if that is not older; which it is then. */
  readonly prefer: (initial: SteeringImage | undefined) => SteeringImage | undefined;
  readonly made: (epoch: number) => void;
  /** The next look takes whatever is published. */
  readonly forget: () => void;
}

function createOthers({ store, publisher }: StandingOptions): Others {
  let seenEpoch = -1;
  let image: SteeringImage | undefined;
  return {
    look: async () => {
      const epoch = await store.imageEpoch();
      if (epoch === 0 || epoch === seenEpoch) return undefined;
      const seen = await publisher.newest();
      seenEpoch = epoch;
      image = seen ?? image;
      return seen;
    },
    image: () => image,
    prefer: (initial) => {
      if (initial !== undefined && initial.epoch >= (image?.epoch ?? 0)) image = initial;
      return image;
    },
    made: (epoch) => {
      seenEpoch = epoch;
      image = undefined;
    },
    forget: () => {
      seenEpoch = -1;
    },
  };
}

/** The image's answers become the decider's, and its rows keep their numbers: nobody moves by it. */
function takeAnswers(options: StandingOptions, image: SteeringImage | undefined): boolean {
  const { decider, encoder, publisher } = options;
  if (image === undefined) return false;
  decider.adopt(image, decodeTerms(image.termsText));
  encoder.adopt(image, decider.parts(image.epoch, image.madeAtMs));
  publisher.startAfter(image.epoch);
  return true;
}

/** What the store has of them; a store that goes away meanwhile is no failure. */
async function restoreEstimates({ store, decider, locator, log }: StandingOptions): Promise<void> {
  const untilMs = performance.now() + RESTORE_MS;
  const locate = networkFinder(locator);
  let restored = 0;
  try {
    for await (const [key, packed] of store.allEstimates()) {
      if (decider.restore({ key, packed }, locate)) restored++;
      if (performance.now() > untilMs) break;
    }
  } catch (error) {
    log(`starting without all of the stored estimates: ${(error as Error).message}`);
  }
  if (restored > 0) log(`took up the estimates of ${restored} cells`);
}
