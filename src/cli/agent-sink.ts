import { OperatorError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { createIngestClient } from '../probe/ingest-client.ts';
import type { IngestAddress } from '../probe/ingest-http.ts';
import type { Sink } from '../probe/sink.ts';
import { type Command, type Flags, type Terminal, textFlag } from './command.ts';
import { systemClock } from './live.ts';
import { openStore } from './open-store.ts';
import type { ValueReader } from './values.ts';

/** Flags that say where an agent without a way to the store posts. */
export const INGEST_OPTIONS: Command['options'] = {
  ingest: {
    type: 'string',
    value: 'URL',
    help: 'post to this listener (https://HOST:PORT) instead of writing to the store',
  },
  token: {
    type: 'string',
    value: 'SECRET',
    help: 'secret of this POP for --ingest; ISOCHRONE_INGEST_TOKEN does as well, and nobody sees it',
  },
  'ingest-ca': {
    type: 'string',
    value: 'FILE',
    help: "PEM of the authority that signed the listener's certificate (default: the system's)",
  },
};

/** Where the flags say that an agent posts; undefined: it writes to the store. Problems go to the reader. */
export function ingestFlags(
  flags: Flags,
  terminal: Terminal,
  reader: ValueReader,
): IngestAddress | undefined {
  const url = textFlag(flags, 'ingest');
  const caFile = textFlag(flags, 'ingest-ca');
  const given = textFlag(flags, 'token');
  if (url === undefined) {
    for (const [name, value] of Object.entries({ token: given, 'ingest-ca': caFile }))
      if (value !== undefined) reader.wrong(`--${name} stands with --ingest`);
    return undefined;
  }
  const token = given ?? terminal.environment['ISOCHRONE_INGEST_TOKEN'] ?? '';
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const isBare = parsed?.pathname === '/' && parsed.search === '' && parsed.username === '';
  if (!isBare || !/^https?:$/.test(parsed?.protocol ?? ''))
    reader.wrong(`--ingest ${JSON.stringify(url)} is neither https://HOST:PORT nor http://HOST:PORT`);
  if (textFlag(flags, 'store') !== undefined) reader.wrong('--store and --ingest do not stand together');
  if (!/^[\x21-\x7e]{1,256}$/.test(token))
    reader.wrong('--ingest needs the secret of the POP: --token SECRET, or ISOCHRONE_INGEST_TOKEN');
  return { url, token, ...(caFile === undefined ? {} : { ca: readCa(caFile, terminal, reader) }) };
}

/** Where an agent's findings go. Throws `OperatorError` where there is no such place. */
export async function openSink(config: Config, ingest: IngestAddress | undefined): Promise<Sink> {
  if (ingest !== undefined) return createIngestClient(ingest, systemClock);
  if (config.store !== 'memory') return openStore(config);
  const message =
    'an agent needs a store that others see: --store redis://…, `store` in the configuration, or --ingest';
  throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
}

function readCa(path: string, terminal: Terminal, reader: ValueReader): string {
  try {
    return terminal.readText(path);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    reader.wrong(
      `--ingest-ca ${JSON.stringify(path)}: ${error.problems.map(({ message }) => message).join('; ')}`,
    );
    return '';
  }
}
