import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ListenAddress } from '../../src/server/handler.ts';
import { freePorts } from '../../src/server/listeners.ts';
import { ask } from './ask.ts';
import { hasProgram, startDaemon } from './daemon.ts';
import type { Message } from './message.ts';

/** A question to a resolver that validates. */
export type Resolve = (
  name: string,
  type: string,
  subnet?: string,
  timeoutMs?: number,
) => Promise<Message & { readonly isSecure: boolean }>;

/**
 * A validating Unbound of its own before a name server that has these zones; `anchors`: DS or DNSKEY records.
 * It tells the server the client's subnet. Undefined, and the test skipped, where Unbound is not installed.
 */
export async function startUnbound(
  context: TestContext,
  options: {
    readonly server: ListenAddress;
    readonly zones: readonly string[];
    readonly anchors: readonly string[];
    /** Zones below that other servers have. */
    readonly also?: Readonly<Record<string, ListenAddress>>;
  },
): Promise<Resolve | undefined> {
  if (!hasProgram(context, 'unbound')) return undefined;
  const [address] = await freePorts([{ host: '127.0.0.1', port: 0 }]);
  assert.ok(address);
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-unbound-'));
  chmodSync(folder, 0o777);
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'unbound.conf');
  writeFileSync(file, configuration(options, address.port, folder));
  const untilUp = startDaemon(context, { program: 'unbound', args: ['-d', '-p', '-c', file], folder });
  const resolve: Resolve = async (name, type, subnet, timeoutMs = 5_000) => {
    const base = { server: address, name, type, rd: true, edns: 4096, dnssecOk: true, timeoutMs };
    const message = await ask(subnet === undefined ? base : { ...base, subnet });
    return { ...message, isSecure: message.flags.includes('ad') };
  };
  const answers = async (): Promise<boolean> =>
    (await resolve(options.zones[0] ?? '.', 'SOA', undefined, 500).catch(() => undefined)) !== undefined;
  await untilUp(answers, 50, 60);
  return resolve;
}

function configuration(
  { server, zones, anchors, also = {} }: Parameters<typeof startUnbound>[1],
  port: number,
  folder: string,
): string {
  const stubs = [...zones.map((zone) => [zone, server] as const), ...Object.entries(also)];
  const top = new Set(zones.map((zone) => zone.split('.').at(-2) ?? ''));
  return `server:
  interface: 127.0.0.1
  port: ${port}
  chroot: ""
  username: ""
  directory: "${folder}"
  pidfile: ""
  use-syslog: no
  num-threads: 1
  do-not-query-localhost: no
  module-config: "subnetcache validator iterator"
  minimal-responses: no
  trust-anchor-signaling: no
  harden-algo-downgrade: yes
${zones.map((zone) => `  client-subnet-zone: "${zone}"`).join('\n')}
${[...top].map((name) => `  local-zone: "${name}." nodefault`).join('\n')}
${anchors.map((anchor) => `  trust-anchor: "${anchor}"`).join('\n')}
${stubs.map(([zone, at]) => `stub-zone:\n  name: "${zone}"\n  stub-addr: ${at.host}@${at.port}`).join('\n')}
`;
}
