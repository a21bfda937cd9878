import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { formatPrefix, parseAddress } from '../../src/base/address.ts';
import { must } from '../../src/base/assert.ts';
import { networkKey, networkOfKey } from '../../src/base/network-key.ts';
import { deciderOf } from '../../src/cli/first-table.ts';
import { loadGround } from '../../src/cli/ground.ts';
import type { DemandView } from '../../src/console/api-demand.ts';
import type { ExplainView } from '../../src/console/api-explain.ts';
import { writeSnapshot } from '../../src/control/snapshot.ts';
import { ROW_CANDIDATES } from '../../src/steering/image.ts';
import { encodeImage, type ImageParts } from '../../src/steering/image-encode.ts';
import { readBenchConfig } from '../bench/world.ts';
import { ask } from '../helpers/ask.ts';
import { type Program, startProgram, until } from '../helpers/program.ts';
import { randomClients } from '../helpers/random-clients.ts';

/** A table with rows for single client networks: DNS, `explain` and the demand view tell them apart. */

const NAME = 'www.cdn.example';
const CLIENTS = 300;
const MADE_AT_MS = Date.now();
const folder = mkdtempSync(join(tmpdir(), 'isochrone-leaves-'));
const state = join(folder, 'state');
const clients = randomClients(CLIENTS);
const keyOf = (client: string): number => networkKey(must(parseAddress(client), client));
/** Every other client's network has a row of its own. */
const leaves = [...new Set(clients.filter((_, i) => i % 2 === 0).map(keyOf))];
/** POP that each leaf is answered with. */
const popOfLeaf = new Map<number, string>();

let program: Program;
before(async () => {
  const config = fileURLToPath(new URL('../../geo-data/demo/demo.yaml', import.meta.url));
  const ground = loadGround(readBenchConfig({ config, state }));
  const decider = deciderOf(ground);
  decider.tick({ nowMs: MADE_AT_MS, samples: [], reports: [], overrides: [] });
  await writeSnapshot(state, encodeImage(withLeaves(decider.parts(7, MADE_AT_MS), ground.config.fleet)));
  program = await startProgram(['serve'], { state, borrows: true });
});
after(async () => {
  await program.end();
  rmSync(folder, { recursive: true, force: true });
});

/** The leaves in the room that network cells leave free, each with the row of a place far from the others. */
function withLeaves(
  parts: ImageParts,
  { links, pops }: { links: readonly { popIndex: number }[]; pops: readonly { code: string }[] },
): ImageParts {
  const { candidates, cellStride, ttlSeconds } = parts.rows;
  for (const [i, key] of leaves.entries()) {
    const place = (i * 7919) % parts.placeCount;
    for (let group = 0; group < parts.groupCount; group++) {
      const to = group * cellStride + parts.placeCount + i;
      const from = group * cellStride + place;
      candidates.copyWithin(to * ROW_CANDIDATES, from * ROW_CANDIDATES, (from + 1) * ROW_CANDIDATES);
      // No place's decision has this.
      ttlSeconds[to] = 77;
    }
    const link = links[candidates[place * ROW_CANDIDATES] as number];
    popOfLeaf.set(key, pops[link?.popIndex ?? -1]?.code ?? '');
  }
  const none = new Uint32Array(leaves.length);
  return {
    ...parts,
    firstLeaf: parts.placeCount,
    leafCount: leaves.length,
    leafKey: Float64Array.from(leaves),
    leafPlace: none,
    leafAsn: none,
    leafActive: new Uint8Array(leaves.length).fill(1),
  };
}

async function explained(client: string): Promise<ExplainView> {
  const type = client.includes(':') ? 'AAAA' : 'A';
  const query = new URLSearchParams({ name: NAME, type, client });
  const response = await fetch(`${program.admin}/api/explain?${query}`);
  assert.equal(response.status, 200, client);
  return (await response.json()) as ExplainView;
}

async function answered(client: string) {
  const isSix = client.includes(':');
  const subnet = `${client}/${isSix ? 128 : 32}`;
  const server = { host: '127.0.0.1', port: program.port };
  return ask({ name: NAME, type: isSix ? 'AAAA' : 'A', subnet, server });
}

test('explain names the leaf, what it inherits from otherwise, and the answer that DNS gives', async () => {
  let inLeaves = 0;
  for (const client of clients) {
    const [view, answer] = [await explained(client), await answered(client)];
    const isSix = client.includes(':');
    const address = view.chosen.addresses[isSix ? 1 : 0];
    const record = `${NAME}. ${view.ttl.seconds} ${isSix ? 'AAAA' : 'A'} ${address}`;
    assert.deepEqual(answer.sections[0], [record], client);
    assert.equal(answer.ecs?.scope, view.scopeLength, client);
    const key = keyOf(client);
    const isLeaf = popOfLeaf.has(key);
    assert.equal(view.cell.key === formatPrefix(networkOfKey(key)), isLeaf, view.cell.key);
    assert.equal(view.cell.inherits !== undefined, isLeaf);
    if (!isLeaf) continue;
    inLeaves++;
    assert.equal(view.chosen.pop, popOfLeaf.get(key));
    assert.equal(view.ttl.seconds, 77);
    assert.ok(view.scopeLength !== undefined && view.scopeLength <= networkOfKey(key).length);
    assert.match(view.cell.label, /^network (of|in) /);
  }
  assert.ok(inLeaves >= CLIENTS / 2);
});

test('demand of a leaf is counted apart', async () => {
  const [client = ''] = clients;
  const network = formatPrefix(networkOfKey(keyOf(client)));
  const { held, value } = await until(
    async () => {
      for (let i = 0; i < 200; i++) await answered(client);
      const response = await fetch(`${program.admin}/api/demand`);
      return (await response.json()) as DemandView;
    },
    ({ rows }) => rows.some((row) => row.network === network),
    25_000,
  );
  assert.ok(held, JSON.stringify(value));
});
