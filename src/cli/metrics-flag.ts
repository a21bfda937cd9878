import { type Endpoint, parseEndpoint } from '../config/scalars.ts';
import { type Command, type Flags, textFlag } from './command.ts';
import type { ValueReader } from './values.ts';

/** The flag of roles without a console: where their metrics are. */
export const METRICS_OPTION: Command['options'] = {
  'admin-port': {
    type: 'string',
    value: '[ADDR:]N',
    help: 'port of /metrics, on 127.0.0.1 unless an address is given (0: any free one; default: none)',
  },
};

/** Where metrics are to be served; undefined: nowhere. */
export function metricsEndpoint(flags: Flags, reader: ValueReader): Endpoint | undefined {
  const text = textFlag(flags, 'admin-port');
  if (text?.includes(':') !== true) {
    const port = reader.whole('admin-port', text, { min: 0, max: 65_535, what: 'a port' });
    return port === undefined ? undefined : { host: '127.0.0.1', port };
  }
  const endpoint = parseEndpoint(text);
  return typeof endpoint === 'string' ? reader.wrong(`--admin-port ${endpoint}`) : endpoint;
}
