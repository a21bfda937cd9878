import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import {
  BATCH_SAMPLES_MAX,
  DEMAND_ENTRIES_MAX,
  HEALTH_EXPIRY_MS,
  HEALTH_VIEWS_MAX,
  REPORT_EXPIRY_MS,
  TARGETS_EXPIRY_MS,
  TARGETS_MAX,
} from './bounds.ts';
import { sumDemand } from './demand.ts';
import type { Invalidation, NewInvalidations } from './invalidations.ts';
import { type Aged, youngOf } from './memory-aged.ts';
import { createMemoryEstimates, type MemoryEstimates } from './memory-estimates.ts';
import { createMemoryInvalidations, type MemoryInvalidations } from './memory-invalidations.ts';
import { createMemoryLease, type MemoryLease } from './memory-lease.ts';
import type { ClockSkew } from './server.ts';
import {
  type Demand,
  type HealthView,
  type Lease,
  type ModelChange,
  type Override,
  type PopReport,
  type PublishedImage,
  type SampleBatch,
  type Store,
  StoreError,
  type StoreState,
  type StoreTopic,
  type Target,
} from './store.ts';

/** Sample batches kept, of all POPs together. */
const BATCHES_KEPT = 10_000;

/** What a memory store needs. */
export interface MemoryStoreOptions {
  /** Tells when reports, demand lists and lists of targets expire. */
  readonly clock: Clock;
  /** Instead of `REPORT_EXPIRY_MS`. */
  readonly reportExpiryMs?: number;
  /** Instead of 10,000. */
  readonly batchesKept?: number;
  /** Instead of `TARGETS_EXPIRY_MS`. */
  readonly targetsExpiryMs?: number;
  /** Instead of `HEALTH_EXPIRY_MS`. */
  readonly healthExpiryMs?: number;
  /** Instead of `ESTIMATES_EXPIRY_MS`. */
  readonly estimatesExpiryMs?: number;
  /** Instead of `INVALIDATIONS_KEPT`. */
  readonly invalidationsKept?: number;
}

/** A store inside this process: same contract as Redis, but gone with the process and seen by nobody else. */
export function createMemoryStore(options: MemoryStoreOptions): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly kind = 'memory';
  readonly #clock: Clock;
  readonly #expiryMs: number;
  readonly #batchesKept: number;
  readonly #targetsExpiryMs: number;
  readonly #healthExpiryMs: number;
  readonly #lease: MemoryLease;
  readonly #health = new Map<string, Aged<HealthView>>();
  /** Ring: batch number n is at n modulo its length. */
  readonly #batches: SampleBatch[] = [];
  #batchCount = 0;
  readonly #reports = new Map<string, Aged<PopReport>>();
  readonly #verdicts = new Map<string, boolean>();
  readonly #demand = new Map<string, Aged<readonly Demand[]>>();
  readonly #targets = new Map<string, Aged<readonly Target[]>>();
  readonly #overrides = new Map<string, Override>();
  readonly #model = new Map<string, ModelChange>();
  readonly #estimates: MemoryEstimates;
  readonly #invalidations: MemoryInvalidations;
  readonly #listeners = new Set<(topic: StoreTopic) => void>();
  #image: PublishedImage | undefined;
  #closed = false;

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock;
    this.#expiryMs = options.reportExpiryMs ?? REPORT_EXPIRY_MS;
    this.#batchesKept = options.batchesKept ?? BATCHES_KEPT;
    this.#targetsExpiryMs = options.targetsExpiryMs ?? TARGETS_EXPIRY_MS;
    this.#healthExpiryMs = options.healthExpiryMs ?? HEALTH_EXPIRY_MS;
    this.#estimates = createMemoryEstimates(options.clock, options.estimatesExpiryMs);
    this.#invalidations = createMemoryInvalidations(options.invalidationsKept);
    this.#lease = createMemoryLease(options.clock);
  }

  async appendSamples(batch: SampleBatch, isNews = false): Promise<void> {
    this.#open();
    assert(batch.samples.length <= BATCH_SAMPLES_MAX, `at most ${BATCH_SAMPLES_MAX} samples in a batch`);
    this.#batches[this.#batchCount % this.#batchesKept] = batch;
    this.#batchCount++;
    if (isNews) this.#nudge('news');
  }

  async readSamples(cursor: string, limit: number) {
    this.#open();
    const oldest = Math.max(0, this.#batchCount - this.#batchesKept);
    const from = Math.max(oldest, cursor === '' ? 0 : Number(cursor));
    assert(Number.isInteger(from) && from <= this.#batchCount, `${cursor} is not a cursor of this store`);
    const until = Math.min(this.#batchCount, from + limit);
    const batches: SampleBatch[] = [];
    for (let i = from; i < until; i++) {
      const batch = this.#batches[i % this.#batchesKept];
      if (batch !== undefined) batches.push(batch);
    }
    return { batches, cursor: String(until) };
  }

  async putReport(report: PopReport, isNews = false): Promise<void> {
    this.#open();
    this.#reports.set(report.pop, { atMs: this.#clock.nowMs(), value: report });
    if ((this.#verdicts.get(report.pop) ?? true) !== report.healthy) this.#nudge('reports');
    else if (isNews) this.#nudge('news');
    this.#verdicts.set(report.pop, report.healthy);
  }

  async reports(): Promise<readonly PopReport[]> {
    this.#open();
    return youngOf(this.#reports, this.#clock.nowMs() - this.#expiryMs);
  }

  async putDemand(pop: string, demand: readonly Demand[]): Promise<void> {
    this.#open();
    assert(demand.length <= DEMAND_ENTRIES_MAX, `at most ${DEMAND_ENTRIES_MAX} entries of demand`);
    this.#demand.set(pop, { atMs: this.#clock.nowMs(), value: demand });
  }

  async demand(): Promise<readonly Demand[]> {
    this.#open();
    return sumDemand(youngOf(this.#demand, this.#clock.nowMs() - this.#expiryMs));
  }

  async putHealth(view: HealthView, isChange: boolean): Promise<void> {
    this.#open();
    assert(view.views.length <= HEALTH_VIEWS_MAX, `at most ${HEALTH_VIEWS_MAX} POPs in a view`);
    this.#health.set(view.prober, { atMs: this.#clock.nowMs(), value: view });
    if (isChange) this.#nudge('health');
  }

  async healthViews(): Promise<readonly HealthView[]> {
    this.#open();
    return youngOf(this.#health, this.#clock.nowMs() - this.#healthExpiryMs);
  }

  async takeLease(holder: string, ttlMs: number): Promise<Lease> {
    this.#open();
    return this.#lease.take(holder, ttlMs, () => this.#nudge('lease'));
  }

  async releaseLease(lease: Pick<Lease, 'holder' | 'token'>): Promise<void> {
    this.#open();
    if (this.#lease.release(lease)) this.#nudge('lease');
  }

  async lease(): Promise<Lease | undefined> {
    this.#open();
    return this.#lease.current();
  }

  async putTargets(lists: ReadonlyMap<string, readonly Target[]>, fence?: number): Promise<void> {
    this.#open();
    const atMs = this.#clock.nowMs();
    for (const { length } of lists.values())
      assert(length <= TARGETS_MAX, `at most ${TARGETS_MAX} targets of a POP`);
    this.#lease.check(fence);
    for (const [pop, targets] of lists) this.#targets.set(pop, { atMs, value: [...targets] });
    this.#nudge('targets');
  }

  async takeTargets(pop: string): Promise<readonly Target[]> {
    this.#open();
    const list = this.#targets.get(pop);
    this.#targets.delete(pop);
    const isYoung = list !== undefined && this.#clock.nowMs() - list.atMs <= this.#targetsExpiryMs;
    return isYoung ? list.value : [];
  }

  async setOverride(pop: string, override: Override | undefined): Promise<void> {
    this.#open();
    if (override === undefined) this.#overrides.delete(pop);
    else this.#overrides.set(pop, override);
    this.#nudge('overrides');
  }

  async overrides(): Promise<readonly Override[]> {
    this.#open();
    return [...this.#overrides.values()];
  }

  async setModelChange(pop: string, change: ModelChange | undefined): Promise<void> {
    this.#open();
    if (change === undefined) this.#model.delete(pop);
    else this.#model.set(pop, change);
    this.#nudge('model');
  }

  async modelChanges(): Promise<readonly ModelChange[]> {
    this.#open();
    return [...this.#model.values()];
  }

  async addInvalidation(invalidation: Invalidation): Promise<void> {
    this.#open();
    this.#invalidations.add(invalidation);
    this.#nudge('invalidations');
  }

  async readInvalidations(cursor: string): Promise<NewInvalidations> {
    this.#open();
    return this.#invalidations.read(cursor);
  }

  async publishImage(image: PublishedImage, fence?: number): Promise<boolean> {
    this.#open();
    this.#lease.check(fence);
    if (image.epoch <= (this.#image?.epoch ?? 0)) return false;
    this.#image = { epoch: image.epoch, bytes: new Uint8Array(image.bytes) };
    this.#nudge('image');
    return true;
  }

  async imageEpoch(): Promise<number> {
    this.#open();
    return this.#image?.epoch ?? 0;
  }

  async image(): Promise<PublishedImage | undefined> {
    this.#open();
    return this.#image && { epoch: this.#image.epoch, bytes: new Uint8Array(this.#image.bytes) };
  }

  async putEstimates(estimates: ReadonlyMap<string, Uint8Array>, fence?: number): Promise<void> {
    this.#open();
    this.#lease.check(fence);
    this.#estimates.put(estimates);
  }

  async estimate(cell: string): Promise<Uint8Array | undefined> {
    this.#open();
    return this.#estimates.get(cell);
  }

  async *allEstimates(): AsyncIterable<readonly [cell: string, packed: Uint8Array]> {
    this.#open();
    yield* this.#estimates.all();
  }

  onChange(listener: (topic: StoreTopic) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  state(): StoreState {
    return { connected: !this.#closed, address: 'memory', errors: 0, damaged: 0 };
  }

  clockSkew(): ClockSkew {
    return { skewMs: 0, errorMs: 0 };
  }

  async memory(): Promise<undefined> {
    this.#open();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#listeners.clear();
  }

  #open(): void {
    if (this.#closed) throw new StoreError('the store is closed');
  }

  /** Later, as from Redis: a listener never runs inside the call that caused it. */
  #nudge(topic: StoreTopic): void {
    for (const listener of this.#listeners) {
      setImmediate(() => {
        if (this.#listeners.has(listener)) listener(topic);
      });
    }
  }
}
