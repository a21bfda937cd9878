import type { Address } from '../../base/address.ts';

/** What rules look at. Texts hold octets, one a character from U+0000 to U+00FF. */
export interface WafRequest {
  readonly method: string;
  /** As in the request target, up to the `?`. */
  readonly path: string;
  /** After the `?`; '' when there is none. */
  readonly query: string;
  /** In the order received, names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly client: Address;
  /** The first octets of the body, as many as `bodyOctetsMax` of the ACL says. */
  readonly body: string;
  /** False when the body goes on. */
  readonly bodyIsWhole: boolean;
}

/** What is known of where an address is; '' and 0: nothing. */
export interface Whereabouts {
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
  readonly asn: number;
}

/** One request on its way through the rules. */
export interface Run {
  readonly request: WafRequest;
  /** Code of the POP that has it: each counts rates for itself. */
  readonly pop: string;
  /** Wall-clock time, ms since 1970. */
  readonly nowMs: number;
  readonly whereabouts: (address: Address) => Whereabouts;
  /** Labels so far, fully qualified. */
  readonly labels: Set<string>;
  /** Parts of the request, read and transformed once, however many rules look at them. */
  readonly inspected: Map<string, Inspected>;
}

/** What a statement looks at: any of the parts may match. */
export interface Inspected {
  readonly parts: readonly string[];
  /** The statement's result, whatever the parts hold: the request is too large, or not of the form. */
  readonly instead?: boolean;
}

/** The part of a request that a statement looks at. */
export interface Field {
  readonly read: (run: Run) => Inspected;
  /** It is the body. */
  readonly isBody: boolean;
  /** The statement costs twice as much. */
  readonly isDouble: boolean;
  /** It costs so much more, in capacity units. */
  readonly extra: number;
}

/** Whether a request is one that the statement means. */
export type Matcher = (run: Run) => boolean;

/** A statement, ready to run. */
export interface Statement {
  readonly matches: Matcher;
  /** Web ACL capacity units. */
  readonly capacity: number;
  /** It looks at the body. */
  readonly needsBody: boolean;
}
