import type { SecondaryZone } from '../console/api-zones.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { EXIT_FAILED, EXIT_OK } from './command.ts';
import { formatSpan } from './format.ts';
import type { ZoneAction } from './zone-action.ts';

export const transfersAction: ZoneAction = {
  description: 'shows how the zones stand that come from other name servers, in a running process',
  options: ADMIN_OPTIONS,
  examples: [['zone transfers', 'serials, when they were confirmed, when they expire, and what fails']],
  run: async (zone, invocation) => {
    const { json, terminal } = invocation;
    const { secondaries } = await askAdmin<{ secondaries: readonly SecondaryZone[] }>(
      { path: '/api/zones' },
      invocation,
    );
    const bare = (name: string): string => name.toLowerCase().replace(/\.$/, '');
    const shown = secondaries.filter(({ origin }) => zone === '' || bare(origin) === bare(zone));
    if (json) terminal.out(JSON.stringify({ secondaries: shown }, undefined, 2));
    else if (shown.length === 0) terminal.out('no such zone comes from elsewhere');
    else for (const one of shown) terminal.out(lineOf(one, Date.now()));
    return shown.some(({ isExpired }) => isExpired) ? EXIT_FAILED : EXIT_OK;
  },
};

function lineOf(one: SecondaryZone, nowMs: number): string {
  const { origin, serial, confirmedAtMs, expiresAtMs, nextLookMs, isExpired, fault } = one;
  const parts = [serial === undefined ? 'never came' : `serial ${serial}`];
  if (confirmedAtMs !== undefined) parts.push(`confirmed ${formatSpan(nowMs - confirmedAtMs)} ago`);
  if (isExpired && serial !== undefined) parts.push('expired');
  else if (expiresAtMs !== undefined)
    parts.push(`expires in ${formatSpan(Math.max(0, expiresAtMs - nowMs))}`);
  parts.push(`looked for in ${formatSpan(Math.max(0, nextLookMs - nowMs))}`);
  if (fault !== undefined) parts.push(fault);
  return `${origin}  ${parts.join(', ')}`;
}
