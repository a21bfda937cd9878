import type { Address } from '../base/address.ts';
import type { ClientInfo, Located } from './client-image.ts';

/** Finds where addresses are, with whichever client image is in use at the time of each call. */
export interface Locator extends ClientInfo {
  /** Allocates nothing. */
  readonly locate: (address: Address, into: Located) => void;
}
