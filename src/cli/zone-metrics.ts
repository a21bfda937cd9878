import { answer } from '../answer/answer.ts';
import { parseAddress } from '../base/address.ts';
import { must } from '../base/assert.ts';
import type { CounterSnapshot, FamilySnapshot } from '../base/counters.ts';
import type { ZoneSource } from '../config/zone-sources.ts';
import type { FetchCounts, SecondaryView } from '../transfer/secondary.ts';
import { CLASS, TYPE } from '../wire/constants.ts';
import { readSections } from '../wire/records.ts';
import type { KeyState } from '../zone/key-state.ts';
import { serialOf } from '../zone/packed.ts';
import type { World } from './world.ts';
import { apexOf } from './zone-transfers.ts';

/** What is told of zones. */
export interface ZoneFigures {
  readonly secondaries: readonly SecondaryView[];
  /** Absent: no zone comes from elsewhere. */
  readonly fetched: FetchCounts | undefined;
  /** Peers that were told of changes. */
  readonly notified: Readonly<Record<'answered' | 'failed', number>>;
  /** Keys of signed zones, as they were last looked at. */
  readonly keys: ReadonlyMap<string, readonly KeyState[]>;
}

/** Zones that have series of their own, of each family: more would fill a Prometheus. */
const ZONES_TOLD_MAX = 200;
const MESSAGE_MAX = 65_535;

/** How zones stand, for the metrics page. */
export function zoneCounters(
  world: World,
  zones: readonly ZoneSource[],
  figures: ZoneFigures,
): CounterSnapshot {
  const { signed = {} } = world.images.zones.notes;
  return {
    families: [
      zoneKinds(zones),
      gauge(
        'isochrone_zone_serial',
        `SOA serial, of ${ZONES_TOLD_MAX} zones at most.`,
        serials(world, zones),
      ),
      ...secondaryFamilies(figures),
      ...signedFamilies(signed, figures.keys),
    ],
    histograms: [],
  };
}

function gauge(
  name: string,
  help: string,
  samples: FamilySnapshot['samples'],
  labels: readonly string[] = ['zone'],
): FamilySnapshot {
  return { name, help, kind: 'gauge', labels, samples };
}

function counter(
  name: string,
  help: string,
  label: string,
  counts: Readonly<Record<string, number>>,
): FamilySnapshot {
  const samples = Object.entries(counts).map(([result, value]) => ({ values: [result], value }));
  return { name, help, kind: 'counter', labels: [label], samples };
}

function zoneKinds(zones: readonly ZoneSource[]): FamilySnapshot {
  const counts = { file: 0, signed: 0, secondary: 0, catalog: 0, member: 0 };
  for (const { isSecondary, dnssec, catalog } of zones) {
    if (catalog !== undefined) counts[catalog === 'member' ? 'member' : 'catalog']++;
    else counts[isSecondary ? 'secondary' : dnssec === undefined ? 'file' : 'signed']++;
  }
  const samples = Object.entries(counts).map(([kind, value]) => ({ values: [kind], value }));
  const help =
    'Zones by where they come from: a file, one signed here, elsewhere; catalogs, and zones by catalogs.';
  return gauge('isochrone_zone_sources', help, samples, ['source']);
}

/** As zones are called in metrics: in small letters, without the last dot. */
function bare(zone: string): string {
  return zone.toLowerCase().replace(/\.$/, '');
}

/** As who asks for the SOA is told: zones without data have none. */
function serials(world: World, zones: readonly ZoneSource[]): FamilySnapshot['samples'] {
  const out = new Uint8Array(MESSAGE_MAX);
  const client = { address: must(parseAddress('127.0.0.1'), 'it'), port: 53, transport: 'tcp' as const };
  return zones.slice(0, ZONES_TOLD_MAX).flatMap((zone) => {
    const origin = apexOf(zone);
    const query = new Uint8Array(12 + origin.length + 4);
    const view = new DataView(query.buffer);
    view.setUint16(4, 1);
    query.set(origin, 12);
    view.setUint16(12 + origin.length, TYPE.SOA);
    view.setUint16(14 + origin.length, CLASS.IN);
    const length = answer(world.answering.context, query, query.length, client, out);
    const sections = readSections(out.subarray(0, Math.max(0, length)));
    const soa = typeof sections === 'string' ? undefined : sections.answer[0];
    return soa?.type === TYPE.SOA ? [{ values: [bare(zone.origin)], value: serialOf(soa.rdata) }] : [];
  });
}

function secondaryFamilies({ secondaries, fetched, notified }: ZoneFigures): FamilySnapshot[] {
  const told = counter(
    'isochrone_notifies_out_total',
    'Name servers told of changed zones, by whether they answered.',
    'result',
    notified,
  );
  if (fetched === undefined) return [told];
  const states = { current: 0, failing: 0, expired: 0, empty: 0 };
  for (const { serial, isExpired, fault } of secondaries)
    states[
      serial === undefined ? 'empty' : isExpired ? 'expired' : fault === undefined ? 'current' : 'failing'
    ]++;
  // Those that expire first: an alert on any of them is an alert on the worst.
  const urgent = secondaries
    .filter(({ serial }) => serial !== undefined)
    .sort((left, right) => (left.expiresAtMs ?? 0) - (right.expiresAtMs ?? 0))
    .slice(0, ZONES_TOLD_MAX);
  const stamps = (at: (view: SecondaryView) => number | undefined) =>
    urgent.map((view) => ({ values: [bare(view.origin)], value: (at(view) ?? 0) / 1000 }));
  const which = `of the ${ZONES_TOLD_MAX} zones from elsewhere that expire first`;
  return [
    told,
    gauge(
      'isochrone_secondary_zones',
      'Zones from elsewhere by how they stand: confirmed by a primary, not renewed at the last look, ' +
        'expired, or never come.',
      Object.entries(states).map(([state, value]) => ({ values: [state], value })),
      ['state'],
    ),
    gauge(
      'isochrone_zone_confirmed_timestamp_seconds',
      `When a primary last confirmed the copy, Unix time, ${which}.`,
      stamps(({ confirmedAtMs }) => confirmedAtMs),
    ),
    gauge(
      'isochrone_zone_expiry_timestamp_seconds',
      `When the copy expires unless a primary confirms it, Unix time, ${which}.`,
      stamps(({ expiresAtMs }) => expiresAtMs),
    ),
    counter(
      'isochrone_transfers_in_total',
      'Looks at primaries, by what came of them.',
      'result',
      fetched.results,
    ),
    {
      name: 'isochrone_transfer_in_octets_total',
      help: 'Octets of DNS messages from primaries.',
      kind: 'counter',
      labels: [],
      samples: [{ values: [], value: fetched.octets }],
    },
  ];
}

function signedFamilies(
  signed: NonNullable<World['images']['zones']['notes']['signed']>,
  keys: ZoneFigures['keys'],
): FamilySnapshot[] {
  const first = Object.entries(signed)
    .sort(([, left], [, right]) => left.expiresAtS - right.expiresAtS)
    .slice(0, ZONES_TOLD_MAX);
  if (first.length === 0) return [];
  const counts = new Map<string, number>();
  for (const [zone] of first)
    for (const { role, phase, algorithm } of keys.get(zone) ?? []) {
      if (phase === 'removed') continue;
      const name = [bare(zone), role, phase, algorithm].join(' ');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  const which = `of the ${ZONES_TOLD_MAX} signed zones whose signatures expire first`;
  return [
    gauge(
      'isochrone_zone_signature_expiry_timestamp_seconds',
      `When the first signature of the zone expires, Unix time, ${which}.`,
      first.map(([zone, { expiresAtS }]) => ({ values: [bare(zone)], value: expiresAtS })),
    ),
    gauge(
      'isochrone_zone_signing_seconds',
      `What the last signing of the zone took, signatures that were kept among it, ${which}.`,
      first.map(([zone, { tookMs }]) => ({ values: [bare(zone)], value: tookMs / 1000 })),
    ),
    gauge(
      'isochrone_zone_keys',
      `Keys in the zone by role, place in their life and algorithm, ${which}.`,
      [...counts].map(([name, value]) => ({ values: name.split(' '), value })),
      ['zone', 'role', 'phase', 'algorithm'],
    ),
  ];
}
