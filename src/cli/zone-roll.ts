import { OperatorError } from '../base/errors.ts';
import { formatTable } from '../base/text-table.ts';
import { addAlgorithm, whyNoAlgorithm } from '../zone/algorithm-roll.ts';
import { ALGORITHM } from '../zone/key.ts';
import type { KeyPhase, KeyRole, KeyState } from '../zone/key-state.ts';
import { addKey, type RolloverTimes, waitOf, whyNotNow } from '../zone/rollover.ts';
import { EXIT_OK, hasFlag, type Invocation, textFlag } from './command.ts';
import { readConfig } from './config-file.ts';
import { rolloverTimes } from './key-care.ts';
import { ALGORITHM_NAMES, generateKey } from './key-files.ts';
import { readSaved, writeSaved } from './saved-files.ts';
import { dnssecOf, namedZone, type ZoneAction } from './zone-action.ts';
import { readKeysWithStates, type Served, signingPaths } from './zone-signer.ts';
import { signingFolder } from './zone-signers.ts';

export const keysAction: ZoneAction = {
  description: 'shows the keys of a zone, where each stands in its life and what it waits for',
  options: {},
  examples: [['zone keys example.com --config isochrone.yaml', 'which key signs, which one comes and goes']],
  run: async (zone, invocation) => {
    const { states, times } = open(zone, invocation);
    const { json, terminal } = invocation;
    const waits = states.map((state) => ({ ...state, waitsFor: waitOf(state, times) }));
    if (json) terminal.out(JSON.stringify({ keys: waits }, undefined, 2));
    else for (const line of keyLines(waits)) terminal.out(line);
    return EXIT_OK;
  },
};

export const rollAction: ZoneAction = {
  description:
    'replaces a key: makes the next one, which a running server then brings into use step by step.\n' +
    "           --ds-published and --ds-withdrawn say what the parent has, where the server can't ask it",
  options: {
    algorithm: {
      type: 'string',
      value: 'NAME',
      help: `of roll: another algorithm for the zone, all keys at once: ${ALGORITHM_NAMES.join(' or ')}`,
    },
    role: { type: 'string', value: 'ROLE', help: 'of roll: csk, ksk or zsk (default: the only one, or zsk)' },
    'ds-published': { type: 'boolean', help: "of roll: the parent has the new key's DS" },
    'ds-withdrawn': { type: 'boolean', help: "of roll: the parent's DS of the old key is gone" },
  },
  examples: [
    ['zone roll example.com --role ksk --config isochrone.yaml', 'begin to replace the KSK'],
    ['zone roll example.com --algorithm ed25519 --config isochrone.yaml', 'begin to change the algorithm'],
    ['zone roll example.com --ds-published --config isochrone.yaml', 'go on: the registrar has the new DS'],
  ],
  run: async (zone, invocation) => {
    const opened = open(zone, invocation);
    const { origin, paths, states, times } = opened;
    const { flags, json, terminal } = invocation;
    const nowS = Math.floor(Date.now() / 1000);
    let next: readonly KeyState[];
    const algorithmName = textFlag(flags, 'algorithm');
    if (hasFlag(flags, 'ds-published')) next = withDs(states, ['published', 'offered'], nowS);
    else if (hasFlag(flags, 'ds-withdrawn')) next = withDs(states, ['retiring', 'leaving'], nowS);
    else if (algorithmName !== undefined) next = withAlgorithm(opened, algorithmName, nowS);
    else {
      const role = roleOf(textFlag(flags, 'role'), states);
      const why = whyNotNow(states, role);
      if (why !== undefined) throw usage(why);
      const { algorithm } = states.find(
        (state) => state.role === role && state.phase === 'active',
      ) as KeyState;
      const { key } = generateKey({
        origin,
        algorithm: algorithm === 15 ? ALGORITHM_NAMES[1] : ALGORITHM_NAMES[0],
        isEntryPoint: role !== 'zsk',
        folder: paths.keys,
        taken: states.map(({ tag }) => tag),
      });
      next = addKey(states, { tag: key.tag, algorithm, role }, nowS);
    }
    writeSaved(paths.states, JSON.stringify(next, undefined, 1));
    const waits = next.map((state) => ({ ...state, waitsFor: waitOf(state, times) }));
    if (json) terminal.out(JSON.stringify({ keys: waits }, undefined, 2));
    else for (const line of keyLines(waits)) terminal.out(line);
    return EXIT_OK;
  },
};

interface OpenKeys {
  readonly origin: Uint8Array;
  readonly paths: ReturnType<typeof signingPaths>;
  readonly states: readonly KeyState[];
  readonly times: RolloverTimes;
}

function open(zone: string, { flags, terminal }: Invocation): OpenKeys {
  const config = readConfig(flags, terminal);
  const { origin, source } = namedZone(config, zone);
  const dnssec = dnssecOf(config, source);
  const paths = signingPaths(signingFolder(config), origin, dnssec);
  const { states, problems } = readKeysWithStates(origin, paths, Math.floor(Date.now() / 1000));
  if (problems.length > 0) throw new OperatorError('bad-zone', problems);
  if (states.length === 0) throw usage('the zone has no keys: isochrone zone keygen');
  return { origin, paths, states, times: rolloverTimes(dnssec, readSaved<Served>(paths.served)) };
}

function usage(message: string): OperatorError {
  return new OperatorError('bad-usage', [{ file: 'command line', message }]);
}

function roleOf(text: string | undefined, states: readonly KeyState[]): KeyRole {
  const roles = ['csk', 'ksk', 'zsk'] as const;
  const active = states.filter(({ phase }) => phase === 'active').map(({ role }) => role);
  if (text === undefined) return active.length === 1 ? (active[0] as KeyRole) : 'zsk';
  const role = roles.find((one) => one === text);
  if (role === undefined) throw usage(`--role ${JSON.stringify(text)} is not csk, ksk or zsk`);
  return role;
}

/** Makes keys of another algorithm, in the roles that those of now have. */
function withAlgorithm({ origin, paths, states }: OpenKeys, name: string, nowS: number): KeyState[] {
  const algorithmName = ALGORITHM_NAMES.find((one) => one === name.toLowerCase());
  if (algorithmName === undefined)
    throw usage(`--algorithm ${JSON.stringify(name)} is not ${ALGORITHM_NAMES.join(' or ')}`);
  const algorithm = algorithmName === 'ed25519' ? ALGORITHM.ED25519 : ALGORITHM.ECDSAP256SHA256;
  const why = whyNoAlgorithm(states, algorithm);
  if (why !== undefined) throw usage(why);
  const roles = new Set(states.filter(({ phase }) => phase === 'active').map(({ role }) => role));
  const taken = states.map(({ tag }) => tag);
  const made = [...roles].map((role) => {
    const isEntryPoint = role !== 'zsk';
    const { key } = generateKey({
      origin,
      algorithm: algorithmName,
      isEntryPoint,
      folder: paths.keys,
      taken: [...taken],
    });
    taken.push(key.tag);
    return { tag: key.tag, algorithm, role };
  });
  return addAlgorithm(states, made, nowS);
}

function withDs(states: readonly KeyState[], phases: readonly KeyPhase[], nowS: number): KeyState[] {
  const isMeant = (state: KeyState): boolean =>
    phases.includes(state.phase) && state.role !== 'zsk' && state.dsS === undefined;
  if (!states.some(isMeant)) throw usage('no key waits for that');
  return states.map((state) => (isMeant(state) ? { ...state, dsS: nowS } : state));
}

const COLUMNS = [{ title: 'tag', right: true }, { title: 'algorithm', right: true }, { title: 'role' }];

function keyLines(states: readonly (KeyState & { readonly waitsFor: string | undefined })[]): string[] {
  const columns = [...COLUMNS, { title: 'phase' }, { title: 'since' }, { title: 'waits for' }];
  const rows = states.map(({ tag, algorithm, role, phase, sinceS, waitsFor }) => [
    String(tag),
    String(algorithm),
    role,
    phase,
    new Date(sinceS * 1000).toISOString().slice(0, 19),
    waitsFor ?? '',
  ]);
  return formatTable(columns, rows);
}
