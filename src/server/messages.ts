import type { AccessList } from '../base/access-list.ts';
import type { AddressSet } from '../base/address-set.ts';
import type { CounterBlock } from '../base/counters.ts';
import type { OperatorErrorCode, Problem } from '../base/errors.ts';
import type { AnswerData } from './answering.ts';
import type { ListenAddress } from './handler.ts';
import type { NativeSocket } from './native-sockets.ts';
import type { RateLimitData } from './rate-limit.ts';
import type { TcpLimits } from './tcp-limits.ts';
import type { Credentials } from './tls.ts';
import type { TransferZone } from './transfer-book.ts';

/** A steering image and the row map that was built from it for the client image in use. */
export interface TableBytes {
  readonly image: Uint8Array<SharedArrayBuffer>;
  readonly rows: Uint8Array<SharedArrayBuffer>;
}

/** What a worker is started with. */
export interface WorkerSetup {
  readonly data: AnswerData;
  /** The table in use, if there is one by then. */
  readonly table: TableBytes | undefined;
  /** The first table is being made: `table` or `no-table` comes, and the thread is not ready before. */
  readonly awaitsTable: boolean;
  /** Its only word: places that wait for a thread. Written by the supervisor. */
  readonly wanted: Int32Array<SharedArrayBuffer>;
}

/** How a worker reads and writes. */
export type WorkerIo = InHand &
  (
    | {
        /** Sockets of the process, through system calls in batches. */
        readonly kind: 'native';
        readonly sockets: readonly NativeSocket[];
      }
    | {
        /** Sockets of the thread's own, through node:dgram and node:net. */
        readonly kind: 'portable';
        readonly listen: readonly ListenAddress[];
        readonly reusePort: boolean;
        readonly recvBufferOctets: number;
      }
    | ({
        /** Sockets of the thread's own on which TLS is spoken. */
        readonly kind: 'secure';
        readonly credentials: Credentials;
      } & SecureListen)
  );

/** Where TLS is spoken, and how. */
export interface SecureListen {
  /** DNS over TLS (RFC 7858). */
  readonly dot: readonly ListenAddress[];
  /** DNS over HTTPS (RFC 8484). */
  readonly doh: readonly ListenAddress[];
  /** Path of DNS over HTTPS. */
  readonly path: string;
}

/** What is left of a thread's work when it ends. */
interface InHand {
  /** Memory in which queries lie while they are worked on: the IN_HAND words point into it. */
  readonly arena: SharedArrayBuffer;
  /**
   * The query that the thread before had in hand ended it: the batch goes on behind it. Otherwise that query
   * is answered too.
   */
  readonly skipInHand: boolean;
}

/** What a worker is put to work with: all that belongs to its place, not to the thread. */
export interface WorkerPlace {
  readonly io: WorkerIo;
  readonly tcpLimits: TcpLimits;
  /** Peers that say for whom they ask, with PROXY headers. Absent: none may. */
  readonly proxies: AccessList | undefined;
  /** See worker-memory.ts. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Laid out by `serverLayout` for the fleet's POPs. */
  readonly counters: CounterBlock;
  /** See deaths-block.ts. */
  readonly deaths: Int32Array<SharedArrayBuffer>;
  readonly rateLimit: RateLimitData | undefined;
  /** See drop-samples.ts. */
  readonly samples: SharedArrayBuffer;
  /** See query-samples.ts. */
  readonly queries: SharedArrayBuffer;
  /** See demand-table.ts. */
  readonly demand: Uint32Array<SharedArrayBuffer>;
}

/** Supervisor to worker; a worker that waits in the kernel looks for them when its MAIL word changes. */
export type ToWorker =
  /** Once, before it answers; any other may come before and after. */
  | ({ readonly kind: 'work' } & WorkerPlace)
  | ({ readonly kind: 'table' } & TableBytes)
  /** The table that was being made for the start is none: steered names wait for another. */
  | { readonly kind: 'no-table' }
  | { readonly kind: 'zones'; readonly bytes: Uint8Array<SharedArrayBuffer> }
  | { readonly kind: 'clients'; readonly bytes: Uint8Array<SharedArrayBuffer> }
  | { readonly kind: 'drops'; readonly drops: AddressSet | undefined }
  /** For those that speak TLS: what connections that begin from now on are given. */
  | { readonly kind: 'credentials'; readonly credentials: Credentials }
  /** For those that have sockets of their own: accept no more, and end when the last connection is closed. */
  | { readonly kind: 'drain' }
  /** What is given of one zone to those who transfer it. */
  | { readonly kind: 'transfer-zone'; readonly zone: TransferZone }
  /** The zone at this apex is given to nobody any more. */
  | { readonly kind: 'drop-transfer-zone'; readonly origin: Uint8Array }
  | { readonly kind: 'stop' };

/** Worker to supervisor. */
export type FromWorker =
  /** Its images are open; it waits for its place. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'serving'; readonly addresses: readonly ListenAddress[] }
  /** It cannot go on, for a reason that the operator must mend; it ends by itself. */
  | { readonly kind: 'refused'; readonly code: OperatorErrorCode; readonly problems: readonly Problem[] }
  | { readonly kind: 'table-taken'; readonly epoch: number }
  /** Somebody who may says that a zone changed elsewhere: its key in the book of transfers. */
  | { readonly kind: 'notified'; readonly zone: string }
  /** It keeps what it had: the table, the zones or the clients. */
  | { readonly kind: 'image-refused'; readonly reason: string };

/** What the mapper thread is started with. */
export interface MapperSetup {
  readonly clients: Uint8Array<SharedArrayBuffer>;
  readonly fleetDigest: number;
  readonly placesDigest: number;
  /** Service groups that a steering image must have at least: those that the services name. */
  readonly groups: number;
  /** Queries are answered meanwhile, here or by the process that this one replaces: they go first. */
  readonly othersAnswer: boolean;
}

/** To the mapper thread. It does one at a time, in order. */
export type ToMapper =
  | { readonly kind: 'map'; readonly image: Uint8Array }
  | { readonly kind: 'clients'; readonly bytes: Uint8Array<SharedArrayBuffer> };

/** From the mapper thread: one for each `map`. */
export type FromMapper =
  | ({ readonly kind: 'mapped'; readonly epoch: number; readonly buildMs: number } & TableBytes)
  | { readonly kind: 'refused'; readonly reason: string };
