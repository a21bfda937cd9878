/**
 * What Node's library of HTTP/2 itself costs: a server that answers 1 KiB to whatever is asked, with the
 * fields of a hit, and does nothing else. Arguments: address, port, files of certificate and key.
 */
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';

const [address = '', port = '', certificate = '', key = ''] = process.argv.slice(2);
const BODY = Buffer.alloc(1024, 'a');
const ID = 'k'.repeat(56);
const fields = [
  ...[':status', '200', 'cache-control', 'max-age=3600', 'age', '1', 'content-length', String(BODY.length)],
  ...['via', '1.1 fra (Isochrone)', 'x-cache', 'Hit from isochrone', 'x-amz-cf-pop', 'FRA1-C1'],
  ...['x-amz-cf-id', ID, 'x-isochrone-pop', 'FRA', 'x-isochrone-link', 'FRA-t', 'server-timing'],
  `cdn-cache-hit, cdn-pop;desc="FRA1-C1", cdn-rid;desc="${ID}", cdn-downstream-fbl;dur=0.100`,
];

const options = {
  cert: readFileSync(certificate),
  key: readFileSync(key),
  ALPNProtocols: ['h2', 'http/1.1'],
  settings: { enablePush: false, maxConcurrentStreams: 100 },
};
createSecureServer(options)
  // `request` would bring the objects of the compatibility API for every stream; that it answers is asked so.
  .on('secureConnection', (socket) => {
    if (socket.alpnProtocol !== 'h2') socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
  })
  .on('unknownProtocol', () => undefined)
  .on('stream', (stream) => {
    stream.respond([...fields]);
    stream.end(BODY);
  })
  .listen(Number(port), address);
