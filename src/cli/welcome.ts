import { accessSync, constants } from 'node:fs';
import { delimiter, join, relative } from 'node:path';
import type { StoreState } from '../store/store.ts';
import type { Terminal } from './command.ts';
import type { Demo } from './demo.ts';
import type { Live } from './live.ts';
import { imagesText, secureLines, socketsText } from './start-lines.ts';
import type { World } from './world.ts';
import { zonesText } from './zones-text.ts';

/** A client network in Brazil, which gets another POP than most readers. */
const CLIENT = '200.147.0.0/16';

const NOT_CONNECTED = ', NOT connected yet: it is tried again and again, and answers go on';

/**
 * What `up` prints when it answers: where everything is, and commands worth trying that this machine can
 * run.
 */
export function welcome(parts: {
  readonly world: World;
  readonly live: Live;
  readonly store: StoreState;
  readonly demo: Demo;
  readonly terminal: Terminal;
  readonly areDelaysReal: boolean;
}): string[] {
  const { world, live, store, demo, terminal, areDelaysReal } = parts;
  const { fleet } = world.config;
  const [endpoint = ''] = live.dns;
  const host = endpoint.slice(0, endpoint.lastIndexOf(':')).replace(/[[\]]/g, '');
  const port = endpoint.slice(endpoint.lastIndexOf(':') + 1);
  const has = (program: string): boolean => isInPath(program, terminal.environment['PATH'] ?? '');
  const name = world.images.zones.notes.steeredName ?? 'www.cdn.example';
  const { adminUrl = '' } = live;
  const admin = adminUrl === 'http://127.0.0.1:5380' ? '' : ` --admin ${adminUrl}`;
  const ask = has('dig')
    ? `dig @${host} -p ${port} ${name} +subnet=${CLIENT}`
    : `npx isochrone ask ${name} --client ${CLIENT} --server ${endpoint}`;
  const address = has('dig')
    ? `$(dig +short @${host} -p ${port} ${name} +subnet=${CLIENT})`
    : `$(npx isochrone ask ${name} --client ${CLIENT} --server ${endpoint} --short)`;
  const page = has('curl')
    ? `curl --cacert ${fromHere(demo.caFile)} --resolve ${name}:${demo.popPort}:${address} ` +
      `"https://${name}:${demo.popPort}/?client=${CLIENT.split('/')[0]}"`
    : `npx isochrone status${admin}`;
  return [
    `Isochrone answers for ${zonesText(world.config)}: ${fleet.pops.length} POPs, ` +
      `${demo.networks} client networks of a modelled internet`,
    '',
    `  DNS      ${live.dns.join(', ')}, UDP and TCP: ${socketsText(live)}`,
    ...secureLines(live).map(([name, where]) => `  ${name.padEnd(8)} ${where}, CA ${fromHere(demo.caFile)}`),
    `  images   ${imagesText(world)}`,
    adminUrl === '' ? '  console  off' : `  console  ${adminUrl}, metrics at /metrics`,
    ...(store.address === 'memory'
      ? []
      : [`  store    ${store.address}${store.connected ? '' : NOT_CONNECTED}`]),
    `  POPs     HTTPS on ${demo.popAddresses} loopback addresses, port ${demo.popPort}`,
    ...(areDelaysReal ? ['  delays   real, for the addresses of `isochrone clients`'] : []),
    '',
    'Try, in another terminal, as a client in Brazil:',
    '',
    `  ${ask}`,
    ...(adminUrl === '' ? [] : [`  npx isochrone explain ${name} --client ${CLIENT}${admin}`]),
    `  ${page}`,
    '',
    ...world.answering.clients().attribution,
    'Stop with Ctrl-C.',
  ];
}

function isInPath(program: string, path: string): boolean {
  return path.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** A path to paste: short where that is possible, quoted where a shell would take it apart. */
function fromHere(path: string): string {
  const short = relative('', path);
  const shown = short.startsWith('..') ? path : short;
  return /^[\w./@%+=:,-]+$/.test(shown) ? shown : `'${shown.replaceAll("'", "'\\''")}'`;
}
