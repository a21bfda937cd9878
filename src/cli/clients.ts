import { formatTable } from '../base/text-table.ts';
import { type Places, readPlaces } from '../geo/places.ts';
import type { StandIn } from '../netmodel/stand-ins.ts';
import { type Command, EXIT_FAILED, EXIT_OK, hasFlag } from './command.ts';
import { formatCount } from './format.ts';
import { readGeoData } from './geo-files.ts';
import { readStandIns } from './real-delays.ts';

/** Places that are shown where nothing was asked for. */
const PLACES_SHOWN = 30;
/** Networks that are shown without --all. */
const SHOWN_MAX = 100;

export const clientsCommand: Command = {
  operands: '[WORD...]',
  operandsMin: 0,
  operandsMax: 8,
  description:
    'Lists client networks of the modelled internet, each with the address of this machine that stands ' +
    'for it: what a program sends from there, `isochrone up --real-delays` answers as to that network, ' +
    'after as many milliseconds as it is away. Any other address of the same /24 does as well. WORDs ' +
    'choose: a country code, a part of a city, of an AS name, of a network or of an address; all must ' +
    `be met. Without WORDs: the largest network of each of the ${PLACES_SHOWN} places with the most demand.`,
  options: {
    all: { type: 'boolean', help: `all that are met, not only the ${SHOWN_MAX} with the most demand` },
  },
  examples: [
    ['clients', 'large cities'],
    ['clients BR sao paulo', 'networks in São Paulo'],
    ['clients 127.195.7.1', 'whom an address stands for'],
  ],
  run: async ({ operands, flags, json, terminal }) => {
    const { text, file } = readGeoData('places.csv');
    const places = readPlaces(text, file);
    const rows = readStandIns()
      .map((standIn) => rowOf(standIn, places))
      .toSorted((one, other) => other.weight - one.weight);
    const met = rows.filter((row) => operands.every((word) => isMet(row, plain(word))));
    const largest = operands.length > 0 || hasFlag(flags, 'all') ? met : largestOfPlaces(met);
    const shown = hasFlag(flags, 'all') ? largest : largest.slice(0, SHOWN_MAX);
    if (json) terminal.out(JSON.stringify({ clients: shown, met: met.length }, undefined, 2));
    else if (met.length === 0) terminal.err(`no client network has ${operands.join(' and ')}`);
    else for (const line of linesOf(shown, met.length)) terminal.out(line);
    return met.length === 0 ? EXIT_FAILED : EXIT_OK;
  },
};

/** A network as it is shown. */
interface ClientRow {
  readonly address: string;
  readonly network: string;
  readonly city: string;
  readonly country: string;
  readonly asn: number;
  readonly asName: string;
  /** Share of all demand, 0..1. */
  readonly weight: number;
}

function rowOf({ address, network }: StandIn, places: Places): ClientRow {
  const id = places.idOf(network.placeKey);
  const { prefixText, asn, asName, weight } = network;
  const [city = '', country = ''] = [places.name[id], places.country[id]];
  return { address, network: prefixText, city, country, asn, asName, weight };
}

function isMet({ address, network, city, country, asn, asName }: ClientRow, word: string): boolean {
  if (/^[a-z]{2}$/.test(word)) return plain(country) === word;
  // The last number of an address says nothing: all of the /24 stands for the network.
  const isAddress = /^127(?:\.\d+){3}$/.test(word);
  if (isAddress) return word.replace(/\d+$/, '') === address.replace(/\d+$/, '');
  return [address, network, plain(city), plain(asName), `as${asn}`].some((text) => text.includes(word));
}

/** Small letters without marks: `São Paulo` is found by `sao`. */
function plain(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase();
}

/** The largest network of each place, those places first that have the most demand. */
function largestOfPlaces(rows: readonly ClientRow[]): ClientRow[] {
  const places = Map.groupBy(rows, ({ city, country }) => `${city}, ${country}`);
  const demand = (all: readonly ClientRow[]): number => all.reduce((sum, { weight }) => sum + weight, 0);
  return [...places.values()]
    .toSorted((one, other) => demand(other) - demand(one))
    .slice(0, PLACES_SHOWN)
    .flatMap(([largest]) => largest ?? []);
}

function linesOf(rows: readonly ClientRow[], met: number): string[] {
  const columns = [{ title: 'ADDRESS' }, { title: 'STANDS FOR' }, { title: 'PLACE' }, { title: 'AS' }];
  const cells = rows.map(({ address, network, city, country, asn, asName }) => [
    address,
    network,
    `${city}, ${country}`,
    `${asn} ${asName}`,
  ]);
  const more = met - rows.length;
  return [
    ...formatTable(columns, cells),
    ...(more > 0 ? [`and ${formatCount(more)} more networks: name a place, or --all`] : []),
  ];
}
