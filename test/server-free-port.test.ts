import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { serverPort } from '../src/server/free-port.ts';
import { freePorts } from '../src/server/listeners.ts';
import { closeNativeSockets, openNativeSockets } from '../src/server/native-sockets.ts';
import { noNative, testLibc } from './helpers/native-stage.ts';

/** A server that may have any port takes none that the kernel gives to clients. */

const listen = [{ host: '127.0.0.1', port: 0 }];
/** A namespace of one's own, where a few ports are all that clients can get. */
const NAMESPACE = ['-rn', 'sh', '-c'];
const FEW_PORTS = 'echo 40000 40003 >/proc/sys/net/ipv4/ip_local_port_range';
const hasNamespaces = spawnSync('unshare', [...NAMESPACE, `ip link set lo up && ${FEW_PORTS}`]).status === 0;

/** Opens a server's sockets, then clients' that share their ports as dig's do: on how many ports both are. */
const MEETINGS = `
  import { createSocket } from 'node:dgram';
  import { once } from 'node:events';
  import { loadLibc } from './src/server/native-libc.ts';
  import { openNativeSockets } from './src/server/native-sockets.ts';
  const { libc } = await loadLibc();
  const options = { listen: [{ host: '127.0.0.1', port: 0 }], sets: 2, recvBufferOctets: 65536 };
  const { addresses } = openNativeSockets(libc, options);
  let meetings = 0;
  for (let i = 0; i < 64; i++) {
    const client = createSocket({ type: 'udp4', reusePort: true }).bind(0);
    await once(client, 'listening');
    if (client.address().port === addresses[0].port) meetings++;
    client.close();
  }
  console.log(JSON.stringify({ meetings }));
`;

test('it lies outside of the range that clients get', {
  skip: process.platform === 'linux' ? false : 'only Linux tells its range',
}, async () => {
  const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1').trim().split(/\s+/);
  const [first, last] = range.map(Number) as [number, number];
  const isOutside = (port: number): boolean =>
    port >= 1024 && port <= 65_535 && (port < first || port > last);
  const ports = new Set(Array.from({ length: 200 }, serverPort));
  assert.ok([...ports].every(isOutside), [...ports].join());
  assert.ok(ports.size > 100);
  const [portable] = await freePorts(listen);
  assert.ok(isOutside(portable?.port ?? 0));
  if (noNative !== false) return;
  const { addresses, sets } = openNativeSockets(testLibc(), { listen, sets: 2, recvBufferOctets: 65_536 });
  closeNativeSockets(testLibc(), sets.flat());
  assert.ok(isOutside(addresses[0]?.port ?? 0));
});

test('no client that shares its port meets it', {
  skip: noNative !== false ? noNative : hasNamespaces ? false : 'no network namespaces here',
}, () => {
  const script = `ip link set lo up && ${FEW_PORTS} && exec "$0" --input-type=module-typescript -e "$1"`;
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [...NAMESPACE, script, process.execPath, MEETINGS],
    {
      cwd: fileURLToPath(new URL('..', import.meta.url)),
      encoding: 'utf8',
    },
  );
  assert.equal(status, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), { meetings: 0 });
});
