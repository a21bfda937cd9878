/**
 * Writes docs/metrics.md from the code that counts: `npm run metrics`. With `--check` writes nothing, and
 * ends with 1 if the page is not current.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { metricsPage } from './source/page.ts';

const path = fileURLToPath(new URL('../../docs/metrics.md', import.meta.url));
const text = metricsPage();

if (!process.argv.includes('--check')) writeFileSync(path, text);
else if (read() !== text) {
  console.error('docs/metrics.md is not current: npm run metrics');
  process.exitCode = 1;
}

function read(): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
