import { tellAll } from './supervisor-crew.ts';
import type { Crew } from './supervisor-state.ts';
import { type TransferZone, withoutTransferZone, withTransferZone } from './transfer-book.ts';

/** Gives a zone to those who transfer it: to threads that run, and to those that begin later. */
export function giveZone(crew: Crew, zone: TransferZone): void {
  crew.data = { ...crew.data, transfers: withTransferZone(crew.data.transfers, zone) };
  tellAll(crew, { kind: 'transfer-zone', zone });
}

/** Gives the zone at this apex to nobody any more. */
export function dropZone(crew: Crew, origin: Uint8Array): void {
  crew.data = { ...crew.data, transfers: withoutTransferZone(crew.data.transfers, origin) };
  tellAll(crew, { kind: 'drop-transfer-zone', origin });
}
