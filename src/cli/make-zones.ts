import { readFileSync } from 'node:fs';
import { must } from '../base/assert.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import type { Allocate } from '../base/image-file.ts';
import type { ZoneSource } from '../config/zone-sources.ts';
import { TYPE } from '../wire/constants.ts';
import { formatName, parseName } from '../wire/name.ts';
import { catalogFace } from '../zone/catalog.ts';
import { openZoneImage, ZONE_IMAGE_VERSION, type ZoneImage } from '../zone/image.ts';
import { createZoneImageBuilder, type ZoneImageBuilder } from '../zone/image-build.ts';
import type { ZoneProblem } from '../zone/problem.ts';
import type { ZoneRecord } from '../zone/record.ts';
import type { MadeFile, ZoneJob } from './compile.ts';
import { zoneDigest } from './image-sources.ts';
import { type ReadZone, readZone } from './zone-file.ts';
import { compareZone, type ZoneOutcome } from './zone-outcome.ts';
import { createZoneSigners, type ZoneSigners } from './zone-signers.ts';

/** What making zones works with. */
interface Making {
  readonly job: ZoneJob;
  readonly builder: ZoneImageBuilder;
  readonly signer: ZoneSigners;
  readonly state: (path: string) => string;
  readonly readText: (path: string) => string;
  readonly base: ZoneImage | undefined;
  readonly outcomes: ZoneOutcome[];
  readonly problems: ZoneProblem[];
  readonly included: Set<string>;
}

/** Time between two messages of progress, ms. */
const PROGRESS_EVERY_MS = 100;
/** Problems told of at most: 20,000 broken zones would fill the screen. */
export const PROBLEMS_MAX = 1000;

/**
 * Makes a zone image: of all files; or, of a job with a `base`, of those that are to be read again, and of
 * that for the rest. There a zone that is broken stays as it was.
 */
export function makeZones(
  job: ZoneJob,
  by: {
    readonly allocate: Allocate;
    readonly tell: (text: string) => void;
    readonly state: (path: string) => string;
  },
): MadeFile {
  const { zones, services, programVersion } = job;
  const builder = createZoneImageBuilder({ services, allocate: by.allocate });
  const signer = createZoneSigners(job.signing, !job.othersAnswer);
  const readText = (path: string): string => {
    // Before it is read: a change from then on makes another digest.
    by.state(path);
    return readFileSync(path, 'utf8');
  };
  const base = job.reload === undefined ? undefined : openBase(job.reload.base, services);
  const making: Making = {
    job,
    builder,
    signer,
    state: by.state,
    readText,
    base,
    outcomes: [],
    problems: [],
    included: new Set(),
  };
  const reread = new Set(job.reload?.read);
  let steeredName: string | undefined;
  let saidAtMs = performance.now();
  for (const [i, zone] of zones.entries()) {
    const origin = parseName(zone.origin);
    if (
      base !== undefined &&
      typeof origin !== 'string' &&
      !reread.has(zone.origin) &&
      builder.keep(base, origin)
    )
      continue;
    const records = makeZone(making, zone);
    steeredName ??= steeredNameIn(records);
    if (performance.now() - saidAtMs < PROGRESS_EVERY_MS) continue;
    saidAtMs = performance.now();
    by.tell(`${i + 1} of ${zones.length} zones`);
  }
  const errors = making.problems.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) throw new OperatorError('bad-zone', errors);
  const maker = { programVersion, imageVersion: ZONE_IMAGE_VERSION };
  const files = [...making.included];
  const source = zoneDigest(maker, { zones, services, signing: job.signing, included: files }, by.state);
  // What is only looked at is not served.
  if (job.reload?.dry !== true) signer.save();
  return {
    bytes: builder.finish({ source, madeAtMs: Date.now() }),
    notes: { included: files, ...(steeredName !== undefined && { steeredName }), ...signer.notes() },
    warnings: making.problems.slice(0, PROBLEMS_MAX),
    outcomes: making.outcomes,
  };
}

function openBase(bytes: Uint8Array, services: readonly string[]): ZoneImage {
  const opened = openZoneImage(bytes, { services });
  if (typeof opened === 'string') throw new Error(opened);
  return opened;
}

/** Puts one zone into the image, read from its file where it can be; returns its records. */
function makeZone(making: Making, zone: ZoneSource & { readonly withheld?: boolean }): readonly ZoneRecord[] {
  const { job, builder, base, readText } = making;
  const { origin, file, place, isSecondary, dnssec } = zone;
  const apex = parseName(origin);
  if (zone.withheld === true && typeof apex !== 'string') {
    builder.withhold(apex);
    making.outcomes.push({ origin, kind: 'withheld', problems: [], included: [] });
    return [];
  }
  const wanted = { origin, file, services: job.services, namedAt: { file: job.configFile, ...place } };
  let outcome: ZoneOutcome = { origin, kind: 'changed', problems: [], included: [] };
  const compile = (name: Uint8Array, all: readonly ZoneRecord[]): readonly Problem[] => {
    const isCatalog = zone.catalog === 'consumed' || zone.catalog === 'produced';
    const records = isCatalog ? catalogFace(name, all) : all;
    const compared =
      job.reload === undefined
        ? undefined
        : compareZone({ base, name, records, origin, isSigned: dnssec !== undefined }, job);
    if (compared !== undefined) outcome = compared;
    return compared?.kind === 'broken'
      ? compared.problems
      : making.signer.add(builder, { origin: name, records, dnssec }, making.state);
  };
  const read = readZone(wanted, { readText, compile });
  for (const path of read.included) making.included.add(path);
  const isBroken = read.problems.some(({ severity }) => severity === 'error');
  const problems = [...read.problems, ...(isBroken ? [] : outcome.problems)];
  making.outcomes.push({
    ...outcome,
    problems,
    included: read.included,
    ...(isBroken && { kind: 'broken' }),
  });
  if (isBroken && (job.reload !== undefined || isSecondary))
    keepOld(making, must(nameOf(apex), 'an apex'), read);
  else making.problems.push(...read.problems);
  return isBroken ? [] : read.records;
}

/** The zone as it was before; one that never came, or whose copy is damaged, has nothing to serve. */
function keepOld({ builder, base, problems, job }: Making, apex: Uint8Array, read: ReadZone): void {
  const kept = base !== undefined && builder.keep(base, apex);
  if (!kept) builder.withhold(apex);
  if (job.reload !== undefined) return;
  problems.push(...read.problems.map((problem) => ({ ...problem, severity: 'warning' as const })));
}

function nameOf(apex: Uint8Array | string): Uint8Array | undefined {
  return typeof apex === 'string' ? undefined : apex;
}

/** A steered name that is no wildcard: one that begins with `www` where there is one. */
function steeredNameIn(records: readonly ZoneRecord[]): string | undefined {
  const names = records
    .filter(({ type }) => type === TYPE.STEER)
    .map(({ owner }) => formatName(owner).slice(0, -1))
    .filter((name) => !name.startsWith('*'));
  return names.find((name) => name.startsWith('www.')) ?? names[0];
}
