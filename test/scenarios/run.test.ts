import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { POP_DOWN, setPopBit } from '../../src/base/pop-state.ts';
import { typeName } from '../../src/wire/constants.ts';
import { formatName, lowerName, ROOT_NAME } from '../../src/wire/name.ts';
import { formatRdata } from '../../src/wire/rdata.ts';
import { parseMaster } from '../../src/zone/master.ts';
import { createWorld, POPS, type World } from '../helpers/answer-world.ts';
import { decodeMessage, encodeQuery, type Message, rcodeName } from '../helpers/message.ts';

/**
 * Conversations in files. `ZONE origin` … `END` gives a zone; then steps, each:
 *   QUERY name type [edns=SIZE] [do] [subnet=A/N] [tcp] [rd] [cd] [class=N] [from=ADDRESS] [version=N]
 *   REPLY rcode [flags…]           flags exactly; `rd` and `cd` only if asked
 *   ANSWER | AUTHORITY | ADDITIONAL, each followed by its records; a section not named must be empty
 *   SCOPE n                        the client subnet's scope
 *   SILENCE                        instead of REPLY
 * and between steps `POP code up|down|…`. `; ` begins a comment; a line `# …` is the title of what follows.
 */

const folder = fileURLToPath(new URL('.', import.meta.url));

for (const file of readdirSync(folder).filter((name) => name.endsWith('.scenario')))
  test(`scenario ${file}`, () => {
    const lines = readFileSync(`${folder}${file}`, 'utf8').split('\n');
    const zones: [string, string][] = [];
    let at = 0;
    for (; at < lines.length && !/^QUERY /.test(lines[at] as string); at++) {
      const origin = /^ZONE (\S+)/.exec(lines[at] as string)?.[1];
      if (origin === undefined) continue;
      const end = lines.indexOf('END', at);
      zones.push([origin, lines.slice(at + 1, end).join('\n')]);
      at = end;
    }
    runSteps(createWorld(zones), lines, at, file);
  });

interface Expected {
  readonly where: string;
  reply: string | undefined;
  scope: string | undefined;
  readonly sections: [string[], string[], string[]];
}

function runSteps(world: World, lines: readonly string[], from: number, file: string): void {
  let query: string | undefined;
  let expected: Expected | undefined;
  let section = 0;
  const finish = () => {
    if (query !== undefined && expected !== undefined) check(world, query, expected);
    query = undefined;
  };
  for (let at = from; at < lines.length; at++) {
    const line = (lines[at] as string).trim();
    const [word = '', ...rest] = line.split(/\s+/);
    if (word === '' || word === ';' || word === '#') continue;
    if (word === 'QUERY') {
      finish();
      query = line;
      expected = {
        where: `${file}:${at + 1}: ${line}`,
        reply: undefined,
        scope: undefined,
        sections: [[], [], []],
      };
    } else if (word === 'POP') {
      finish();
      const popIndex = POPS.indexOf(rest[0] as (typeof POPS)[number]);
      setPopBit(world.context.popState, { popIndex, bit: POP_DOWN, on: rest[1] === 'down' });
    } else {
      assert.ok(expected, `${file}:${at + 1}: nothing was asked yet`);
      if (word === 'REPLY') expected.reply = rest.join(' ');
      else if (word === 'SILENCE') expected.reply = 'SILENCE';
      else if (word === 'SCOPE') expected.scope = rest[0];
      else if (['ANSWER', 'AUTHORITY', 'ADDITIONAL'].includes(word))
        section = ['ANSWER', 'AUTHORITY', 'ADDITIONAL'].indexOf(word);
      else (expected.sections[section] as string[]).push(canonical(line, `${file}:${at + 1}`));
    }
  }
  finish();
}

function check(world: World, line: string, expected: Expected): void {
  const [, name = '', type = '', ...words] = line.split(/\s+/);
  const value = (key: string) => words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const number = (key: string) => (value(key) === undefined ? undefined : Number(value(key)));
  const options = {
    name,
    type,
    rd: words.includes('rd'),
    cd: words.includes('cd'),
    dnssecOk: words.includes('do'),
    ...defined({
      edns: number('edns'),
      version: number('version'),
      qclass: number('class'),
      subnet: value('subnet'),
    }),
  };
  const response = world.ask(encodeQuery(options), {
    transport: words.includes('tcp') ? 'tcp' : 'udp',
    ...defined({ from: value('from'), port: number('port') }),
  });
  if (expected.reply === 'SILENCE' || response === undefined) {
    assert.equal(response === undefined ? 'SILENCE' : 'an answer', expected.reply, expected.where);
    return;
  }
  const message = decodeMessage(response);
  const flags = message.flags === '' ? '' : ` ${message.flags}`;
  assert.equal(`${rcodeName(message.rcode)}${flags}`, expected.reply, expected.where);
  for (const lines of expected.sections) lines.sort();
  assert.deepEqual(message.sections, expected.sections, expected.where);
  if (expected.scope !== undefined) assert.equal(String(message.ecs?.scope), expected.scope, expected.where);
  assertEcho(message, options, expected.where);
}

function assertEcho(
  message: Message,
  options: { name: string; subnet?: string; edns?: number },
  where: string,
): void {
  assert.ok(message.question?.startsWith(`${options.name} `), `${where}: the question's case is kept`);
  assert.equal(message.ecs !== undefined, options.subnet !== undefined && message.rcode !== 16, where);
}

/** The options that have a value, as exact optional properties want it. */
function defined<T extends Record<string, unknown>>(
  options: T,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  // The cast says what the filter does.
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never;
}

function canonical(line: string, where: string): string {
  const { records, problems } = parseMaster({
    text: `${line}\n`,
    file: where,
    origin: ROOT_NAME,
    read: () => undefined,
  });
  assert.deepEqual(problems, []);
  const record = records[0];
  assert.ok(record, where);
  const { owner, ttl, type, rdata } = record;
  return `${formatName(lowerName(owner))} ${ttl} ${typeName(type)} ${formatRdata(type, rdata)}`;
}
