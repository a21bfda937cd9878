import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorError } from '../../src/base/errors.ts';
import { readWorld } from '../../src/lab/read-world.ts';
import { POLICIES, startRun } from '../../src/lab/run.ts';
import { EVENT_KINDS, WORLD_FILES } from '../../src/lab/world.ts';
import { decisionsText } from '../../src/lab/write-run.ts';
import { HAND_TEXTS, handSource, handWorld } from './hand-world.ts';

test('whatever stands in the files, a world is read or every fault is an operator’s', () => {
  const junk = fc.constantFrom('', ',', '"', '\n', '-', 'x', '9', '\0', '1e99', 'NaN', '*', '}', '\r', 'é');
  const change = fc.record({
    file: fc.constantFrom(...WORLD_FILES),
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    cut: fc.nat(4),
    put: junk,
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const texts = { ...HAND_TEXTS };
      for (const { file, at, cut, put } of changes) {
        const from = Math.floor(at * texts[file].length);
        texts[file] = texts[file].slice(0, from) + put + texts[file].slice(from + cut);
      }
      try {
        const { rtts, cells, pops } = readWorld(handSource(texts));
        for (const row of rtts) assert.ok(cells[row.cell] !== undefined && pops[row.pop] !== undefined);
        for (const row of rtts) assert.ok(row.rttMs > 0 && row.minMs <= row.rttMs && row.lossRate <= 1);
      } catch (error) {
        assert.ok(error instanceof OperatorError, String(error));
        assert.ok(error.problems.length > 0);
      }
    }),
    { seed: 21, numRuns: 2000 },
  );
});

test('whatever happens in a world, every policy decides for every cell, whole', () => {
  const event = fc.record({
    tick: fc.nat(11),
    event: fc.constantFrom(...EVENT_KINDS),
    pop: fc.constantFrom('EAST', 'WEST', 'FAR'),
    cell: fc.constantFrom('*', 'boston', 'johor'),
    value: fc.constantFrom(0, 1, 60, 5000),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.constantFrom(...POLICIES), (events, policy) => {
      const rows = events.map(({ tick, event: kind, pop, cell, value }) => {
        const isOfCells = kind === 'add-rtt' || kind === 'demand' || kind === 'lie';
        const count = kind === 'repeat' ? 1 + (value % 10) : value;
        return `${tick},${kind},${kind === 'demand' ? '' : pop},${isOfCells ? cell : ''},${count}`;
      });
      const world = handWorld({ 'events.csv': ['tick,event,pop,cell,value', ...rows].join('\n') });
      const run = startRun({ world, policy });
      while (run.step());
      const result = run.result();
      for (const { shares } of result.decisions)
        assert.ok(Math.abs(shares.reduce((sum, { share }) => sum + share, 0) - 1) < 1e-9);
      const { figures } = result;
      assert.doesNotMatch(JSON.stringify(figures), /null/, 'a figure that is no number');
      assert.ok(figures.ticks.every(({ overflow }) => overflow >= 0 && overflow <= 1));
      if (policy === 'oracle') assert.equal(figures.average.meanMs, 0);
      assert.equal(new Set(decisionsText(world, result).match(/^0,\w+/gm)).size, 4);
    }),
    { seed: 22, numRuns: 60 },
  );
});
