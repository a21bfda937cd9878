/**
 * Writes deploy/grafana/dashboards/ from deploy/grafana/source/: `npm run dashboards`. With `--check` writes
 * nothing, and ends with 1 if a file is not current.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { controlPlane } from './source/control-plane.ts';
import { mapping } from './source/mapping.ts';
import { nameServers } from './source/name-servers.ts';
import { overview } from './source/overview.ts';
import { pops } from './source/pops.ts';
import { requestPath } from './source/request-path.ts';

const DASHBOARDS = {
  overview,
  pops,
  mapping,
  'name-servers': nameServers,
  'request-path': requestPath,
  'control-plane': controlPlane,
} as const;

const folder = fileURLToPath(new URL('dashboards/', import.meta.url));
const isCheck = process.argv.includes('--check');

for (const [name, make] of Object.entries(DASHBOARDS)) {
  const path = `${folder}${name}.json`;
  const text = `${JSON.stringify(make().build(), null, 2)}\n`;
  if (!isCheck) writeFileSync(path, text);
  else if (read(path) !== text) {
    console.error(`${name}.json is not current: npm run dashboards`);
    process.exitCode = 1;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
