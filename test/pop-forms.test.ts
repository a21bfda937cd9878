import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatAddress } from '../src/base/address.ts';
import type { Choice } from '../src/pop/page.ts';
import { type PageAnswer, respond } from '../src/pop/page-answer.ts';
import { smallFleet } from './helpers/fleet.ts';

/** The forms of a POP's page: HTML, JSON and plain text, by what the client says that it takes. */

const { pops } = smallFleet(72);
const choice: Choice = {
  service: 'web',
  client: 'AS3320 in Frankfurt, DE',
  pop: 'FRA',
  ttlSeconds: 20,
  terms: ['rtt', 'loss'],
  rows: [
    { pop: 'FRA', city: 'Frankfurt', link: 'FRA-a', terms: [5.25, 0], scoreMs: 5.25, verdict: 'chosen' },
    { pop: 'AMS', city: 'Amsterdam', link: 'AMS-b', terms: [9, 1], scoreMs: 10, verdict: 'runner-up' },
  ],
  source: 'modelled',
};

async function fetched(
  accept?: string,
  target = '/?client=10.0.0.1',
  host = 'www.cdn.example',
): Promise<PageAnswer> {
  const [pop] = pops;
  const link = pop?.links[1];
  assert.ok(pop && link);
  const headers = { host: `${host}:8443`, ...(accept === undefined ? {} : { accept }) };
  const request = { method: 'GET', target, headers, protocol: 'HTTP/2', pop, link, peer: '::1' } as const;
  const explain = (name: string, client: Parameters<typeof formatAddress>[0]): Choice | undefined =>
    name === 'www.cdn.example'
      ? { ...choice, client: `${choice.client} ${formatAddress(client)}` }
      : undefined;
  return respond(request, explain, () => 0);
}

const PLAIN = 'text/plain; charset=utf-8';

test('plain text for those who ask for nothing in particular, as curl does', async () => {
  for (const accept of [undefined, '', '*/*', 'text/plain', 'image/png', 'text/html;q=0'])
    assert.equal((await fetched(accept)).headers['content-type'], PLAIN, accept);
  assert.equal(
    (await fetched('*/*')).body,
    `FRA Frankfurt

host      www.cdn.example
client    10.0.0.1 (from the query)
link      FRA-b over Meridian, 127.72.1.2
region    eu-central, DE
protocol  HTTP/2

DNS gives this client this POP.
It is taken for AS3320 in Frankfurt, DE 10.0.0.1. Service web. The answer holds for 20 s.

All figures in ms, modelled; the terms add up to the score:

   POP            link    rtt  loss  score
>  FRA Frankfurt  FRA-a  5.25  0.00   5.25  chosen
   AMS Amsterdam  AMS-b  9.00  1.00  10.00  runner-up
`,
  );
  assert.match((await fetched('*/*', '/', 'static.cdn.example')).body, /This host is not steered/);
});

test('the form with the highest weight; a tie goes to HTML, then JSON', async () => {
  for (const [accept, type] of [
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'text/html; charset=utf-8'],
    ['text/html, application/json', 'text/html; charset=utf-8'],
    ['application/json', 'application/json'],
    ['application/json, text/plain, */*', 'application/json'],
    ['text/html;q=0.4, Application/JSON;q=0.9', 'application/json'],
    ['application/json;q=0.5, text/plain', PLAIN],
    ['text/html;q=none', PLAIN],
  ] as const) {
    const { headers } = await fetched(accept);
    assert.deepEqual([headers['content-type'], headers['vary']], [type, 'accept'], accept);
  }
});

test('what the client sent gives a terminal no orders', async () => {
  const { body } = await fetched('*/*', '/?client=%1b%5b31m');
  assert.ok(body.includes('client=?[31m is not an IP address'), body);
});
