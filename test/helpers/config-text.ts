import assert from 'node:assert/strict';
import { formatProblem, OperatorError } from '../../src/base/errors.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';

/** Reads configurations that begin with this text and name no file; or what is wrong with them. */
export function configTexts(begin: string): {
  readonly load: (text: string) => Config;
  readonly problems: (text: string) => string[];
} {
  const load = (text: string): Config =>
    loadConfig({ text: begin + text, file: 'c.yaml', read: () => assert.fail('nothing to read') });
  const problems = (text: string): string[] => {
    try {
      load(text);
    } catch (error) {
      assert.ok(error instanceof OperatorError);
      return error.problems.map(formatProblem);
    }
    return assert.fail('it has no faults');
  };
  return { load, problems };
}
