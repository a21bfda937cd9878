import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';
import { type Agent, request } from 'node:https';
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
  /** Changes the small fleet. */
  readonly change?: (fleet: Fleet) => Fleet;
}): Promise<PopStage> {
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-pop-stage-'));
  const clock = { nowMs: Date.now };
  const lines: string[] = [];
  const logLines: string[] = [];
  const fleet = (options.change ?? ((same: Fleet) => same))(smallFleet(options.net));
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

/** What a client got. */
export interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** Asks a POP over HTTP/1.1, for a host. */
export function get(
  stage: PopStage,
  code: string,
  path: string,
  options: {
    readonly method?: string;
    readonly headers?: OutgoingHttpHeaders;
    readonly body?: string | Buffer;
    readonly agent?: Agent;
    readonly host?: string;
    /** Another address of the POP than its first. */
    readonly address?: string;
  } = {},
): Promise<Got> {
  const { method = 'GET', headers = {}, body, agent = false, host = 'www.cdn.example' } = options;
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: options.address ?? stage.addressOf(code),
        port: stage.port,
        path,
        method,
        ca: readFileSync(stage.certificate.caFile),
        servername: 'www.cdn.example',
        headers: { host, ...headers },
        agent,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks),
          }),
        );
      },
    );
    asked.on('error', reject);
    asked.end(body);
  });
}
