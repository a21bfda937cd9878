import { type ClientImage, openClientImage } from '../geo/client-image.ts';
import type { Ground } from './ground.ts';
import type { LoadedImage } from './images.ts';

/** The client image in use, in a process that answers no queries. */
export interface ClientsInUse {
  readonly image: () => ClientImage;
  readonly loaded: () => LoadedImage;
  /** Takes another into use, or says what is wrong with it. */
  readonly set: (made: LoadedImage) => ClientImage | string;
}

/** Opens the image. What was loaded is whole: a fault is a programmer's error. */
export function clientsInUse({ places }: Pick<Ground, 'places'>, first: LoadedImage): ClientsInUse {
  const open = (made: LoadedImage): ClientImage | string =>
    openClientImage(made.bytes, { placesDigest: places.digest });
  let loaded = first;
  const opened = open(first);
  if (typeof opened === 'string') throw new Error(`the client image is refused: ${opened}`);
  let image = opened;
  return {
    image: () => image,
    loaded: () => loaded,
    set: (made) => {
      const next = open(made);
      if (typeof next === 'string') return next;
      loaded = made;
      image = next;
      return next;
    },
  };
}
