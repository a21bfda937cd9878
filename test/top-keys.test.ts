import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startAdmin } from '../src/console/admin.ts';
import { adminApi } from './helpers/admin.ts';
import { runTool } from './helpers/program.ts';

/** `isochrone top` on a terminal of its own (test/helpers/keys.py). */

const { code: noPython } = await runTool('python3', ['-c', 'import pty']);
const skip = noPython === 0 ? false : 'no python3 on this machine';
const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const TOKEN = 'a-token-for-the-tests';
/** Of a terminal: whether it gives lines, and whether it shows what is typed. */
const COOKED = [true, true];
const RAW = [false, false];

let url = '';
let close = async (): Promise<void> => undefined;
after(() => close());
before(async () => {
  const onError = (error: unknown): void => assert.fail(String(error));
  const listen = { host: '127.0.0.1', port: 0 };
  const admin = await startAdmin({ listen, token: TOKEN, tokenWhere: 'here', api: adminApi(), onError });
  close = admin.close;
  url = admin.url;
});

interface Ended {
  readonly before: readonly boolean[];
  readonly during: readonly boolean[];
  readonly after: readonly boolean[];
  readonly code: number;
  readonly printed: string;
}

/** What became of a run of `top`: after each text comes the key, or the signal. */
async function press(...steps: readonly (readonly [text: string, act: string])[]): Promise<Ended> {
  const top = [process.execPath, path('../src/main.ts'), 'top', '--every', '30'];
  const tool = [path('helpers/keys.py'), JSON.stringify(steps), ...top, '--admin', url, '--token', TOKEN];
  const { code, out, err } = await runTool('python3', tool);
  assert.equal(code, 0, out + err);
  return JSON.parse(out);
}

const HINT = '? for keys';

test('keys sort at once, ? says which there are, and q ends it', { skip }, async () => {
  const { code, printed, ...modes } = await press(
    [`sorted by rate; ${HINT}`, 'n'],
    [`sorted by name; ${HINT}`, '\u001b[A'],
    ['', '?'],
    ['sort by: r rate, n name, l load, u used, p price; q: quit', 'u'],
    ['sort by:', '?'],
    [`sorted by used; ${HINT}`, 'zq'],
  );
  assert.deepEqual([code, modes], [0, { before: COOKED, during: RAW, after: COOKED }]);
  // The POP that is fullest is not the one that is named most.
  const popsBy = (sort: string): string[] => {
    const shown =
      printed
        .slice(0, printed.indexOf(`sorted by ${sort}`))
        .split('\u001b[H')
        .at(-1) ?? '';
    return [...shown.matchAll(/^ +\d+ {2}([A-Z]{3}) /gm)].map(([, pop = '']) => pop);
  };
  assert.deepEqual(popsBy('rate').toSorted(), popsBy('used').toSorted());
  assert.notDeepEqual(popsBy('rate'), popsBy('used'));
});

test('the terminal is as before after Ctrl-C, signals, and a fault', { skip }, async () => {
  const there = url;
  const [interrupted, ended, hungUp] = await Promise.all([
    press([HINT, '\u0003']),
    press([HINT, 'SIGTERM']),
    press([HINT, 'SIGHUP']),
  ]);
  url = 'http://127.0.0.1:1';
  const failed = await press();
  url = there;
  assert.deepEqual(
    [interrupted, ended, hungUp, failed].map(({ code }) => code),
    [0, 0, 129, 1],
  );
  for (const { before: first, during, after: last } of [interrupted, ended, hungUp])
    assert.deepEqual([first, during, last], [COOKED, RAW, COOKED]);
  assert.deepEqual(failed.after, COOKED);
  assert.match(failed.printed, /127\.0\.0\.1:1/);
});
