import type { Thresholds } from './check-state.ts';

/** How the service of a POP is checked. */
export interface CheckSpec extends Thresholds {
  readonly kind: 'http' | 'https' | 'tcp' | 'dns';
  readonly port: number;
  /** From the start of one check to that of the next, and what one may take; ms. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** HTTP: target, the name in `Host` and SNI, statuses that are good, text that the body must hold. */
  readonly path: string;
  readonly host?: string | undefined;
  readonly status: readonly number[];
  readonly text?: string | undefined;
  /** HTTPS: whether the certificate must be valid for the host. */
  readonly verify: boolean;
  /** HTTP: one connection for many checks. */
  readonly keepAlive: boolean;
  /** DNS: what is asked, and the response code that is good. */
  readonly question: { readonly name: string; readonly type: string };
  readonly rcode: string;
}

/** A check of one address, again and again. */
export interface Check {
  /**
   * Checks once. `done` is called once, with '' or what failed, unless the function that is returned was
   * called before: it ends the check and frees what that holds.
   */
  readonly start: (done: (fault: string) => void) => () => void;
  readonly close: () => void;
}
