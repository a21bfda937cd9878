import { createRequire } from 'node:module';

// The package's types describe its CommonJS entry as if it were a module's: they are taken by hand.
const loadHighs = createRequire(import.meta.url)('highs') as typeof import('highs').default;

/** A transport problem: demand by cell, capacity by POP, cost of a request by cell x POP. */
export interface Transport {
  readonly demandRps: readonly number[];
  readonly capacityRps: readonly number[];
  readonly costMs: Float64Array;
}

/** The least mean cost at which all demand fits, ms: the linear programme's optimum, by HiGHS. */
export async function optimumMs(problem: Transport): Promise<number> {
  const { demandRps, capacityRps, costMs } = problem;
  const cells = demandRps.length;
  const pops = capacityRps.length;
  const highs = await loadHighs();
  const numCols = cells * pops;
  const starts = new Int32Array(numCols + 1);
  const indices = new Int32Array(2 * numCols);
  for (let column = 0; column < numCols; column++) {
    starts[column + 1] = 2 * (column + 1);
    indices[2 * column] = Math.floor(column / pops);
    indices[2 * column + 1] = cells + (column % pops);
  }
  const total = demandRps.reduce((sum, rps) => sum + rps, 0);
  return highs.withModel(
    {
      numCols,
      numRows: cells + pops,
      colCost: costMs,
      colLower: new Float64Array(numCols),
      colUpper: new Float64Array(numCols).fill(highs.infinity),
      rowLower: Float64Array.from([...demandRps, ...capacityRps.map(() => 0)]),
      rowUpper: Float64Array.from([...demandRps, ...capacityRps]),
      matrix: {
        format: 'csc',
        numRows: cells + pops,
        numCols,
        starts,
        indices,
        values: new Float64Array(2 * numCols).fill(1),
      },
    },
    (model) => {
      model.options.set({ output_flag: false });
      model.run();
      if (model.getModelStatus() !== highs.constants.modelStatus.optimal) throw new Error('no optimum');
      return model.getObjectiveValue() / total;
    },
  );
}
