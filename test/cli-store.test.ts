import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCliIn } from './helpers/cli.ts';

test('a store that is none is told of with where it was named; no secret is shown', async () => {
  const bad = await runCliIn({ ISOCHRONE_STORE: 'http://user:secret@host' }, 'serve');
  assert.equal(bad.code, 2);
  assert.match(bad.err, /ISOCHRONE_STORE is neither memory nor redis:/);
  assert.doesNotMatch(bad.err, /secret/);
  const flag = await runCliIn({ ISOCHRONE_STORE: 'http://other' }, 'serve', '--store', 'ftp://x');
  assert.match(flag.err, /--store "ftp:\/\/x" is neither/);
  assert.doesNotMatch(flag.err, /ISOCHRONE_STORE/);
  const port = await runCliIn({ ISOCHRONE_STORE: 'redis://host:99999' }, 'control');
  assert.equal(port.code, 2);
  assert.match(port.err, /ISOCHRONE_STORE: .*99999/);
});
