import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { typeCode } from '../src/wire/constants.ts';
import { parseName } from '../src/wire/name.ts';
import type { TokenCursor } from '../src/wire/presentation.ts';
import { checkRdata, formatRdata, parseRdata } from '../src/wire/rdata.ts';
import { nextEntry, scanText } from '../src/zone/tokens.ts';

/** An RDATA in text and on the wire, and where it is from. */
interface Vector {
  readonly why: string;
  readonly type: string;
  readonly text: string;
  readonly hex: string;
}

const origin = parseName('example.') as Uint8Array;
const vectors = JSON.parse(readFileSync(new URL('vectors/rdata.json', import.meta.url), 'utf8')) as Vector[];

function parse(type: number, text: string): Uint8Array | string {
  const cursor: TokenCursor = { tokens: nextEntry(scanText(text), 100_000)?.tokens ?? [], next: 0 };
  return parseRdata(type, cursor, origin);
}

for (const { why, type, text, hex } of vectors)
  test(`${type}: ${why}`, () => {
    const code = typeCode(type) as number;
    const rdata = parse(code, text);
    assert.ok(typeof rdata !== 'string', String(rdata));
    assert.equal(Buffer.from(rdata).toString('hex'), hex);
    assert.equal(checkRdata(code, rdata), undefined);
    assert.deepEqual(parse(code, formatRdata(code, rdata)), rdata, 'its own text is read back');
    const generic = `\\# ${rdata.length} ${hex}`;
    assert.deepEqual(parse(code, generic), rdata, 'the form of RFC 3597 is read too');
  });
