import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { createOrigins } from '../../src/pop/l3/origins.ts';
import { plainBehaviour, plainOrigin } from '../../src/pop/policies.ts';
import type { PopResponse, RequestContext } from '../../src/pop/request-path.ts';
import { until } from '../contract/harness.ts';
import { popContext, popRequest, textOf } from '../helpers/pop-request.ts';

/** Connections to origins that handlers name at will: bounded, those in use left alone. */

const waiting: ServerResponse[] = [];
const server = createServer((request, response) => {
  if (request.url === '/wait') waiting.push(response);
  else response.end(`for ${request.url}`);
});
let url: URL;
let open = 0;

before(async () => {
  server.on('connection', (socket) => {
    open++;
    socket.once('close', () => open--);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
after(() => {
  server.close();
  server.closeAllConnections();
});

test('a handler that names any number of origins has so many of them connected', async () => {
  const origins = createOrigins({ name: 'fra', originsMax: 4 });
  const ask = (name: string, target: string): Promise<PopResponse> => {
    const origin = plainOrigin(name, url);
    const context: RequestContext = { ...popContext(0), behaviour: plainBehaviour(origin) };
    return origins.fetch(popRequest({ target, origin }), context);
  };
  const late = [ask('a', '/wait'), ask('b', '/wait')];
  await until(() => waiting.length === 2, 'two requests under way');
  for (let i = 0; i < 20; i++) {
    const { status, body } = await ask(`o${i}`, `/${i}`);
    assert.deepEqual([status, await textOf(body)], [200, `for /${i}`]);
    if (i % 5 === 0) await textOf((await ask('kept', '/kept')).body);
  }
  // Those under way are never closed; of the others the last that were used are there.
  assert.deepEqual([...origins.counts().keys()], ['a', 'b', 'o18', 'o19', 'other']);
  const total = Array.from(origins.counts().values(), ({ requests }) => requests);
  assert.equal(
    total.reduce((sum, count) => sum + count, 0),
    26,
  );
  await until(() => open === 4, 'the connections of those that made room to be closed');
  // Where all are in use there is no room for another; those that are there are asked on.
  late.push(ask('o18', '/wait'), ask('o19', '/wait'));
  await until(() => waiting.length === 4, 'four requests under way');
  const refused = await ask('more', '/more');
  assert.deepEqual([refused.status, refused.fault], [503, 'OriginOverload']);
  for (const response of waiting) response.end('at last');
  for (const response of await Promise.all(late)) assert.equal(await textOf(response.body), 'at last');
  assert.equal((await ask('more', '/more')).status, 200);
  await origins.close();
});
