import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, type ConfigSource, loadConfig } from '../config/config.ts';
import { type Command, type Flags, type Terminal, textFlag } from './command.ts';

/** The flag that names the configuration, for every command that reads it. */
export const CONFIG_OPTION: Command['options'] = {
  config: {
    type: 'string',
    value: 'FILE',
    help: 'configuration file (default: that of the demo, geo-data/demo/demo.yaml)',
  },
};

/**
 * Reads the configuration that `--config` names, or that of the demo. Throws `OperatorError` with every
 * problem.
 */
export function readConfig(flags: Flags, terminal: Terminal): Config {
  return loadConfig(configSource(flags, terminal));
}

/** Text of that configuration, not yet checked. Throws `OperatorError('not-found')`. */
export function configSource(flags: Flags, terminal: Terminal): ConfigSource {
  const file = textFlag(flags, 'config') ?? demoConfigFile();
  const { readText: read, listFolder: list } = terminal;
  return { text: read(file), file, read, list };
}

/** Path of the demo's configuration, as short as it can be said from here. */
function demoConfigFile(): string {
  const path = fileURLToPath(new URL('../../geo-data/demo/demo.yaml', import.meta.url));
  const short = relative('', path);
  return short.startsWith('..') ? path : short;
}
