import type { TransferHandler } from '../../src/server/handler.ts';

/** Octets of each message of a counted transfer. */
export const COUNTED_OCTETS = 20_000;

/** As many messages as octets 1 and 2 of the query say, each of which begins with its number. */
export const countedTransfer: TransferHandler = (query) => {
  const view = new DataView(query.buffer, query.byteOffset);
  const count = view.getUint16(1);
  let sent = 0;
  return {
    next: (out) => {
      if (sent === count) return 0;
      out.fill(0, 0, COUNTED_OCTETS);
      new DataView(out.buffer, out.byteOffset).setUint32(0, sent++);
      return COUNTED_OCTETS;
    },
    close: () => {},
  };
};
