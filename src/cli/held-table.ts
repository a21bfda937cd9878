import type { MadeImage } from '../control/made-image.ts';
import { type ImageSource, openImage, type SteeringImage } from '../steering/image.ts';
import { decodeTerms, type SteeringTerms } from '../steering/terms.ts';

/** The newest steering table, in a process that does not answer from it. */
export interface HeldTable {
  readonly hold: (image: Pick<MadeImage, 'bytes'>, origin: string) => void;
  /** Opened when first asked for. */
  readonly image: () => SteeringImage | undefined;
  /** What the decision knew; decoded when first asked for. */
  readonly terms: () => SteeringTerms | undefined;
  /** Who made it: `controller`, `store`. */
  readonly origin: () => string;
}

/** Holds none yet. */
export function createHeldTable(expected: ImageSource): HeldTable {
  let bytes: Uint8Array | undefined;
  let heldOrigin = '';
  let opened: SteeringImage | undefined;
  let terms: SteeringTerms | undefined;
  const image = (): SteeringImage | undefined => {
    if (bytes === undefined || opened !== undefined) return opened;
    const read = openImage(bytes, expected);
    if (typeof read === 'string')
      throw new Error(`a table that was made or checked here is refused: ${read}`);
    opened = read;
    return opened;
  };
  return {
    hold: (made, origin) => {
      bytes = made.bytes;
      heldOrigin = origin;
      opened = undefined;
      terms = undefined;
    },
    image,
    terms: () => {
      const held = image();
      if (held !== undefined) terms ??= decodeTerms(held.termsText);
      return terms;
    },
    origin: () => heldOrigin,
  };
}
