import { join } from 'node:path';
import { OperatorError } from '../base/errors.ts';
import { EXIT_OK, hasFlag, textFlag } from './command.ts';
import { readConfig } from './config-file.ts';
import { ALGORITHM_NAMES, generateKey, readKeys } from './key-files.ts';
import { dnssecOf, namedZone, type ZoneAction } from './zone-action.ts';
import { signingPaths } from './zone-signer.ts';
import { signingFolder } from './zone-signers.ts';

export const keygenAction: ZoneAction = {
  description:
    'makes a key for a zone that is to be signed, in the folder of its keys: one that signs all, or\n' +
    '           with --split two, one for the keys and one for the data',
  options: {
    algorithm: {
      type: 'string',
      value: 'NAME',
      help: `of keygen: ${ALGORITHM_NAMES.join(' or ')} (default the first)`,
    },
    split: { type: 'boolean', help: 'of keygen: a KSK and a ZSK in place of a CSK' },
  },
  examples: [
    ['zone keygen example.com --config isochrone.yaml', 'a key that signs all of example.com'],
    ['zone keygen example.com --split --algorithm ed25519 --config isochrone.yaml', 'a KSK and a ZSK'],
  ],
  run: async (zone, { flags, json, terminal }) => {
    const name = textFlag(flags, 'algorithm') ?? ALGORITHM_NAMES[0];
    const algorithm = ALGORITHM_NAMES.find((one) => one === name.toLowerCase());
    if (algorithm === undefined) {
      const message = `--algorithm ${JSON.stringify(name)} is not ${ALGORITHM_NAMES.join(' or ')}`;
      throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
    }
    const config = readConfig(flags, terminal);
    const { origin, source } = namedZone(config, zone);
    const paths = signingPaths(signingFolder(config), origin, dnssecOf(config, source));
    const { keys, problems } = readKeys(paths.keys, origin);
    if (problems.length > 0) throw new OperatorError('bad-zone', problems);
    if (keys.length > 0) {
      const message = `the zone has ${keys.length} keys already: isochrone zone roll replaces one`;
      throw new OperatorError('bad-usage', [{ file: paths.keys, message }]);
    }
    const taken: number[] = [];
    const made = (hasFlag(flags, 'split') ? [true, false] : [true]).map((isEntryPoint) => {
      const one = generateKey({ origin, algorithm, isEntryPoint, folder: paths.keys, taken });
      taken.push(one.key.tag);
      return { file: join(paths.keys, one.base), tag: one.key.tag, flags: one.key.flags, algorithm };
    });
    if (json) terminal.out(JSON.stringify({ keys: made }, undefined, 2));
    else for (const { file } of made) terminal.out(`${file}.key`);
    return EXIT_OK;
  },
};
