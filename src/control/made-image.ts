import type { Decider } from '../steering/decider.ts';
import { createImageEncoder, type ImageEncoder } from '../steering/image-encode.ts';

/** A table ready to be answered from, published and saved. */
export interface MadeImage {
  readonly epoch: number;
  readonly bytes: Uint8Array<SharedArrayBuffer>;
}

/**
 * Packs the decider's table, if its guard lets it pass; else says why not. The encoder is the one that packed
 * the tables before.
 */
export function makeImage(
  decider: Decider,
  encoder: ImageEncoder,
  stamp: { epoch: number; nowMs: number },
): MadeImage | readonly string[] {
  const reasons = decider.guard();
  if (reasons.length > 0) return reasons;
  return { epoch: stamp.epoch, bytes: encoder.encode(decider.parts(stamp.epoch, stamp.nowMs)) };
}

/** A first table from geography alone, epoch 0, for a name server that finds neither store nor snapshot. */
export function imageFromGeography(decider: Decider, nowMs: number): MadeImage | readonly string[] {
  decider.tick({ nowMs, samples: [], reports: [], overrides: [] });
  return makeImage(decider, createImageEncoder(), { epoch: 0, nowMs });
}
