import { OperatorError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import type { Command, Invocation } from './command.ts';
import { CONFIG_OPTION } from './config-file.ts';
import type { ZoneAction } from './zone-action.ts';
import { dsAction } from './zone-ds.ts';
import { exportAction } from './zone-export.ts';
import { keygenAction } from './zone-keygen.ts';
import { diffAction, reloadAction } from './zone-reload.ts';
import { keysAction, rollAction } from './zone-roll.ts';
import { transfersAction } from './zone-secondaries.ts';
import { verifyAction } from './zone-verify.ts';

/** By name, in the order in which the help lists them. */
const ACTIONS: Readonly<Record<string, ZoneAction>> = {
  reload: reloadAction,
  diff: diffAction,
  transfers: transfersAction,
  keygen: keygenAction,
  ds: dsAction,
  keys: keysAction,
  roll: rollAction,
  export: exportAction,
  verify: verifyAction,
};

export const zoneCommand: Command = {
  operands: 'ACTION [ZONE]',
  operandsMin: 1,
  operandsMax: 2,
  words: Object.keys(ACTIONS),
  description: [
    'Does something with zones:',
    '',
    ...Object.entries(ACTIONS).map(([name, { description }]) => `  ${name.padEnd(10)} ${description}`),
  ].join('\n'),
  options: Object.assign({ ...CONFIG_OPTION }, ...Object.values(ACTIONS).map(({ options }) => options)),
  examples: Object.values(ACTIONS).flatMap(({ examples }) => examples),
  run: (invocation: Invocation) => {
    const [name = '', zone = ''] = invocation.operands;
    const action = Object.hasOwn(ACTIONS, name) ? ACTIONS[name] : undefined;
    if (action !== undefined) return action.run(zone, invocation);
    const meant = nearest(name, Object.keys(ACTIONS));
    const hint = meant === undefined ? Object.keys(ACTIONS).join(', ') : `did you mean ${meant}?`;
    const message = `no such action: ${JSON.stringify(name)}; ${hint}`;
    throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
  },
};
