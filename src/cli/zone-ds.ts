import { hash } from 'node:crypto';
import { OperatorError } from '../base/errors.ts';
import { TYPE } from '../wire/constants.ts';
import { formatRecord } from '../zone/format.ts';
import { dsRdata } from '../zone/key.ts';
import { plannedKeys } from '../zone/key-state.ts';
import { EXIT_FAILED, EXIT_OK } from './command.ts';
import { readConfig } from './config-file.ts';
import { dnssecOf, namedZone, type ZoneAction } from './zone-action.ts';
import { readKeysWithStates, signingPaths } from './zone-signer.ts';
import { signingFolder } from './zone-signers.ts';

export const dsAction: ZoneAction = {
  description: 'prints the DS records that the parent zone is to have',
  options: {},
  examples: [['zone ds example.com --config isochrone.yaml', 'what to give to the registrar']],
  run: async (zone, { flags, json, terminal }) => {
    const config = readConfig(flags, terminal);
    const { origin, source } = namedZone(config, zone);
    const dnssec = dnssecOf(config, source);
    const paths = signingPaths(signingFolder(config), origin, dnssec);
    const { keys, states, problems } = readKeysWithStates(origin, paths, 0);
    if (problems.length > 0) throw new OperatorError('bad-zone', problems);
    const wanted = plannedKeys(keys, states).filter(({ isWanted }) => isWanted);
    const records = wanted.map(({ key }) => {
      const rdata = dsRdata(origin, key, (octets) => hash('sha256', octets, 'buffer'));
      return formatRecord({ owner: origin, ttl: dnssec.keyTtlS, type: TYPE.DS, rdata });
    });
    if (json) terminal.out(JSON.stringify({ ds: records }, undefined, 2));
    else for (const record of records) terminal.out(record);
    return records.length === 0 ? EXIT_FAILED : EXIT_OK;
  },
};
