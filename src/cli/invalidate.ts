import { OperatorError } from '../base/errors.ts';
import type { InvalidatedView } from '../console/api-pops.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, textFlag } from './command.ts';
import { formatCount } from './format.ts';

export const invalidateCommand: Command = {
  operands: 'PATH',
  operandsMin: 1,
  operandsMax: 1,
  description:
    'Drops objects from the caches of all POPs and regions: PATH with its query as requests have it, or ' +
    'with a trailing * all that begin so. What is being fetched now is not kept. The process that is asked ' +
    'does it at once; those of other processes (`pop`, `up`) hear of it through the store, and one that is ' +
    'cut off from it does it when it is back.',
  options: {
    distribution: { type: 'string', value: 'NAME', help: 'of this distribution alone (default: of all)' },
    ...ADMIN_OPTIONS,
  },
  examples: [
    ["invalidate '/static/*'", 'everything under /static/ is fetched anew'],
    ['invalidate /index.html --distribution site', 'one object of one distribution'],
  ],
  run: async (invocation) => {
    const { operands, flags, json, terminal } = invocation;
    const [pattern = ''] = operands;
    if (!/^\/[\x21-\x7e]*$/.test(pattern)) {
      const message = `${JSON.stringify(pattern)} is not a path such as '/static/*'`;
      throw new OperatorError('bad-usage', [{ file: 'command line', message }]);
    }
    const distribution = textFlag(flags, 'distribution');
    const body = { pattern, ...(distribution === undefined ? {} : { distribution }) };
    const done = await askAdmin<InvalidatedView>({ path: '/api/invalidations', body }, invocation);
    if (json) terminal.out(JSON.stringify({ pattern, ...done }));
    else terminal.out(describe(done));
    return EXIT_OK;
  },
};

function describe({ dropped, others }: InvalidatedView): string {
  const told = 'POPs of other processes are told through the store';
  if (dropped === undefined) return told;
  const here = `${formatCount(dropped)} ${dropped === 1 ? 'object was' : 'objects were'} dropped`;
  return others ? `${here} here; ${told}` : here;
}
