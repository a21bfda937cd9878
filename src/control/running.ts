import type { Clock } from '../base/clock.ts';
import type { Fleet } from '../base/fleet.ts';
import type { TargetBook } from '../config/targets-csv.ts';
import type { Locator } from '../geo/locator.ts';
import type { Decider } from '../steering/decider.ts';
import type { SteeringImage } from '../steering/image.ts';
import { createImageEncoder, type ImageEncoder } from '../steering/image-encode.ts';
import type { Maintenance } from '../steering/maintenance.ts';
import type { Store } from '../store/store.ts';
import { createElection, type Election } from './election.ts';
import type { HealthWatch } from './health-watch.ts';
import { createInputs, type Inputs } from './inputs.ts';
import type { MadeImage } from './made-image.ts';
import type { PopWords } from './pop-words.ts';
import { createPublisher, type Publisher } from './publish.ts';
import { createStandingBy, type StandingBy } from './standing.ts';
import { emptyStats, type RunningStats } from './stats.ts';
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
  readonly health?: Pick<HealthWatch, 'verdicts' | 'onVerdict'> | undefined;
  /** Drains by the configuration's windows. */
  readonly maintenance: Maintenance;
  readonly tickMs: number;
  /** Bursts read in a tick at most; the rest wait for the next. */
  readonly samplesPerTickMax: number;
  /** Bursts that all agents together are to make a second. */
  readonly burstsPerSecond: number;
  /** Group of each service, by its name: whose demand is whose. */
  readonly groupOfService: ReadonlyMap<string, number>;
  /** Whom agents are to ask in which networks, as the configuration says; absent: nobody knows. */
  readonly targetBook?: TargetBook | undefined;
  /** An image to go on from, as a snapshot has it: nobody moves because of a restart. */
  readonly initial?: SteeringImage | undefined;
  /** Name of this process in the election of the one that decides: no other has it. */
  readonly holder: string;
  readonly leaseMs?: number;
  /** A new table, made here or by whoever leads: answer from it. */
  readonly onImage: (image: MadeImage, origin: 'controller' | 'store') => void;
  readonly log: (message: string) => void;
}

/** Everything that one loop holds. */
export interface Running {
  readonly options: ControlOptions;
  readonly inputs: Inputs;
  readonly publisher: Publisher;
  readonly election: Election;
  readonly standing: StandingBy;
  readonly targets: TargetLists;
  readonly encoder: ImageEncoder;
  readonly stats: RunningStats;
  unsaved: Map<string, Uint8Array>;
  /** The store could not be read at the last tick. */
  isAway: boolean;
  /** A POP may be getting slower: the next tick comes soon. */
  isSuspected: boolean;
  /** Clients have other POPs than in the last image. */
  hasMoved: boolean;
  /** The last tick was published, or could have been. */
  isLeading: boolean;
  closed: boolean;
}

/** A loop that did nothing yet. `onWon`: the lease was won. */
export function createRunning(options: ControlOptions, onWon: () => void): Running {
  const { initial } = options;
  const stats = emptyStats();
  const election = createElection({ ...options, onWon });
  const encoder = createImageEncoder();
  const publisher = createPublisher({
    ...options,
    onFenced: (error) => {
      // By its own clock it may have ended before: then that was said.
      if (election.fence() !== undefined) options.log(`fenced off: ${error.message}`);
      election.noteFailure(error);
      standing.diverged();
    },
  });
  const standing = createStandingBy({
    ...options,
    encoder,
    publisher,
    election,
    initial,
    onFollowed: ({ epoch, bytes, madeAtMs }) => {
      stats.epoch = epoch;
      stats.madeAtMs = madeAtMs;
      options.onImage({ epoch, bytes }, 'store');
    },
  });
  return {
    options,
    inputs: createInputs(options),
    publisher,
    election,
    standing,
    targets: createTargetLists({ ...options, stats, onFailure: publisher.noteFailure }),
    encoder,
    stats,
    unsaved: new Map(),
    isAway: false,
    isSuspected: false,
    hasMoved: false,
    isLeading: false,
    closed: false,
  };
}
