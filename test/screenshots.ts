import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { openBrowser } from './helpers/browser.ts';
import { startProgram } from './helpers/program.ts';
import { freePort } from './helpers/redis.ts';
import { startLoad } from './helpers/steady-load.ts';

/**
 * Pictures of the console, of a running demo that is asked something: `npm run screenshots -- FOLDER`.
 * Three widths in both themes, each also with a replay, and two for the README; `--few`: those two only.
 */

const NAME = 'www.cdn.example';
const CLIENT = '200.147.0.0/16';
const PER_SECOND = 150;
/** Points of the last hour come each 20 s: this gives the pictures a few. */
const PAST_MS = 100_000;
const QUALITY = 82;

/** A picture: its name, its size, its theme, where the console is, and what is done first. */
interface Shot {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly theme: 'light' | 'dark';
  readonly hash: string;
  readonly act?: (page: Page) => Promise<unknown>;
}

const EXPLAIN = `#explain=${NAME},${CLIENT}`;
const [folder = 'test/out/screenshots', few] = process.argv.slice(2);
const trace = async (page: Page): Promise<void> => {
  await page.locator('.bars li').first().waitFor();
  // Cold would change the caches, and need the token.
  await page.locator('.trace select').selectOption('warm');
  await page.locator('.trace button[type=submit]').click();
  await page.locator('.fall li').first().waitFor();
};
/** Half an hour of a log, of ten client networks, without two POPs. */
const replay = async (page: Page): Promise<void> => {
  const networks = [
    '200.147.0',
    '91.0.0',
    '114.144.0',
    '105.208.0',
    '1.120.0',
    '133.11.0',
    '5.9.0',
    '81.2.69',
  ];
  const lines = Array.from({ length: 40_000 }, (_, i) => {
    const at = new Date(Date.UTC(2026, 10, 2, 9) + 45 * i).toISOString();
    const asked = { client: `${networks[(i * 7) % networks.length]}.0/24`, transport: 'udp' };
    return JSON.stringify({
      at,
      ...asked,
      name: `${i % 9 ? 'www' : 'eu'}.cdn.example.`,
      type: 'A',
      rcode: 'NOERROR',
    });
  });
  const log = { name: 'queries.json', mimeType: 'application/json', buffer: Buffer.from(lines.join('\n')) };
  await page.getByLabel('Log of queries').setInputFiles(log);
  await page.getByLabel('Without these POPs').fill('FRA GRU');
  await page.getByLabel('each of requests').fill('5000');
  await page.getByRole('button', { name: 'Replay', exact: true }).click();
  await page.locator('.tiles').waitFor();
};
const readme: readonly Shot[] = [
  { name: 'console-pop', width: 1280, height: 800, theme: 'light', hash: '#pop=GRU' },
  { name: 'console-explain', width: 1280, height: 800, theme: 'dark', hash: EXPLAIN },
];
const sizes = [
  [400, 860],
  [1280, 800],
  [3840, 2160],
] as const;
const shots: readonly Shot[] = sizes.flatMap(([width, height]) => [
  { name: `${width}-light`, width, height, theme: 'light' as const, hash: EXPLAIN, act: trace },
  { name: `${width}-dark`, width, height, theme: 'dark' as const, hash: '#pop=FRA' },
  ...(['light', 'dark'] as const).map((theme) => {
    return { name: `${width}-replay-${theme}`, width, height, theme, hash: '#replay', act: replay };
  }),
]);

mkdirSync(folder, { recursive: true });
const program = await startProgram(['up', '--pop-port', String(await freePort())]);
const browser = await openBrowser();
const load = await startLoad({ port: program.port, name: NAME, perSecond: PER_SECOND });
try {
  await change('GIG', 'drain', { reason: 'works on the power supply', forSeconds: 3600 });
  await change('NBO', 'drain', { reason: 'new routers', forSeconds: 3600 });
  await new Promise((resolve) => setTimeout(resolve, PAST_MS / 2));
  await change('NBO', 'restore', {});
  await new Promise((resolve) => setTimeout(resolve, PAST_MS / 2));
  for (const shot of few === '--few' ? readme : [...readme, ...shots]) await take(shot);
} finally {
  await load.stop();
  await browser.close();
  await program.end();
}

function token(): string {
  return readFileSync(join(program.state, 'admin.token'), 'utf8').trim();
}

async function change(pop: string, verb: string, body: object): Promise<void> {
  const authorization = `Bearer ${token()}`;
  const response = await fetch(`${program.admin}/api/pops/${pop}/${verb}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(await response.text());
}

async function take({ name, width, height, theme, hash, act }: Shot): Promise<void> {
  const { page, context } = browser;
  page.setDefaultTimeout(120_000);
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: theme });
  await page.goto('about:blank');
  await page.goto(`${program.admin}/${hash}`);
  await page.locator('.stream.live').waitFor();
  if (hash === '#replay') await page.evaluate(`sessionStorage.setItem('isochrone.token', '${token()}')`);
  else {
    await page.locator('.legend', { hasText: 'areas: the POP' }).waitFor();
    await page
      .locator(hash.startsWith('#pop') ? '.users li' : '.bars li')
      .first()
      .waitFor();
  }
  await act?.(page);
  // The canvas is drawn in the frame after the figures came.
  await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
  const devtools = await context.newCDPSession(page);
  const { data } = await devtools.send('Page.captureScreenshot', {
    format: 'webp',
    quality: QUALITY,
    captureBeyondViewport: false,
  });
  await devtools.detach();
  const file = join(folder, `${name}.webp`);
  writeFileSync(file, Buffer.from(data, 'base64'));
  console.log(`${file}: ${Math.round(Buffer.from(data, 'base64').length / 1000)} kB`);
}
