import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Problem } from '../../src/base/errors.ts';
import { type Program, permit, runProgram, startProgram } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';

/** What is asked wrongly of a running program: it says why not, and goes on. */

let program: Program;
before(async () => {
  program = await startProgram(['up', '--pop-port', String(await freePort())]);
});
after(() => program.end());

test('explain says why a name is not steered', async () => {
  for (const [name, type, words] of [
    ['www.google.com', 'A', 'www.google.com. is in none of the zones here: cdn.example'],
    ['nosuch.cdn.example', 'A', 'there is no nosuch.cdn.example.'],
    ['www.cdn.example', 'MX', 'www.cdn.example. has no MX record, nor does STEER make one'],
    ['static.cdn.example', 'A', 'static.cdn.example. A is not steered: ordinary records answer it'],
    ['host.lab.cdn.example', 'A', 'host.lab.cdn.example. is delegated to other name servers'],
    ['www.cdn.example', 'AXFR', 'AXFR is refused'],
  ] as const) {
    const query = new URLSearchParams({ name, type, client: '192.0.2.1' });
    const reply = await fetch(`${program.admin}/api/explain?${query}`);
    assert.equal(reply.status, 404);
    const { problems } = (await reply.json()) as { problems: Problem[] };
    assert.deepEqual(problems, [{ file: 'name', message: words }]);
  }
  const { code, err } = await runProgram('explain', 'www.cdn.example', '--client', '91.0.0.1/16');
  assert.equal(code, 2);
  assert.match(err, /--client "91\.0\.0\.1\/16" has host bits set: did you mean 91\.0\.0\.0\/16\?/);
});

test('rubbish for the admin API is answered or cut off, and is no news', async () => {
  const { hostname, port } = new URL(program.admin);
  const long = await fetch(`${program.admin}/?${'a'.repeat(20_000)}`);
  assert.equal(long.status, 431);
  const socket = connect(Number(port), hostname);
  const { authorization } = permit(program);
  const head = `POST /api/model HTTP/1.1\r\nhost: ${hostname}:${port}\r\nauthorization: ${authorization}\r\n`;
  socket.write(`${head}content-type: application/json\r\ncontent-length: 50\r\n\r\n{`);
  await sleep(50);
  socket.destroy();
  await sleep(50);
  assert.equal((await fetch(`${program.admin}/healthz`)).status, 200);
  assert.doesNotMatch(program.output(), /console:/);
});

test('POPs and values that nobody knows', async () => {
  for (const [line, code, words] of [
    ['model FRX --rtt 60', 2, 'there is no POP "FRX"; did you mean FRA?'],
    ['model fra --rtt 6e9', 2, '--rtt "6e9" is not a number of milliseconds from 0 to 10000'],
    ['model FRA --link XX-a --congestion 1', 2, 'FRA has no link "XX-a": it has FRA-a, FRA-b'],
    ['drain FRX', 1, 'there is no POP "FRX"; did you mean FRA?'],
    ['restore FRX', 1, 'there is no POP "FRX"; did you mean FRA?'],
    ['drain FRA --for -3h', 2, '--for "-3h" is not a time such as 90s'],
    ['status --prot 5', 2, 'no such flag: --prot'],
  ] as const) {
    const ended = await runProgram(...line.split(' '), '--admin', program.admin, '--state', program.state);
    assert.equal(ended.code, code, `${line}: ${ended.err}`);
    assert.ok(ended.err.includes(words), `${line}: ${ended.err}`);
    assert.doesNotMatch(ended.err, /too much/);
  }
});
