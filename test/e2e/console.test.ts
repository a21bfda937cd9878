import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Page } from 'playwright-core';
import type { ExplainView } from '../../src/console/api-explain.ts';
import type { HistoryView } from '../../src/console/api-live.ts';
import { type Browser, openBrowser } from '../helpers/browser.ts';
import { dig, type Program, until } from '../helpers/program.ts';
import './page.ts';
import { stage } from './stage.ts';

/** What people see of `up`, from one start of it: the console in Chromium, and before it the POPs' page. */

const NAME = 'www.cdn.example';
const CLIENT = '91.0.0.0/16';
/** For what a page shows after something happened; a busy machine takes its time. */
const SHOWN_MS = 60_000;
const APPLICATION_OCTETS_MAX = 300_000;

let program: Program;
let browser: Browser;
let page: Page;
let popAt: (address: string) => string | undefined;

before(async () => {
  browser = await openBrowser();
  ({ program, popAt } = await stage);
  ({ page } = browser);
  page.setDefaultTimeout(SHOWN_MS);
});
after(async () => {
  await browser?.close();
  await program?.end();
});

/** Whether the first moment of the hour can be explained: its table is kept at the second. */
const isFirstKept = async (): Promise<boolean> => {
  const { points } = (await (await fetch(`${program.admin}/api/history`)).json()) as HistoryView;
  const asked = new URLSearchParams({ name: NAME, client: CLIENT, atMs: String(points[0]?.atMs) });
  const reply = await fetch(`${program.admin}/api/explain?${asked}`);
  return reply.ok && !((await reply.json()) as ExplainView).moment?.isNow;
};

const servedBy = async (): Promise<string | undefined> =>
  popAt((await dig(program.port, NAME, `+subnet=${CLIENT}`))[0] ?? '');

test('the map is drawn: land, catchments in many colours, every POP; the first load is small', async () => {
  await page.goto(`${program.admin}/`);
  await page.locator('.legend', { hasText: 'areas: the POP' }).waitFor();
  await page.waitForFunction("document.querySelectorAll('.mark').length >= 150");
  await page.waitForFunction(`(${COLOURS_ON_MAP}) >= 12`);
  const octets = await page.evaluate<number>(FETCHED_OCTETS);
  assert.ok(octets > 50_000 && octets < APPLICATION_OCTETS_MAX, `${octets} octets`);
  assert.match(await page.locator('.status-bar').innerText(), /ready[\s\S]*Leader[\s\S]*Epoch\s+\d+/);
  await page.locator('.stream.live').waitFor();
  assert.match(await page.locator('footer').innerText(), /DB-IP[\s\S]*Natural Earth/);
});

test('a POP by keyboard: drain needs the token, the next answer differs, restore undoes it', async () => {
  const code = (await servedBy()) ?? '';
  const mark = page.locator(`.mark[data-pop="${code}"]`);
  await mark.focus();
  await page.keyboard.press('Enter');
  const detail = page.locator('.pop-detail');
  await detail.locator('h2', { hasText: code }).waitFor();
  assert.match(await detail.innerText(), /Capacity[\s\S]*requests\/s[\s\S]*Congestion, ms[\s\S]*Who uses it/);
  assert.ok(page.url().endsWith(`#pop=${code}`), page.url());
  await detail.getByLabel('Reason').fill('a try');
  const drain = detail.getByRole('button', { name: `Drain ${code}` });
  await drain.click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Token').fill('not-the-token');
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await detail.locator('.outcome.bad', { hasText: 'Refused' }).waitFor();
  assert.equal(await servedBy(), code, 'nothing changed');
  assert.match(browser.complaints.splice(0).join(), /^Failed to load resource: [^,]*401[^,]*$/);
  await drain.click();
  await dialog.getByLabel('Token').fill(readFileSync(join(program.state, 'admin.token'), 'utf8').trim());
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await detail.locator('.outcome.good', { hasText: 'is drained' }).waitFor();
  const moved = await until(servedBy, (other) => other !== code, SHOWN_MS);
  assert.ok(moved.held && moved.value !== undefined, `still ${moved.value}`);
  await mark.locator('.glyph.drained').waitFor();
  await page.getByRole('button', { name: 'Explain', exact: true }).first().click();
  await page.getByLabel('Client address or prefix').fill(CLIENT);
  await page.getByLabel('Name').fill(NAME);
  await page.locator('.question button').click();
  await page.locator('.verdict', { hasText: /[A-Z]{3} is [\d.]+ ms nearer, but \w/ }).waitFor();
  await mark.focus();
  await page.keyboard.press('Enter');
  await page.locator('.happenings li', { hasText: /was drained until [\d:]+: a try/ }).waitFor();
  await detail.getByRole('button', { name: 'Restore' }).click();
  await detail.locator('.outcome.good', { hasText: 'is restored' }).waitFor();
  assert.ok((await until(servedBy, (other) => other === code, SHOWN_MS)).held);
  await mark.locator('.glyph.up').waitFor();
});

test('a click of the mouse on the map chooses the POP under it', async () => {
  // The middle of the last three lies under others.
  for (const code of ['SYD', 'GRU', 'LHR', 'FRA']) {
    const box = await page.locator(`.mark[data-pop="${code}"] .glyph`).boundingBox();
    assert.ok(box !== null, code);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
    await page.locator('.pop-detail h2', { hasText: code }).waitFor();
    assert.ok(page.url().endsWith(`#pop=${code}`), page.url());
    assert.equal(await page.locator('.mark.chosen').getAttribute('data-pop'), code);
  }
});

test('what if it died, and no serious finding of axe in the dark', async () => {
  await page.locator('.what-if button').click();
  await page.locator('.what-if', { hasText: 'of demand moves' }).waitFor();
  assert.match(await page.locator('.what-if').innerText(), /modelled/);
  await page.getByLabel('Theme').selectOption('dark');
  assert.deepEqual(await findings(), []);
});

test('an address and a name: the bars of the POP that dig gives, and the way of a request', async () => {
  await page.getByRole('button', { name: 'Explain', exact: true }).first().click();
  await page.getByLabel('Client address or prefix').fill(CLIENT);
  await page.getByLabel('Name').fill(NAME);
  // It was asked before, of a drained POP: this asks anew, and says that what is shown is old until then.
  await Promise.all([page.waitForResponse(/\/api\/explain/), page.locator('.question button').click()]);
  await page.locator('.explained[aria-busy="false"]').waitFor();
  const chosen = page.locator('.verdict .main .pop-link');
  assert.equal(await chosen.innerText(), await servedBy());
  assert.ok((await page.locator('.bars li').count()) >= 8);
  const best = await page.locator('.bars li.is-chosen').innerText();
  assert.match(best, /\d ms[\s\S]*RTT [\d.]+[\s\S]*(?:measured|modelled)/);
  assert.ok(page.url().endsWith(`#explain=${NAME},${CLIENT}`), page.url());
  await page.locator('.trace button[type=submit]').click();
  await page.locator('.fall li').first().waitFor();
  assert.match(await page.locator('.trace').innerText(), /measured here[\s\S]*modelled/);
  await page.getByLabel('Theme').selectOption('light');
  assert.deepEqual(await findings(), []);
});

test('a log is replayed: what is wrong with its line, then figures and a report to save', async () => {
  await page.getByRole('link', { name: 'Replay' }).click();
  assert.ok(page.url().endsWith('#replay'), page.url());
  await page.getByRole('button', { name: 'Replay', exact: true }).click();
  await page.locator('.problems', { hasText: 'Choose a log of queries' }).waitFor();
  const lines = Array.from({ length: 300 }, (_, i) => {
    const at = new Date(Date.UTC(2026, 0, 5) + 20 * i).toISOString();
    const client = `${['91.0', '114.144', '200.147'][i % 3]}.0.0/24`;
    return JSON.stringify({ at, client, transport: 'udp', name: `${NAME}.`, type: 'A', rcode: 'NOERROR' });
  });
  const log = { name: 'queries.json', mimeType: 'application/json', buffer: Buffer.from(lines.join('\n')) };
  await page.getByLabel('Log of queries').setInputFiles(log);
  const config = page.getByLabel('With this configuration');
  await config.fill('services:\n  web-eu: {}\n  web: { pops: [FRX] }\n');
  await page.getByRole('button', { name: 'Replay', exact: true }).click();
  await page
    .locator('.problems', { hasText: /pasted configuration, line 3: .*FRX.*did you mean FRA/ })
    .waitFor();
  assert.match(browser.complaints.splice(0).join(), /^Failed to load resource: [^,]*400[^,]*$/);
  await config.fill('');
  const away = (await servedBy()) ?? '';
  await page.getByLabel('Without these POPs').fill(away.toLowerCase());
  await page.getByRole('button', { name: 'Replay', exact: true }).click();
  await page.locator('.findings h2', { hasText: `What runs without ${away}, against what runs` }).waitFor();
  const found = await page.locator('.findings').innerText();
  assert.match(found, /33\u202f%\s+of the steered queries get another POP[\s\S]*RTT of those that move/);
  assert.match(found, /another POP\s+www\.cdn\.example\. A[\s\S]*production engine from the estimates/);
  assert.match(found, new RegExp(`${away}\\s+17\\s+0\\s+−17[\\s\\S]*${away} → [A-Z]{3}`));
  const download = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save the report' }).click();
  const saved = readFileSync(await (await download).path(), 'utf8');
  assert.ok(saved.includes(`<title>Replay: what runs without ${away}, against what runs</title>`));
  assert.deepEqual([await findings(), browser.complaints], [[], []]);
  await page.getByRole('link', { name: 'World' }).click();
  await page.locator('.map').waitFor();
});

test('the slider looks back, and Live comes back; a silent stream is told of and found again', async () => {
  await page.getByRole('link', { name: 'World' }).click();
  const slider = page.getByLabel('Time');
  await page.locator('input[type=range]:enabled').waitFor();
  assert.ok((await until(isFirstKept, Boolean, SHOWN_MS)).held, 'what explains the first moment is kept');
  await slider.focus();
  await page.keyboard.press('Home');
  await page.locator('.stream.past').waitFor();
  await page.locator('.legend', { hasText: /, at [\d:]{8}/ }).waitFor();
  assert.match(await page.locator('.status-bar').innerText(), /State now[\s\S]*Leader now[\s\S]*At [\d:]{8}/);
  await page
    .locator('.explain .moment', { hasText: /As it was at [\d:]{8}, .*Not kept: the scope/ })
    .waitFor();
  assert.match(await page.locator('.explain').innerText(), /old then[\s\S]*RTT [\s\S]*choose Live/);
  await page.getByRole('button', { name: 'POPs', exact: true }).click();
  await page.locator('.pop-list tbody button').first().click();
  await page.locator('.pop-detail .moment', { hasText: /are of [\d:]{8}/ }).waitFor();
  assert.match(
    await page.locator('.pop-detail').innerText(),
    /Seen by, now[\s\S]*of the demand for [^\n]* at [\d:]{8}/,
  );
  await page.getByRole('button', { name: 'Live' }).click();
  await page.locator('.pop-detail .moment').waitFor({ state: 'detached' });
  await page.locator('.stream.live:not(.past)').waitFor();
  assert.deepEqual(browser.complaints, []);
  process.kill(program.pid, 'SIGSTOP');
  try {
    await page.locator('.stream.lost', { hasText: 'reconnecting' }).waitFor();
  } finally {
    process.kill(program.pid, 'SIGCONT');
  }
  await page.locator('.stream.live').waitFor();
});

test('a link leads to its POP, and narrow screens have all of it', async () => {
  browser.complaints.length = 0;
  await page.setViewportSize({ width: 400, height: 860 });
  await page.goto('about:blank');
  await page.goto(`${program.admin}/#pop=NRT`);
  await page.locator('.pop-detail h2', { hasText: 'NRT Tokyo' }).waitFor();
  const wide = await page.evaluate<number>('document.documentElement.scrollWidth');
  assert.ok(wide <= 400, `${wide} pixels wide`);
  assert.deepEqual(browser.complaints, []);
});

/** How many colours a hundredth of the map's pixels have. */
const COLOURS_ON_MAP = `(() => {
  const canvas = document.querySelector('.map canvas');
  if (canvas.width === 0) return 0;
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Set();
  for (let i = 0; i < data.length; i += 404) seen.add(data.slice(i, i + 3).join());
  return seen.size;
})()`;

/** What the application itself took over the wire, map and all. */
const FETCHED_OCTETS = `performance.getEntriesByType('resource')
  .concat(performance.getEntriesByType('navigation'))
  .filter(({ name }) => !name.includes('/api/'))
  .reduce((sum, { transferSize }) => sum + transferSize, 0)`;

/** Serious and critical findings of axe, which runs beside the page and not as part of it. */
async function findings(): Promise<string[]> {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  return page.evaluate<string[]>(`axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) =>
    violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(({ html }) => html).join()))`);
}
