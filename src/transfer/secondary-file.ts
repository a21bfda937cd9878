import { readFileSync, rmSync } from 'node:fs';
import { fileNameOf } from '../base/file-name.ts';
import { replaceFile } from '../store/replace-file.ts';
import { formatRecord } from '../zone/format.ts';
import { type PackedZone, unpack } from '../zone/packed.ts';
import { ZONE_FILE_MODE } from './journal.ts';

/** What is kept beside the copy of a zone that comes from elsewhere. */
export interface SecondaryState {
  readonly serial: number;
  /** When a primary last confirmed the copy, ms since 1970 UTC. */
  readonly confirmedAtMs: number;
  /** How long it may be served after that, s: the EXPIRE of its SOA. */
  readonly expireS: number;
}

/** Records written at a time. */
const CHUNK_RECORDS = 1000;

/** The state beside a zone's file; undefined where there is none that can be read. */
export function readSecondaryState(file: string): SecondaryState | undefined {
  try {
    const read = JSON.parse(readFileSync(statePath(file), 'utf8')) as Partial<SecondaryState>;
    const { serial, confirmedAtMs, expireS } = read;
    if (![serial, confirmedAtMs, expireS].every((value) => Number.isFinite(value))) return undefined;
    return read as SecondaryState;
  } catch {
    return undefined;
  }
}

/** Whether the copy in this file may be served. */
export function isServable(file: string, nowMs: number): boolean {
  const state = readSecondaryState(file);
  return state !== undefined && nowMs < state.confirmedAtMs + state.expireS * 1000;
}

/** Notes that a primary has confirmed the copy. Throws the system's error. */
export function writeSecondaryState(file: string, state: SecondaryState): void {
  replaceFile(statePath(file), [`${JSON.stringify(state)}\n`], ZONE_FILE_MODE);
}

/** Writes the copy as a master file. Throws the system's error. */
export function writeSecondaryZone(file: string, origin: Uint8Array, zone: PackedZone, from: string): void {
  replaceFile(file, masterText(origin, zone, from), ZONE_FILE_MODE);
}

/** Takes away all that is kept of a zone: its copy, what is known of it, its journal. */
export function forgetSecondary(
  folder: string,
  { origin, file }: { readonly origin: string; readonly file: string },
  log: (message: string) => void,
): void {
  for (const path of [file, statePath(file), journalPath(folder, origin)])
    try {
      rmSync(path, { force: true });
    } catch (error) {
      log(`${path} cannot be removed: ${(error as Error).message}`);
    }
}

/** Where a zone's journal lies. */
export function journalPath(folder: string, origin: string): string {
  return `${folder}/transfer/${fileNameOf(origin.replace(/\.$/, ''))}.journal`;
}

function statePath(file: string): string {
  return `${file}.state`;
}

function* masterText(origin: Uint8Array, zone: PackedZone, from: string): Generator<string> {
  yield `; Transferred from ${from}. Written by the program: changes here are lost.\n`;
  let lines: string[] = [];
  for (const packed of [zone.soa, zone.records])
    for (const record of unpack(origin, packed)) {
      lines.push(`${formatRecord(record)}\n`);
      if (lines.length < CHUNK_RECORDS) continue;
      yield lines.join('');
      lines = [];
    }
  yield lines.join('');
}
