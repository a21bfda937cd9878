import { csvCell } from '../base/csv.ts';
import { rounded } from './numbers.ts';
import type { RunResult } from './run.ts';
import type { Share } from './steerer.ts';
import type { World } from './world.ts';

/** Decimals of a share. */
const SHARE_DIGITS = 6;

/** The text of decisions.csv: all rows of a cell whenever its decision changes. */
export function decisionsText(world: World, run: RunResult): string {
  const lines = ['tick,cell,pop,share'];
  for (const { tick, cell, shares } of run.decisions) {
    const name = csvCell(world.cells[cell]?.cell ?? '');
    for (const [pop, share] of wholeShares(shares))
      lines.push(`${tick},${name},${csvCell(world.pops[pop]?.pop ?? '')},${share}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Shares as decimal texts that add up to exactly 1. */
function wholeShares(shares: readonly Share[]): (readonly [pop: number, share: string])[] {
  const scale = 10 ** SHARE_DIGITS;
  const parts = shares.map(({ share }) => Math.floor(share * scale));
  parts[0] = (parts[0] ?? 0) + scale - parts.reduce((sum, part) => sum + part, 0);
  return shares.map(({ pop }, i) => [pop, String((parts[i] as number) / scale)] as const);
}

/** The text of probes.csv: one row a burst. */
export function probesText(world: World, run: RunResult): string {
  const cells = world.cells.map(({ cell }) => csvCell(cell));
  const pops = world.pops.map(({ pop }) => csvCell(pop));
  const rows = run.probes.map(
    ({ tick, cell, pop, pings }) => `${tick},${cells[cell]},${pops[pop]},${pings}\n`,
  );
  return `tick,cell,pop,pings\n${rows.join('')}`;
}

/** What summary.json holds. Everything in it is simulated. */
export function summaryOf(world: World, run: RunResult): Readonly<Record<string, unknown>> {
  const { head, pops, cells } = world;
  const { figures, policy, seed, ticks, burstsPerCell } = run;
  const nameOf = (pop: number): string => pops[pop]?.pop ?? '';
  return {
    kind: 'simulated',
    world: head.name,
    source: head.source,
    policy,
    seed,
    ticks,
    tickSeconds: head.tickSeconds,
    cells: cells.length,
    pops: pops.length,
    burstsPerCellAllowed: burstsPerCell ?? null,
    burstsPerCell: figures.burstsPerCell,
    regret: {
      end: figures.end,
      average: figures.average,
      ...(run.estimatedRegret === undefined ? {} : { estimatedMs: run.estimatedRegret }),
    },
    rtt: {
      servedMs: figures.ticks.at(-1)?.meanRttMs ?? 0,
      bestMs: figures.ticks.at(-1)?.bestRttMs ?? 0,
    },
    fresh: figures.fresh,
    flapsPerCellHour: figures.flapsPerCellHour,
    overflow: {
      max: figures.overflowMax,
      end: figures.ticks.at(-1)?.overflow ?? 0,
      clientsMax: rounded(Math.max(0, ...figures.ticks.map(({ clientOverflow }) => clientOverflow))),
      clientsEnd: figures.ticks.at(-1)?.clientOverflow ?? 0,
    },
    reactions: figures.reactions.map((reaction) => ({ ...reaction, pop: nameOf(reaction.pop) })),
    ...(run.foreseen.length === 0 ? {} : { foreseen: run.foreseen }),
    load: figures.pops.map((pop, index) => ({ pop: nameOf(index), ...pop })),
    byTick: {
      meanRegretMs: figures.ticks.map(({ meanRegretMs }) => meanRegretMs),
      within5: figures.ticks.map(({ within5 }) => within5),
      moves: figures.ticks.map(({ moves }) => moves),
      overflow: figures.ticks.map(({ overflow }) => overflow),
      bursts: figures.ticks.map(({ bursts }) => bursts),
    },
  };
}
