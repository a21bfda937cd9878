import { formatPrefix } from '../base/address.ts';
import type { CounterSnapshot } from '../base/counters.ts';
import { networkOfKey } from '../base/network-key.ts';
import type { DemandView } from '../console/api-demand.ts';
import { emptyLocated } from '../geo/client-image.ts';
import type { NameServer } from '../server/supervisor.ts';
import { locateDemand } from './located-demand.ts';
import type { World } from './world.ts';

/** Networks that the metric names: its label values come and go, so there must be few. */
const METRIC_ROWS = 20;

/** Who asks for what, in words, the busiest first. */
export function demandView(world: World, nameServer: Pick<NameServer, 'demand'>, max: number): DemandView {
  const { places, config, locator } = world;
  const { cells, cellCount, qps, overflowQps } = nameServer.demand(max);
  const located = emptyLocated();
  const rows = cells.map(({ leafKey, serviceIndex, qps: own, ...cell }) => {
    const { placeId, asn } = locateDemand(locator, { leafKey, ...cell }, located);
    const [country = '', name = ''] = [places.country[placeId], places.name[placeId]];
    const service = config.services[serviceIndex]?.name;
    const place = country === '' || name === country ? name : `${name}, ${country}`;
    return {
      place,
      key: places.key[placeId] ?? '',
      asn,
      ...(leafKey >= 0 && { network: formatPrefix(networkOfKey(leafKey)) }),
      ...(service !== undefined && { service }),
      qps: own,
    };
  });
  return { qps, cells: cellCount, overflowQps, rows };
}

/** The busiest as metrics. */
export function demandCounters(world: World, nameServer: Pick<NameServer, 'demand'>): CounterSnapshot {
  const { rows, cells, overflowQps } = demandView(world, nameServer, METRIC_ROWS);
  const single = (name: string, help: string, value: number) => {
    return { name, help, kind: 'gauge', labels: [], samples: [{ values: [], value }] } as const;
  };
  const samples = rows.map(({ key, asn, network, service = '', qps }) => {
    return { values: [key, network ?? (asn === 0 ? '' : `AS${asn}`), service], value: qps };
  });
  return {
    families: [
      {
        name: 'isochrone_dns_demand_queries_per_second',
        help: `Queries a second of the ${METRIC_ROWS} busiest client networks, from samples.`,
        kind: 'gauge',
        labels: ['place', 'network', 'service'],
        samples,
      },
      single('isochrone_dns_demand_networks', 'Client networks and services that asked lately.', cells),
      single(
        'isochrone_dns_demand_overflow_queries_per_second',
        'Queries a second of networks that found no room in the demand tables.',
        overflowQps,
      ),
    ],
    histograms: [],
  };
}
