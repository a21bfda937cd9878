import { fileURLToPath } from 'node:url';
import { referencePage, schemaFile } from '../config/reference.ts';
import { type Command, EXIT_FAILED, EXIT_OK, hasFlag } from './command.ts';

/** Generated files by their path in the repository. */
const GENERATED: readonly (readonly [path: string, text: () => string])[] = [
  ['docs/configuration.md', referencePage],
  ['deploy/isochrone.schema.json', schemaFile],
];

export const docsCommand: Command = {
  operands: '',
  operandsMin: 0,
  operandsMax: 0,
  description:
    'Writes docs/configuration.md and deploy/isochrone.schema.json from the schema of the ' +
    'configuration. Run it after changing the schema; a test fails while they differ.',
  options: {
    check: { type: 'boolean', help: 'write nothing; exit code 1 if a file is not current' },
  },
  examples: [
    ['docs', 'write the two files'],
    ['docs --check', 'say which of them is not current'],
  ],
  run: async ({ flags, json, terminal }) => {
    const files = GENERATED.map(([path, text]) => {
      const file = fileURLToPath(new URL(`../../${path}`, import.meta.url));
      return {
        path,
        file,
        text: text(),
        current: terminal.exists(file) && terminal.readText(file) === text(),
      };
    });
    const stale = files.filter(({ current }) => !current);
    if (!hasFlag(flags, 'check')) for (const { file, text } of stale) terminal.writeText(file, text);
    const names = stale.map(({ path }) => path);
    const checked = hasFlag(flags, 'check');
    if (json) terminal.out(JSON.stringify(checked ? { stale: names } : { written: names }));
    else if (names.length === 0) terminal.out('all generated files are current');
    else for (const name of names) terminal.out(`${checked ? 'not current' : 'written'}: ${name}`);
    return checked && names.length > 0 ? EXIT_FAILED : EXIT_OK;
  },
};
