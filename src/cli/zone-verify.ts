import { readFileSync } from 'node:fs';
import { formatProblem, OperatorError, type Problem } from '../base/errors.ts';
import { parseMaster } from '../zone/master.ts';
import type { ZoneRecord } from '../zone/record.ts';
import { verifyZone } from '../zone/verify.ts';
import { EXIT_FAILED, EXIT_OK, type Invocation, textFlag } from './command.ts';
import { readConfig } from './config-file.ts';
import { isSignatureBy } from './key-files.ts';
import { namedZone, type ZoneAction } from './zone-action.ts';
import { signedView, VIEW_OPTIONS } from './zone-view.ts';

/** Problems printed at most. */
const PROBLEMS_MAX = 1000;

export const verifyAction: ZoneAction = {
  description:
    'checks every signature of a signed zone, when it ends, and the chain of denials: of the zone as\n' +
    '           it is served, or of a FILE. Exit code 1 where anything is wrong',
  options: {
    ...VIEW_OPTIONS,
    file: {
      type: 'string',
      value: 'FILE',
      help: 'of verify: a signed master file in place of what is served',
    },
  },
  examples: [
    ['zone verify example.com --config isochrone.yaml', 'whether a validator accepts what is served'],
    ['zone verify example.com --file signed.zone --config isochrone.yaml', 'the same of a file'],
  ],
  run: async (zone, invocation) => {
    const { json, terminal } = invocation;
    const { origin, records, made } = await recordsOf(zone, invocation);
    const nowS = Math.floor(Date.now() / 1000);
    const { problems, rrsets, expiresS } = verifyZone(origin, records, { nowS, isBy: isSignatureBy });
    const ok = problems.length === 0;
    const expires = Number.isFinite(expiresS) ? new Date(expiresS * 1000).toISOString() : undefined;
    const shown = problems.slice(0, PROBLEMS_MAX);
    if (json) terminal.out(JSON.stringify({ ok, rrsets, expires, made, problems: shown }, undefined, 2));
    else {
      for (const problem of shown) terminal.out(formatProblem(problem));
      const fresh = made === 0 ? '' : `; ${made} of the signatures were not kept, but made now`;
      const until = expires === undefined ? '' : `; the first signature expires ${expires}`;
      terminal.out(`${ok ? 'good' : 'bad'}: ${rrsets} RRsets, ${problems.length} problems${until}${fresh}`);
    }
    return ok ? EXIT_OK : EXIT_FAILED;
  },
};

async function recordsOf(
  zone: string,
  invocation: Invocation,
): Promise<{ origin: Uint8Array; records: readonly ZoneRecord[]; made: number }> {
  const file = textFlag(invocation.flags, 'file');
  if (file === undefined) {
    const { origin, signed } = await signedView(zone, invocation);
    return { origin, records: signed.records, made: signed.signing.done.made };
  }
  const { flags, terminal } = invocation;
  const { origin } = namedZone(readConfig(flags, terminal), zone);
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
  };
  const { records, problems } = parseMaster({ text: terminal.readText(file), file, origin, read });
  if (problems.length > 0) throw new OperatorError('bad-zone', problems as readonly Problem[]);
  return { origin, records, made: 0 };
}
