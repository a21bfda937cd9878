import { OperatorError } from '../base/errors.ts';
import { ADMIN_OPTIONS, askAdmin } from './admin-client.ts';
import { type Command, EXIT_OK, textFlag } from './command.ts';
import { formatCount } from './format.ts';

export const invalidateCommand: Command = {
  operands: 'PATH',
  operandsMin: 1,
  operandsMax: 1,
  description:
    'Drops objects from the caches of all POPs and regions of a running process: PATH with its query as ' +
    'requests have it, or with a trailing * all that begin so. What is being fetched now is not kept.',
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
    const { dropped } = await askAdmin<{ dropped: number }>({ path: '/api/invalidations', body }, invocation);
    if (json) terminal.out(JSON.stringify({ pattern, dropped }));
    else terminal.out(`${formatCount(dropped)} ${dropped === 1 ? 'object was' : 'objects were'} dropped`);
    return EXIT_OK;
  },
};
