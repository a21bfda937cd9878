import type { AgentState } from './delivery.ts';
import type { World, WorldEvent } from './world.ts';

/**
 * The truth of a world as it is at one tick. Only the simulated network, the oracle and who judges may read
 * it: a test holds that nothing that decides imports this file.
 */
export interface Truth {
  readonly cellCount: number;
  readonly popCount: number;
  /** Goes on to a tick; ticks only rise. What happens at it is given. */
  readonly advance: (tick: number) => readonly WorldEvent[];
  /** True mean round-trip time now, with what events add, ms. */
  readonly rttMs: (cell: number, pop: number) => number;
  /** The least a ping takes, with what events add, ms. */
  readonly minMs: (cell: number, pop: number) => number;
  readonly jitterMs: (cell: number, pop: number) => number;
  readonly lossRate: (cell: number, pop: number) => number;
  readonly lastMileMs: (cell: number) => number;
  /** What the POP's agent tells of a measured time, as a share of it: 1 unless it lies. */
  readonly toldShare: (cell: number, pop: number) => number;
  /** How the POP's agent tells the time, and how what it sends arrives. */
  readonly agent: (pop: number) => AgentState;
  /** Whether the pair's value was measured at this very tick; always, where the pair has one value only. */
  readonly isFresh: (cell: number, pop: number) => boolean;
  readonly isUp: (pop: number) => boolean;
  readonly isDrained: (pop: number) => boolean;
  readonly capacityRps: (pop: number) => number;
  /** Requests a second that the cell's clients make now. */
  readonly demandRps: (cell: number) => number;
  /** POP with the lowest true RTT among those that may serve: up and not drained; of all, if none may. */
  readonly bestPop: (cell: number) => number;
}

/** Opens the truth, before tick 0. */
export function openTruth(world: World): Truth {
  const { pops, cells } = world;
  const popCount = pops.length;
  const current = pairTable(world);
  const { row, next } = current;
  const addMs = new Float64Array(cells.length * popCount);
  const told = new Float64Array(cells.length * popCount).fill(1);
  const factor = new Float64Array(cells.length).fill(1);
  const capacity = Float64Array.from(pops, (pop) => pop.capacityRps);
  const down = new Uint8Array(popCount);
  const drained = new Uint8Array(popCount);
  const agents = pops.map((): AgentState => ({ clockSkewMs: 0, copies: 1, lateMs: 0 }));
  const change = { agents, addMs, told, factor, capacity, down, drained, popCount };
  let eventAt = 0;
  let nowTick = -1;
  const at = (cell: number, pop: number): number => cell * popCount + pop;
  const rowOf = (cell: number, pop: number) => world.rtts[row[at(cell, pop)] as number];
  const rttMs = (cell: number, pop: number): number =>
    (rowOf(cell, pop)?.rttMs ?? Number.NaN) + (addMs[at(cell, pop)] as number);
  const mayServe = (pop: number): boolean => down[pop] === 0 && drained[pop] === 0;
  return {
    cellCount: cells.length,
    popCount,
    rttMs,
    advance: (tick) => {
      nowTick = tick;
      for (let pair = 0; pair < row.length; pair++)
        while ((row[pair] as number) + 1 < (next[pair] as number)) {
          const following = world.rtts[(row[pair] as number) + 1];
          if (following === undefined || following.fromTick > tick) break;
          row[pair] = (row[pair] as number) + 1;
        }
      const happened: WorldEvent[] = [];
      for (; eventAt < world.events.length; eventAt++) {
        const event = world.events[eventAt] as WorldEvent;
        if (event.tick > tick) break;
        applyEvent(event, change);
        happened.push(event);
      }
      return happened;
    },
    minMs: (cell, pop) => (rowOf(cell, pop)?.minMs ?? Number.NaN) + (addMs[at(cell, pop)] as number),
    jitterMs: (cell, pop) => rowOf(cell, pop)?.jitterMs ?? 0,
    lossRate: (cell, pop) => rowOf(cell, pop)?.lossRate ?? 1,
    toldShare: (cell, pop) => told[at(cell, pop)] as number,
    agent: (pop) => agents[pop] as AgentState,
    lastMileMs: (cell) => cells[cell]?.lastMileMs ?? 0,
    isFresh: (cell, pop) => {
      const pair = at(cell, pop);
      const isOnly = (next[pair] as number) - (current.first[pair] as number) === 1;
      return isOnly || rowOf(cell, pop)?.fromTick === nowTick;
    },
    isUp: (pop) => down[pop] === 0,
    isDrained: (pop) => drained[pop] === 1,
    capacityRps: (pop) => capacity[pop] as number,
    demandRps: (cell) => (cells[cell]?.demandRps ?? 0) * (factor[cell] as number),
    bestPop: (cell) => {
      let best = -1;
      let any = 0;
      for (let pop = 0; pop < popCount; pop++) {
        if (rttMs(cell, pop) < rttMs(cell, any)) any = pop;
        if (mayServe(pop) && (best < 0 || rttMs(cell, pop) < rttMs(cell, best))) best = pop;
      }
      return best < 0 ? any : best;
    },
  };
}

/**
 * By pair: first row, row in force, and where the pair's rows end. Rows are sorted by pair and tick. Before
 * its first tick a pair is as it will be then: nothing earlier is known.
 */
function pairTable(world: World): { first: Int32Array; row: Int32Array; next: Int32Array } {
  const count = world.cells.length * world.pops.length;
  const first = new Int32Array(count);
  const next = new Int32Array(count);
  for (const [index, { cell, pop }] of world.rtts.entries()) {
    const pair = cell * world.pops.length + pop;
    if (next[pair] === 0) first[pair] = index;
    next[pair] = index + 1;
  }
  return { first, row: first.slice(), next };
}

function applyEvent(
  event: WorldEvent,
  change: {
    agents: AgentState[];
    addMs: Float64Array;
    told: Float64Array;
    factor: Float64Array;
    capacity: Float64Array;
    down: Uint8Array;
    drained: Uint8Array;
    popCount: number;
  },
): void {
  const { pop, cell, value } = event;
  const { agents, addMs, told, factor, capacity, down, drained, popCount } = change;
  const agent = agents[pop] as AgentState;
  switch (event.event) {
    case 'pop-down':
      down[pop] = 1;
      return;
    case 'pop-up':
      down[pop] = 0;
      return;
    case 'drain':
      drained[pop] = 1;
      return;
    case 'restore':
      drained[pop] = 0;
      return;
    case 'capacity':
      capacity[pop] = value;
      return;
    case 'demand':
      if (cell < 0) factor.fill(value);
      else factor[cell] = value;
      return;
    case 'add-rtt':
      setPairs(addMs, event, popCount);
      return;
    case 'lie':
      setPairs(told, event, popCount);
      return;
    case 'clock':
      agents[pop] = { ...agent, clockSkewMs: 1000 * value };
      return;
    case 'repeat':
      agents[pop] = { ...agent, copies: value };
      return;
    case 'late':
      agents[pop] = { ...agent, lateMs: 1000 * value };
  }
}

/** Sets what an event says of a POP and a cell, or all. */
function setPairs(pairs: Float64Array, { pop, cell, value }: WorldEvent, popCount: number): void {
  if (cell >= 0) pairs[cell * popCount + pop] = value;
  else for (let at = pop; at < pairs.length; at += popCount) pairs[at] = value;
}
