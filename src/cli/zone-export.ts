import { formatRecord } from '../zone/format.ts';
import { EXIT_OK } from './command.ts';
import type { ZoneAction } from './zone-action.ts';
import { signedView, VIEW_OPTIONS } from './zone-view.ts';

export const exportAction: ZoneAction = {
  description:
    'prints the signed zone as a master file, steered names as one client gets them;\n' +
    '           a running server is asked for those',
  options: VIEW_OPTIONS,
  examples: [
    [
      'zone export example.com --client 203.0.113.5 --config isochrone.yaml',
      'the zone as that client sees it',
    ],
  ],
  run: async (zone, invocation) => {
    const { signed } = await signedView(zone, invocation);
    const { json, terminal } = invocation;
    const lines = signed.records.map(formatRecord);
    if (json) terminal.out(JSON.stringify({ records: lines }, undefined, 2));
    else for (const line of lines) terminal.out(line);
    return EXIT_OK;
  },
};
