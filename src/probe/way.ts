/** One way to measure a round-trip time. */
export interface Way {
  /** One ping: ms; undefined: nobody answered in time. Never rejects. */
  readonly ping: (to: PingAddress, timeoutMs: number) => Promise<number | undefined>;
  readonly close: () => void;
}

/** Whom to ask. */
export interface PingAddress {
  /** IP address in presentation form. */
  readonly address: string;
  readonly port: number;
}

/** A way, or why there is none here, for people. */
export type WayResult = Way | { readonly declined: string };

/** Closes them all. */
export function closeAll(parts: readonly { readonly close: () => void }[]): void {
  for (const { close } of parts) close();
}
