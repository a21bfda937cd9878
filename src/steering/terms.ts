import type { SteeringParams } from './params.ts';
import type { DownBy } from './quorum.ts';
import { emptyPopTerms, type PopTerms } from './score.ts';

/** What the decision knew of a POP: in the image, so that any name server can explain any answer. */
export interface PopTermsRecord {
  readonly code: string;
  readonly state: 'up' | 'down' | 'drained';
  /** Why it is not up; '' when it is. */
  readonly why: string;
  /** What says that it is down, also while it is drained; absent: nothing does. */
  readonly downBy?: DownBy;
  /** Standing 0..0.5 of its agent, whose times are held to what the others' allow; absent: it is believed. */
  readonly agentStanding?: number;
  readonly shiftMs: number;
  readonly priorBiasMs: number;
  readonly lossMs: number;
  readonly congestionMs: number;
  readonly priceMs: number;
  /**
   * Requests/s: reported (absent without a report), that it expects soon (absent: as many), that it can
   * serve, of others, and left for steering.
   */
  readonly reportedRps?: number;
  readonly expectedRps?: number;
  readonly capacityRps: number;
  readonly externalRps: number;
  readonly availableRps: number;
  /** Share 0..1 of all demand that the rows send there. */
  readonly share: number;
}

export interface LinkTermsRecord {
  readonly id: string;
  readonly congestionMs: number;
  /** It shares its POP's clients: it is the POP's best link or close to it. */
  readonly shared: boolean;
}

export interface GroupTermsRecord {
  readonly name: string;
  /** Positions in the fleet of the POPs that serve it, and the operator's bias of each, ms. */
  readonly pops: readonly number[];
  readonly biasMs: readonly number[];
  /** None of its POPs is up: answered as if all were. */
  readonly failOpen: boolean;
  /** What decides in place of the score, in words; absent: nothing does. */
  readonly policy?: string;
}

/** The terms of a decision that are not of one cell. POPs and links in the fleet's order. */
export interface SteeringTerms {
  readonly params: SteeringParams;
  readonly pops: readonly PopTermsRecord[];
  readonly links: readonly LinkTermsRecord[];
  readonly groups: readonly GroupTermsRecord[];
}

/** UTF-8 JSON for the image. */
export function encodeTerms(terms: SteeringTerms): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(terms));
}

/** The terms in an image; not for the query path. */
export function decodeTerms(termsText: Uint8Array): SteeringTerms {
  // The image's checksum and version vouch for the form. The copy is because decoders refuse shared memory.
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(termsText))) as SteeringTerms;
}

/** The terms by POP in the form that the score reads. */
export function popTermsOf(terms: SteeringTerms): PopTerms {
  const arrays = emptyPopTerms(terms.pops.length);
  for (const [pop, record] of terms.pops.entries()) {
    arrays.shiftMs[pop] = record.shiftMs;
    arrays.priorBiasMs[pop] = record.priorBiasMs;
    arrays.lossMs[pop] = record.lossMs;
    arrays.congestionMs[pop] = record.congestionMs;
    arrays.priceMs[pop] = record.priceMs;
  }
  return arrays;
}
