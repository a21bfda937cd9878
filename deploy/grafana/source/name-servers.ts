import type { DashboardBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { dashboard, rows, series } from './panels.ts';

const OF = '{instance=~"$instance"}';

const per = (name: string, by = ''): string => `sum${by} (rate(${name}${OF}[$__rate_interval]))`;

const QUERIES = [
  series({
    title: 'Queries by transport',
    says: 'Queries answered a second.',
    unit: 'reqps',
    stacked: true,
    queries: [{ expr: per('isochrone_dns_queries_total', ' by (transport)'), legend: '{{transport}}' }],
  }),
  series({
    title: 'Dropped in silence, by reason',
    says: 'Datagrams that got no answer: malformed, of the drop list, over a rate.',
    unit: 'reqps',
    stacked: true,
    queries: [
      { expr: `${per('isochrone_dns_drops_total', ' by (reason)')} or vector(0)`, legend: '{{reason}}' },
    ],
  }),
  series({
    title: 'Rate limited',
    says: 'Responses over UDP that were too many for their client: dropped, or sent empty with TC.',
    unit: 'reqps',
    stacked: true,
    queries: [
      {
        expr: `${per('isochrone_dns_rate_limited_total', ' by (action)')} or vector(0)`,
        legend: '{{action}}',
      },
    ],
  }),
  series({
    title: 'Octets',
    says: 'Octets of DNS messages a second, in and out, without framing. Their ratio is the amplification.',
    unit: 'Bps',
    queries: [{ expr: per('isochrone_dns_octets_total', ' by (direction)'), legend: '{{direction}}' }],
  }),
];

const THREADS = [
  series({
    title: 'Processor time by thread',
    says: 'Share of a core that each serving thread takes. Near 1: add threads or machines.',
    unit: 'percentunit',
    line: 0.9,
    queries: [
      {
        expr: `rate(isochrone_dns_worker_cpu_seconds_total${OF}[$__rate_interval])`,
        legend: '{{instance}} {{worker}}',
      },
    ],
  }),
  series({
    title: 'Datagrams a system call',
    says: 'Mean size of a batch: 1 where there is time, up to 64 under load.',
    unit: 'none',
    queries: [
      {
        expr: `${per('isochrone_dns_batch_datagrams_sum')} / ${per('isochrone_dns_batch_datagrams_count')}`,
        legend: 'datagrams',
      },
    ],
  }),
  series({
    title: 'Threads that died',
    says: 'Threads put in the place of dead ones. The log says of what each died.',
    unit: 'none',
    queries: [
      {
        expr: `sum by (instance) (increase(isochrone_dns_worker_restarts_total${OF}[$__rate_interval]))`,
        legend: '{{instance}}',
      },
      { expr: `sum by (instance) (isochrone_dns_banned_queries${OF})`, legend: 'banned {{instance}}' },
    ],
  }),
  series({
    title: 'Memory',
    says: 'Resident memory of the process; images are shared by its threads.',
    unit: 'bytes',
    queries: [
      {
        expr: `process_resident_memory_bytes${OF} and on (instance) isochrone_build_info{role=~"up|serve"}`,
        legend: '{{instance}}',
      },
    ],
  }),
];

const TCP_AND_TABLES = [
  series({
    title: 'TCP connections',
    says: 'Open now.',
    unit: 'none',
    queries: [{ expr: `sum by (instance) (isochrone_dns_tcp_connections${OF})`, legend: '{{instance}}' }],
  }),
  series({
    title: 'Age of the table in use',
    says: 'Saw teeth of 10 s are well. A slope: nobody decides, or the store is away.',
    unit: 's',
    line: 30,
    queries: [{ expr: `isochrone_table_age_seconds${OF}`, legend: '{{instance}}' }],
  }),
];

/** What the sockets and threads of name servers do. */
export function nameServers(): DashboardBuilder {
  return rows(
    dashboard('name-servers', {
      title: 'Name servers',
      says: 'Queries by transport, what is dropped and why, and how busy threads are.',
    }),
    [
      ['Queries', QUERIES],
      ['Threads', THREADS],
      ['TCP and tables', TCP_AND_TABLES],
    ],
  );
}
