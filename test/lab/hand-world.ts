import { readWorld, type WorldSource } from '../../src/lab/read-world.ts';
import { WORLD_FILES, type World, type WorldFile } from '../../src/lab/world.ts';

/**
 * A world small enough to reckon with: three POPs, four cells, of which the database puts the second on the
 * wrong continent and has no location for the last. Every RTT is its least, without noise.
 */
export const HAND_TEXTS: Readonly<Record<WorldFile, string>> = {
  'world.json': '{ "name": "hand", "tickSeconds": 10, "ticks": 12, "seed": 1, "source": "made by hand" }\n',
  'pops.csv': 'pop,lat,lon,capacityRps\nEAST,40,-74,1000\nWEST,37,-122,1000\nFAR,1,104,1000\n',
  'cells.csv': [
    'cell,prefix,lat,lon,country,city,demandRps,lastMileMs',
    'boston,10.0.0.0/24,42,-71,US,Boston,100,0',
    'oakland,10.0.1.0/24,41,-73,US,Oakland,100,0',
    'johor,2001:db8:1::/48,1.5,103.7,MY,Johor,100,0',
    'nowhere,10.0.3.0/24,,,,,100,0',
    '',
  ].join('\n'),
  'rtt.csv': [
    'cell,pop,fromTick,rttMs,minMs,jitterMs,lossRate',
    'boston,EAST,0,10,10,0,0',
    'boston,WEST,0,70,70,0,0',
    'boston,FAR,0,220,220,0,0',
    'oakland,EAST,0,65,65,0,0',
    'oakland,WEST,0,25,25,0,0',
    'oakland,FAR,0,180,180,0,0',
    'johor,EAST,0,230,230,0,0',
    'johor,WEST,0,190,190,0,0',
    'johor,FAR,0,4,4,0,0',
    'nowhere,EAST,0,50,50,0,0',
    'nowhere,WEST,0,40,40,0,0',
    'nowhere,FAR,0,90,90,0,0',
    '',
  ].join('\n'),
  'events.csv': 'tick,event,pop,cell,value\n',
};

/** The texts with some of them replaced, as a source. */
export function handSource(changed: Partial<Record<WorldFile, string>> = {}): WorldSource {
  const texts = { ...HAND_TEXTS, ...changed };
  return { folder: 'hand', texts: new Map(WORLD_FILES.map((name) => [name, texts[name]])) };
}

export function handWorld(changed: Partial<Record<WorldFile, string>> = {}): World {
  return readWorld(handSource(changed));
}
