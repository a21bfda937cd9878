import { formatProblem } from '../base/errors.ts';
import type { ReloadedZone } from '../console/api-zones.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { EXIT_FAILED, EXIT_OK, hasFlag, type Invocation } from './command.ts';
import type { ZoneAction } from './zone-action.ts';

const OPTIONS: ZoneAction['options'] = {
  ...ADMIN_OPTIONS,
  force: { type: 'boolean', help: 'reload: take a zone although its serial is not newer' },
};

/** Reading many large zones takes longer than other requests. */
const TIMEOUT_MS = 120_000;

export const reloadAction: ZoneAction = {
  description:
    'has a running process read ZONE (or all) from its file again, and shows what changed. A zone that is\n' +
    '             broken stays as it was; so does one that others transfer whose serial is not newer.',
  options: OPTIONS,
  examples: [
    ['zone reload cdn.example', 'take a changed zone file now, and see what changed'],
    ['zone reload', 'the same for all zones'],
  ],
  run: (zone, invocation) => reload(zone, invocation, false),
};

export const diffAction: ZoneAction = {
  description: 'shows what `reload` would change in ZONE (or all), and changes nothing',
  options: OPTIONS,
  examples: [['zone diff cdn.example', 'what the file says that is not served yet']],
  run: (zone, invocation) => reload(zone, invocation, true),
};

async function reload(zone: string, invocation: Invocation, dry: boolean): Promise<number> {
  const { flags, json, terminal } = invocation;
  const body = { ...(zone === '' ? {} : { zone }), force: hasFlag(flags, 'force'), dry };
  const { zones } = await askAdmin<{ zones: readonly ReloadedZone[] }>(
    { path: '/api/zones/reload', body, timeoutMs: TIMEOUT_MS },
    invocation,
  );
  if (json) terminal.out(JSON.stringify({ zones }, undefined, 2));
  else
    for (const one of zones)
      for (const line of linesOf(one, { dry, isNamed: zone !== '' })) terminal.out(line);
  if (!json && zones.every(({ kind }) => kind === 'same') && zone === '') terminal.out('no zone changed');
  return zones.some(({ kind }) => kind === 'broken') ? EXIT_FAILED : EXIT_OK;
}

function linesOf(
  { origin, kind, problems, serial, serialBefore, removed, added }: ReloadedZone,
  how: { readonly dry: boolean; readonly isNamed: boolean },
): string[] {
  if (kind === 'same') return how.isNamed ? [`${origin} is as it was: serial ${serial}`] : [];
  const lines = problems.map(formatProblem);
  if (kind === 'broken') lines.push(`${origin} stays as it is: what was read is not fit to serve`);
  else {
    const serials = serialBefore === undefined ? `serial ${serial}` : `serial ${serialBefore} to ${serial}`;
    const [go, come] = how.dry ? ['go', 'come'] : ['went', 'came'];
    const counts = `${removed?.count ?? 0} records ${go}, ${added?.count ?? 0} ${come}`;
    lines.push(`${origin} ${how.dry ? 'would change' : 'changed'}: ${serials}, ${counts}`);
  }
  for (const [sign, records] of [
    ['-', removed],
    ['+', added],
  ] as const) {
    for (const line of records?.lines ?? []) lines.push(`${sign} ${line}`);
    const more = (records?.count ?? 0) - (records?.lines.length ?? 0);
    if (more > 0) lines.push(`${sign} and ${more} more`);
  }
  return lines;
}
