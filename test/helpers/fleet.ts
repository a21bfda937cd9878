import type { Fleet, Link, Pop } from '../../src/base/fleet.ts';
import { hashText } from '../../src/base/random.ts';

const CITIES = [
  { code: 'FRA', city: 'Frankfurt', country: 'DE', region: 'eu-central', latitude: 50.03, longitude: 8.57 },
  { code: 'AMS', city: 'Amsterdam', country: 'NL', region: 'eu-west', latitude: 52.31, longitude: 4.76 },
  { code: 'JFK', city: 'New York', country: 'US', region: 'us-east', latitude: 40.64, longitude: -73.78 },
  { code: 'GRU', city: 'São Paulo', country: 'BR', region: 'sa-east', latitude: -23.43, longitude: -46.47 },
  { code: 'NRT', city: 'Tokyo', country: 'JP', region: 'ap-east', latitude: 35.77, longitude: 140.39 },
  { code: 'SYD', city: 'Sydney', country: 'AU', region: 'oc-east', latitude: -33.95, longitude: 151.18 },
];

/**
 * A fleet of six POPs on six continents but one, two links each: link k of POP N is 127.`octet`.N.k, both
 * from 1.
 */
export function smallFleet(octet = 65): Fleet {
  const pops = CITIES.map((place, index): Pop => {
    const links = ['a', 'b'].map(
      (letter, k): Link => ({
        id: `${place.code}-${letter}`,
        index: index * 2 + k,
        popIndex: index,
        transit: k === 0 ? 'Northlight' : 'Meridian',
        capacityMbps: 1_000,
        ipv4: `127.${octet}.${index + 1}.${k + 1}`,
      }),
    );
    return { ...place, index, capacityRps: 10_000, biasMs: 0, links };
  });
  const links = pops.flatMap((pop) => pop.links);
  return { pops, links, digest: hashText(links.map(({ id }) => id).join()) };
}
