import { collectGarbage } from '../server/engine.ts';
import type { MappedTable } from '../server/mapper.ts';
import { openImage, type SteeringImage } from '../steering/image.ts';
import { decodeTerms, type SteeringTerms } from '../steering/terms.ts';
import type { World } from './world.ts';

/** The steering table that this process answers from, as the main thread sees it. */
export interface TableInUse {
  /**
   * Hands an image on that is whole and made for this fleet, these places and services; or says what is wrong
   * with it. It is in use once its row map is built.
   */
  readonly take: (bytes: Uint8Array, origin: string) => string | undefined;
  /** The serving threads answer from this table from now on, and so does `explain`. */
  readonly taken: (table: MappedTable) => void;
  readonly image: () => SteeringImage | undefined;
  /** What the decision knew; decoded when first asked for. */
  readonly terms: () => SteeringTerms | undefined;
  /** Who made it: `controller`, `store`, `snapshot`, `geography`. */
  readonly origin: () => string;
  /** Its row map: what building it took, and how long it is. */
  readonly rowMap: () => { readonly buildMs: number; readonly octets: number };
}

/** Tables replaced since memory was given back may be so long together, octets. */
const REPLACED_OCTETS_MAX = 256 << 20;
/** Images whose row maps are not built yet: the name server keeps the newest alone. */
const OFFERED_MAX = 8;

/** Nothing in use yet. `offer` passes an image on to be mapped. */
export function createTableInUse(world: World, offer: (bytes: Uint8Array) => void): TableInUse {
  const { answering, config, places, groups } = world;
  const expected = { fleetDigest: config.fleet.digest, placesDigest: places.digest };
  const offered: { readonly epoch: number; readonly origin: string }[] = [];
  let terms: SteeringTerms | undefined;
  let origin = '';
  let replacedOctets = 0;
  let rowMap = { buildMs: 0, octets: 0 };
  const image = (): SteeringImage | undefined => answering.context.table?.image;
  return {
    take: (bytes, from) => {
      const opened = openImage(bytes, expected);
      if (typeof opened === 'string') return opened;
      if (opened.groupCount !== groups.length) return 'made for other services';
      offered.push({ epoch: opened.epoch, origin: from });
      if (offered.length > OFFERED_MAX) offered.shift();
      offer(bytes);
      return undefined;
    },
    taken: (table) => {
      const opened = answering.setTable(table.image, table.rows);
      if (typeof opened === 'string') throw new Error(`the table in use is refused here: ${opened}`);
      origin = offered.findLast(({ epoch }) => epoch === table.epoch)?.origin ?? origin;
      rowMap = { buildMs: table.buildMs, octets: table.rows.length };
      terms = undefined;
      replacedOctets += table.image.length + table.rows.length;
      if (replacedOctets < REPLACED_OCTETS_MAX) return;
      replacedOctets = 0;
      collectGarbage('all');
    },
    image,
    terms: () => {
      const inUse = image();
      if (inUse !== undefined) terms ??= decodeTerms(inUse.termsText);
      return terms;
    },
    origin: () => origin,
    rowMap: () => rowMap,
  };
}
