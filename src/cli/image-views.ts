import type { ImagesView, StatusView, TableView } from '../console/api.ts';
import type { ClientImage } from '../geo/client-image.ts';
import type { NameServer } from '../server/supervisor.ts';
import type { LoadedImage } from './images.ts';
import type { TableInUse } from './table-in-use.ts';
import type { World } from './world.ts';

/** The table in use as `status` and metrics show it; undefined before the first. */
export function tableView(parts: {
  readonly world: World;
  readonly table: TableInUse;
  readonly nowMs: number;
}): TableView | undefined {
  const { table, nowMs } = parts;
  const image = table.image();
  if (image === undefined) return undefined;
  const { buildMs, octets } = table.rowMap();
  return {
    epoch: image.epoch,
    ageMs: Math.max(0, nowMs - image.madeAtMs),
    origin: table.origin(),
    rows: image.rowCount,
    octets: image.bytes.length,
    map: { buildMs, octets },
  };
}

/** The images in use as `status` and metrics show them. */
export function imagesView({ answering, images }: World): ImagesView {
  const { zoneCount, nameCount, recordCount } = answering.context.zones;
  return {
    zones: { ...facts(images.zones), zones: zoneCount, names: nameCount, records: recordCount },
    clients: clientsView(images.clients, answering.clients()),
  };
}

/** The client image in use. */
export function clientsView(loaded: LoadedImage, image: ClientImage): ImagesView['clients'] {
  const { v4, v6, siteCount } = image;
  return { ...facts(loaded), rangesIpv4: v4.count, rangesIpv6: v6.count, sites: siteCount };
}

function facts({ madeAtMs, bytes, origin }: LoadedImage) {
  return { madeAtMs, octets: bytes.length, origin };
}

/** Threads that answer, and how they read and write. */
export function servingView({
  workers,
  io,
}: Pick<NameServer, 'workers' | 'io'>): NonNullable<StatusView['serving']> {
  return { workers, sockets: io.kind, ...(io.kind === 'portable' && { why: io.reason }) };
}
