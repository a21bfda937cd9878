import type { SteeringImage } from '../steering/image.ts';
import { decodeTerms, type SteeringTerms } from '../steering/terms.ts';
import type { World } from './world.ts';

/** The steering table that this process answers from, as the main thread sees it. */
export interface TableInUse {
  /**
   * Takes an image that is whole and made for this fleet, these places and services; or says what is wrong
   * with it.
   */
  readonly take: (bytes: Uint8Array, origin: string) => string | undefined;
  readonly image: () => SteeringImage | undefined;
  /** What the decision knew; decoded when first asked for. */
  readonly terms: () => SteeringTerms | undefined;
  /** Who made it: `controller`, `store`, `snapshot`, `geography`. */
  readonly origin: () => string;
}

/** Nothing in use yet. `onTaken` passes an image on to the serving threads. */
export function createTableInUse(world: World, onTaken: (bytes: Uint8Array) => void): TableInUse {
  const { context, setImage } = world.answering;
  let terms: SteeringTerms | undefined;
  let origin = '';
  return {
    take: (bytes, from) => {
      const before = context.steering;
      const image = setImage(bytes);
      if (typeof image === 'string') return image;
      if (image.groupCount !== world.groups.length) {
        context.steering = before;
        return 'made for other services';
      }
      terms = undefined;
      origin = from;
      onTaken(bytes);
      return undefined;
    },
    image: () => context.steering,
    terms: () => {
      if (context.steering !== undefined) terms ??= decodeTerms(context.steering.termsText);
      return terms;
    },
    origin: () => origin,
  };
}
