/** Sites (pairs of a place and an AS number) being numbered as they are met. */
export interface Sites {
  /** Number of a pair: the next one if it is new. */
  readonly idOf: (placeId: number, asn: number) => number;
  readonly finish: () => { readonly sitePlace: Uint32Array; readonly siteAsn: Uint32Array };
}

const INITIAL_SITES = 1 << 14;

/** No sites yet. */
export function createSites(): Sites {
  let room = INITIAL_SITES;
  let sitePlace = new Uint32Array(room);
  let siteAsn = new Uint32Array(room);
  /** 1 + the site, by hash of the pair; 0: free. At most half full. */
  let slots = new Uint32Array(room * 2);
  let count = 0;
  const slotOf = (placeId: number, asn: number): number => {
    const mask = slots.length - 1;
    let slot = (Math.imul(Math.imul(asn, 0x9e3779b1) ^ placeId, 0x85ebca6b) >>> 9) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const site = (slots[slot] as number) - 1;
      if (site < 0 || (sitePlace[site] === placeId && siteAsn[site] === asn)) return slot;
    }
  };
  const grow = (): void => {
    room *= 2;
    sitePlace = extended(sitePlace, room);
    siteAsn = extended(siteAsn, room);
    slots = new Uint32Array(room * 2);
    for (let site = 0; site < count; site++)
      slots[slotOf(sitePlace[site] as number, siteAsn[site] as number)] = site + 1;
  };
  return {
    idOf: (placeId, asn) => {
      let slot = slotOf(placeId, asn);
      if (slots[slot] !== 0) return (slots[slot] as number) - 1;
      if (count === room) {
        grow();
        slot = slotOf(placeId, asn);
      }
      sitePlace[count] = placeId;
      siteAsn[count] = asn;
      slots[slot] = ++count;
      return count - 1;
    },
    finish: () => ({ sitePlace: sitePlace.slice(0, count), siteAsn: siteAsn.slice(0, count) }),
  };
}

function extended(from: Uint32Array<ArrayBuffer>, room: number): Uint32Array<ArrayBuffer> {
  const to = new Uint32Array(room);
  to.set(from);
  return to;
}
