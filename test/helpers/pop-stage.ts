import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fleet } from '../../src/base/fleet.ts';
import { developmentCertificate, type PopCertificate } from '../../src/pop/authority.ts';
import { plainBehaviour, plainOrigin } from '../../src/pop/policies.ts';
import { type PopOptions, type Pops, startPops } from '../../src/pop/pops.ts';
import type { Behaviour, Distribution } from '../../src/pop/request-path.ts';
import { smallFleet } from './fleet.ts';
import { freePort } from './redis.ts';

/** POPs of the small fleet in front of an origin, for any host. */
export interface PopStage {
  readonly pops: Pops;
  readonly fleet: Fleet;
  readonly port: number;
  readonly certificate: PopCertificate;
  readonly lines: string[];
  readonly logLines: string[];
  /** First address of a POP, by its code. */
  readonly addressOf: (code: string) => string;
  readonly close: () => Promise<void>;
}

/** Starts them; `net` is the second number of their addresses. */
export async function startPopStage(options: {
  readonly net: number;
  readonly origin: URL;
  readonly originRegion?: string;
  readonly behaviour?: Partial<Behaviour>;
  readonly distribution?: Partial<Distribution>;
  readonly more?: Partial<PopOptions>;
}): Promise<PopStage> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-pop-stage-'));
  const clock = { nowMs: Date.now };
  const lines: string[] = [];
  const logLines: string[] = [];
  const fleet = smallFleet(options.net);
  const certificate = developmentCertificate({
    folder,
    domains: ['cdn.example'],
    addresses: fleet.links.flatMap(({ ipv4 = [] }) => ipv4),
    clock,
    log: (line) => lines.push(line),
  });
  const port = await freePort();
  const origin = plainOrigin('origin', options.origin, options.originRegion ?? '');
  const behaviour = { ...plainBehaviour(origin), ...options.behaviour };
  const distribution: Distribution = {
    id: 'test',
    domains: ['*'],
    behaviours: [behaviour],
    shieldRegion: undefined,
    ...options.distribution,
  };
  const pops = await startPops({
    fleet,
    port,
    certificate,
    explain: () => undefined,
    distributions: [distribution],
    accessLog: (line) => logLines.push(line),
    clock,
    log: (line) => lines.push(line),
    ...options.more,
  });
  return {
    pops,
    fleet,
    port,
    certificate,
    lines,
    logLines,
    addressOf: (code) => fleet.pops.find((pop) => pop.code === code)?.links[0]?.ipv4 ?? '',
    close: async () => {
      await pops.close();
      rmSync(folder, { recursive: true });
    },
  };
}
