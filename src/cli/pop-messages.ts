import type { Address } from '../base/address.ts';
import type { CounterSnapshot } from '../base/counters.ts';
import type { OperatorErrorCode, Problem } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import type { PopCertificate } from '../pop/authority.ts';
import type { PathPattern } from '../pop/l2/object-store.ts';
import type { PopLoad } from '../pop/load.ts';
import type { Choice } from '../pop/page.ts';

/** What a thread of POPs is started with; all that it shares with others is the words and the image. */
export interface PopThreadData {
  readonly config: Pick<Config, 'fleet' | 'edge' | 'security' | 'services'>;
  /** POPs of this thread, by index: all of a region, so that its cache is one. */
  readonly only: readonly number[];
  readonly anyAddress: boolean;
  readonly port: number;
  readonly certificate: PopCertificate;
  readonly beaconScript: string | undefined;
  /** Whether clients of this machine may say in whose place they ask. */
  readonly believesClients: boolean;
  /** Whether the other side explains choices, and knows the services of hosts. */
  readonly explains: boolean;
  /** One word a POP, of which `POP_DRAINED` counts here. */
  readonly popState: Int32Array<SharedArrayBuffer>;
  readonly where: Where | undefined;
}

/** What finds clients; absent where no rule asks for that. */
export interface Where {
  readonly clients: Uint8Array;
  readonly placesDigest: number;
  /** Country of each place. */
  readonly country: readonly string[];
}

/** To be done in a thread; each is answered with a number: of what was dropped, else 0. */
export type PopOrder =
  | { readonly name: 'set-up'; readonly popIndex: number; readonly up: boolean }
  | { readonly name: 'invalidate'; readonly wanted: PathPattern }
  /** Lets requests that are under way end, for so long at most. */
  | { readonly name: 'finish'; readonly graceMs: number }
  | { readonly name: 'close' };

/** What a thread cannot know: why a client gets the POP it gets, and the service of a host. */
export type PopQuestion =
  | { readonly name: 'explain'; readonly host: string; readonly client: Address }
  | { readonly name: 'service'; readonly host: string };
export type PopAnswer = Choice | string | undefined;

/** What is told of a POP. */
export interface PopFigures {
  readonly popIndex: number;
  readonly connections: number;
  /** Absent: as the last time. */
  readonly load?: PopLoad;
}

export type ToPopThread =
  | { readonly kind: 'ask'; readonly id: number; readonly what: PopOrder }
  | { readonly kind: 'answer'; readonly id: number; readonly value: PopAnswer }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }
  | { readonly kind: 'clients'; readonly bytes: Uint8Array };

export type FromPopThread =
  | {
      readonly kind: 'open';
      readonly addressCount: number;
      readonly builtInRegions: Readonly<Record<string, string>>;
    }
  | { readonly kind: 'refused'; readonly code: OperatorErrorCode; readonly problems: readonly Problem[] }
  | { readonly kind: 'ask'; readonly id: number; readonly what: PopQuestion }
  | { readonly kind: 'answer'; readonly id: number; readonly value: number }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }
  | { readonly kind: 'log'; readonly line: string }
  | {
      readonly kind: 'figures';
      readonly counters: CounterSnapshot;
      /** Of POPs of which something changed since the last time. */
      readonly pops: readonly PopFigures[];
    };
