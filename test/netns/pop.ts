import { createServer } from 'node:http';

/**
 * A POP of the test's network: `node pop.ts CODE PORT CAPACITY_RPS`. Answers with its code; `/metrics` counts
 * requests and says what it can serve, `POST /capacity?RPS` changes that. A POP that is dead is this process
 * killed.
 */

const [code = '', port = '80', capacity = '1000'] = process.argv.slice(2);
let capacityRps = Number(capacity);
let requests = 0;

const server = createServer((request, response) => {
  request.resume();
  const [path, query = ''] = (request.url ?? '').split('?', 2);
  if (path === '/metrics') {
    response.end(`http_requests_total ${requests}\ncapacity_rps ${capacityRps}\n`);
  } else if (path === '/capacity' && request.method === 'POST') {
    capacityRps = Number(query);
    response.end();
  } else {
    if (path !== '/healthz') requests++;
    response.setHeader('content-type', 'text/plain');
    response.end(path === '/healthz' ? 'ok\n' : `${code}\n`);
  }
});
server.listen(Number(port), () => console.log('ready'));
