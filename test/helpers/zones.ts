import assert from 'node:assert/strict';
import { formatProblem } from '../../src/base/errors.ts';
import { parseName } from '../../src/wire/name.ts';
import { createZoneImageBuilder } from '../../src/zone/image-build.ts';
import { parseMaster } from '../../src/zone/master.ts';

/** The image of zones, which must be sound: pairs of origin and master file. */
export function compileZones(
  zones: readonly (readonly [origin: string, text: string])[],
  services: readonly string[],
): Uint8Array<SharedArrayBuffer> {
  const builder = createZoneImageBuilder({ services });
  for (const [origin, text] of zones) {
    const apex = parseName(origin) as Uint8Array;
    const { records, problems } = parseMaster({ text, file: origin, origin: apex, read: () => undefined });
    assert.deepEqual(problems.map(formatProblem), []);
    assert.deepEqual(builder.add(apex, records).map(formatProblem), []);
  }
  return builder.finish({ source: '0123456789abcdef', madeAtMs: 0 });
}
