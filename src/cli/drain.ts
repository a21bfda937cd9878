import { OperatorError } from '../base/errors.ts';
import type { StatusView } from '../console/api.ts';
import { activeOverrides, drainWords } from '../steering/fleet-state.ts';
import { MAINTENANCE } from '../steering/maintenance.ts';
import { openRedisStore } from '../store/redis.ts';
import type { Override, Store } from '../store/store.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, type Invocation, textFlag } from './command.ts';
import { formatSpan } from './format.ts';
import { popCodeOf, valueReader } from './values.ts';

const STORE_OPTIONS: Command['options'] = {
  store: { type: 'string', value: 'URL', help: 'write to this Redis instead of asking a running process' },
  cluster: { type: 'string', value: 'NAME', help: 'name of the cluster in that Redis (default isochrone)' },
};

const REASON_MAX = 200;

export const drainCommand: Command = {
  operands: '[POP]',
  operandsMin: 0,
  operandsMax: 1,
  description:
    'New answers avoid the POP from the next query on, at most a second later; clients that hold an ' +
    'old answer leave when its TTL ends. The drain is kept in the store: with Redis it survives ' +
    'restarts. It beats every measurement. Without POP it lists those that are drained, by operators ' +
    'and by maintenance windows.',
  options: {
    for: {
      type: 'string',
      value: 'TIME',
      help: 'ends by itself after 90s, 10m, 2h, 1d (default: until restored)',
    },
    reason: { type: 'string', value: 'TEXT', help: 'why, for colleagues: shown by status and explain' },
    ...ADMIN_OPTIONS,
    ...STORE_OPTIONS,
  },
  examples: [
    ['drain FRA --for 2h --reason "router upgrade"', 'send new clients of Frankfurt elsewhere for two hours'],
    ['drain', 'what is drained now, until when and why'],
    ['drain FRA --store redis://127.0.0.1:6379', 'the same when no process answers, straight in Redis'],
  ],
  run: async (invocation) => {
    const { operands, flags, json, terminal } = invocation;
    const reader = valueReader();
    const [operand] = operands;
    if (operand === undefined) return listDrains(invocation);
    const pop = popCodeOf(operand, reader);
    const forSeconds = reader.seconds('for', textFlag(flags, 'for'));
    const reason = textFlag(flags, 'reason') ?? '';
    if (reason.length > REASON_MAX) reader.wrong(`--reason is longer than ${REASON_MAX} characters`);
    if (reader.problems.length > 0) throw new OperatorError('bad-usage', reader.problems);
    const body = { reason, ...(forSeconds === undefined ? {} : { forSeconds }) };
    const override = await changeOverride(invocation, pop, { body, path: 'drain' });
    if (json) terminal.out(JSON.stringify({ pop, override }, undefined, 2));
    else {
      const until =
        override?.untilMs === undefined
          ? 'until restored'
          : `for ${formatSpan(override.untilMs - override.sinceMs)}`;
      terminal.out(`${pop} is drained ${until}; undo it with: isochrone restore ${pop}`);
    }
    return EXIT_OK;
  },
};

export const restoreCommand: Command = {
  operands: 'POP',
  operandsMin: 1,
  operandsMax: 1,
  description:
    'Ends the drain of a POP: it is chosen again as its measurements deserve. Harmless where there is ' +
    'none.',
  options: { ...ADMIN_OPTIONS, ...STORE_OPTIONS },
  examples: [['restore FRA', 'let Frankfurt serve again']],
  run: async (invocation) => {
    const reader = valueReader();
    const pop = popCodeOf(invocation.operands[0] as string, reader);
    if (reader.problems.length > 0) throw new OperatorError('bad-usage', reader.problems);
    await changeOverride(invocation, pop, { body: {}, path: 'restore' });
    const { json, terminal, flags } = invocation;
    // Only a running process knows its configuration's windows.
    const drained = flags['store'] === undefined ? await drainedPops(invocation) : [];
    const still = drained.find(({ code, why }) => code === pop && why.includes(MAINTENANCE));
    if (json) terminal.out(JSON.stringify({ pop, restored: still === undefined, still: still?.why }));
    else if (still === undefined) terminal.out(`${pop} is restored`);
    else terminal.out(`${pop} has no drain of an operator, but is still ${still.why}`);
    return EXIT_OK;
  },
};

/** Says what is drained: as a running process has it, or with `--store` what operators wrote there. */
async function listDrains(invocation: Invocation): Promise<number> {
  const { flags, json, terminal } = invocation;
  for (const flag of ['for', 'reason'])
    if (textFlag(flags, flag) !== undefined)
      throw new OperatorError('bad-usage', [{ file: 'command line', message: `--${flag}: of which POP?` }]);
  const drained = await (flags['store'] === undefined ? drainedPops(invocation) : storedDrains(invocation));
  if (json) terminal.out(JSON.stringify({ drained }, undefined, 2));
  else if (drained.length === 0) terminal.out('no POP is drained');
  else for (const { code, why } of drained) terminal.out(`${code}  ${why}`);
  return EXIT_OK;
}

interface Drained {
  readonly code: string;
  /** `drained until …: the reason`. */
  readonly why: string;
}

async function drainedPops(invocation: Invocation): Promise<readonly Drained[]> {
  const { pops } = await askAdmin<StatusView>({ path: '/api/status' }, invocation);
  return pops.filter(({ state }) => state === 'drained').map(({ code, why = 'drained' }) => ({ code, why }));
}

async function storedDrains(invocation: Invocation): Promise<readonly Drained[]> {
  const overrides = await inStore(invocation, (store) => store.overrides());
  const active = activeOverrides(overrides, Date.now());
  return [...active.values()].map((override) => ({ code: override.pop, why: drainWords(override) }));
}

/** Does something in the Redis that `--store` names. */
async function inStore<T>({ flags }: Invocation, act: (store: Store) => Promise<T>): Promise<T> {
  const url = textFlag(flags, 'store') ?? '';
  const store = await openRedisStore({ url, cluster: textFlag(flags, 'cluster') ?? 'isochrone' });
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

interface Change {
  readonly path: 'drain' | 'restore';
  readonly body: { readonly reason?: string; readonly forSeconds?: number };
}

/** Through the running process, or straight in Redis with `--store`. */
async function changeOverride(
  invocation: Invocation,
  pop: string,
  change: Change,
): Promise<Override | undefined> {
  if (textFlag(invocation.flags, 'store') === undefined) {
    const request = { path: `/api/pops/${pop}/${change.path}`, body: change.body };
    return (await askAdmin<{ override?: Override }>(request, invocation)).override;
  }
  const override = change.path === 'drain' ? drainOf(pop, change.body, Date.now()) : undefined;
  await inStore(invocation, (store) => store.setOverride(pop, override));
  return override;
}

function drainOf(pop: string, body: Change['body'], nowMs: number): Override {
  const { reason = '', forSeconds } = body;
  const until = forSeconds === undefined ? {} : { untilMs: nowMs + forSeconds * 1000 };
  return { pop, state: 'drain', reason, sinceMs: nowMs, ...until };
}
