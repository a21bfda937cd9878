import type { CounterBlock } from '../base/counters.ts';
import type { OperatorErrorCode, Problem } from '../base/errors.ts';
import type { AnswerData } from './answering.ts';
import type { ListenAddress } from './handler.ts';
import type { TcpLimits } from './tcp.ts';

/** What a worker is started with. */
export interface WorkerSetup {
  readonly data: AnswerData;
  readonly listen: readonly ListenAddress[];
  readonly reusePort: boolean;
  readonly tcpLimits: TcpLimits;
  readonly recvBufferOctets: number;
  /** Laid out by `serverLayout` for the fleet's POPs. */
  readonly counters: CounterBlock;
  /** The image to start with, if there is one. */
  readonly image: Uint8Array | undefined;
}

/** Supervisor to worker. */
export type ToWorker =
  | { readonly kind: 'image'; readonly bytes: Uint8Array }
  | { readonly kind: 'geo'; readonly geo: AnswerData['geo'] }
  | { readonly kind: 'stop' };

/** Worker to supervisor. */
export type FromWorker =
  | { readonly kind: 'listening'; readonly addresses: readonly ListenAddress[] }
  /** It cannot start, for a reason that the operator must mend; it ends by itself. */
  | { readonly kind: 'refused'; readonly code: OperatorErrorCode; readonly problems: readonly Problem[] }
  | { readonly kind: 'image-taken'; readonly epoch: number }
  | { readonly kind: 'image-refused'; readonly reason: string };
