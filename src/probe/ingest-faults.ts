import { parsePrefix } from '../base/address.ts';
import { BATCH_SAMPLES_MAX, DEMAND_ENTRIES_MAX, HEALTH_VIEWS_MAX } from '../store/bounds.ts';
import { isMeasureMethod, isNumber, isText, RATE_MAX, RTT_MAX_MS, TIME_MAX_MS } from '../store/read-json.ts';

/**
 * What is wrong with a body that an agent sent, place by place. The store's own readers say only that
 * something is; they have the last word all the same.
 */

/** Faults told of one body; how many more there are is told after them. */
const FAULTS_MAX = 20;
const COUNT_MAX = 1_000_000;
const LINKS_MAX = 64;
/** Numbers that a report need not have, and their greatest values. */
const REPORT_OPTIONAL = [
  ['steeredRps', RATE_MAX],
  ['expectedRps', RATE_MAX],
  ['cpu', 1],
  ['connections', RATE_MAX],
] as const;

/** Collects faults: where (`[4][0][1]`, `links[0].id`), and what. */
interface Faults {
  readonly add: (at: string, message: string) => false;
}

/** Everything wrong with a batch of samples, as `encodeBatch` writes it; empty: nothing. */
export function batchFaults(value: unknown): readonly string[] {
  return collect(value, (list, faults) => {
    version(list, faults);
    text(list[1], '[1]: the POP', faults);
    moment(list[2], '[2]: the time', faults);
    source(list[3], '[3]', faults);
    const samples = many(list[4], { at: '[4]', what: 'samples', max: BATCH_SAMPLES_MAX }, faults);
    for (const [i, sample] of samples.entries()) sampleFaults(sample, `[4][${i}]`, faults);
  });
}

/** The same of a list of demand. */
export function demandFaults(value: unknown): readonly string[] {
  const bounds = { at: 'the body', what: 'entries of demand', max: DEMAND_ENTRIES_MAX };
  return collect(value, (list, faults) => {
    for (const [i, entry] of many(list, bounds, faults).entries()) {
      if (!Array.isArray(entry)) faults.add(`[${i}]`, `${show(entry)} is no [network, rps, service]`);
      else {
        network(entry[0], `[${i}][0]`, faults);
        number(entry[1], `[${i}][1]: requests a second`, [0, RATE_MAX], faults);
        if (entry[2] !== undefined) text(entry[2], `[${i}][2]: the service`, faults);
      }
    }
  });
}

/** The same of a prober's view of health. */
export function healthFaults(value: unknown): readonly string[] {
  return collect(value, (list, faults) => {
    version(list, faults);
    text(list[1], '[1]: the prober', faults);
    moment(list[2], '[2]: the time', faults);
    const views = many(list[3], { at: '[3]', what: 'POPs', max: HEALTH_VIEWS_MAX }, faults);
    for (const [i, view] of views.entries()) {
      const at = `[3][${i}]`;
      if (!Array.isArray(view)) faults.add(at, `${show(view)} is no [pop, 1 or 0, rttMs or null, why]`);
      else {
        text(view[0], `${at}[0]: the POP`, faults);
        if (view[1] !== 0 && view[1] !== 1) faults.add(`${at}[1]`, `${show(view[1])} is neither 1 nor 0`);
        optional(view[2], `${at}[2]: rttMs`, [0, RTT_MAX_MS], faults);
        if (view[3] !== undefined && view[3] !== '') text(view[3], `${at}[3]: why`, faults);
      }
    }
  });
}

/** The same of a POP's report. */
export function reportFaults(value: unknown): readonly string[] {
  const { list: found, faults } = faultList();
  if (!isObject(value)) faults.add('the body', `${show(value)} is no object`);
  else {
    text(value['pop'], 'pop', faults);
    moment(value['atMs'], 'atMs', faults);
    source(value['source'], 'source', faults);
    for (const field of ['loadRps', 'capacityRps']) number(value[field], field, [0, RATE_MAX], faults);
    for (const [field, max] of REPORT_OPTIONAL)
      if (value[field] !== undefined) number(value[field], field, [0, max], faults);
    if (value['drain'] !== undefined) text(value['drain'], 'drain', faults);
    if (typeof value['healthy'] !== 'boolean')
      faults.add('healthy', `${show(value['healthy'])} is neither true nor false`);
    const links = many(value['links'], { at: 'links', what: 'links', max: LINKS_MAX }, faults);
    for (const [i, link] of links.entries()) linkFaults(link, `links[${i}]`, faults);
  }
  return found();
}

function linkFaults(link: unknown, at: string, faults: Faults): void {
  if (!isObject(link)) return void faults.add(at, `${show(link)} is no object`);
  text(link['id'], `${at}.id`, faults);
  for (const field of ['throughputMbps', 'capacityMbps'])
    number(link[field], `${at}.${field}`, [0, RATE_MAX], faults);
  number(link['queueMs'], `${at}.queueMs`, [0, RTT_MAX_MS], faults);
  number(link['lossRate'], `${at}.lossRate`, [0, 1], faults);
}

function sampleFaults(sample: unknown, at: string, faults: Faults): void {
  if (!Array.isArray(sample))
    return void faults.add(at, `${show(sample)} is no [network, rttMs or null, sent, lost, …]`);
  const [prefix, rttMs, sent, lost, jitterMs, method] = sample as unknown[];
  network(prefix, `${at}[0]`, faults);
  optional(rttMs, `${at}[1]: rttMs`, [0, RTT_MAX_MS], faults);
  const hasSent = number(sent, `${at}[2]: sent`, [1, COUNT_MAX], faults);
  number(lost, `${at}[3]: lost`, [0, hasSent ? (sent as number) : COUNT_MAX], faults);
  optional(jitterMs ?? null, `${at}[4]: jitterMs`, [0, RTT_MAX_MS], faults);
  if (method !== undefined && !isMeasureMethod(method))
    faults.add(`${at}[5]`, `${show(method)} is no way to measure`);
}

/** Lets `check` look at a list; what is none has no other faults. */
function collect(value: unknown, check: (list: unknown[], faults: Faults) => void): readonly string[] {
  const { list, faults } = faultList();
  if (Array.isArray(value)) check(value, faults);
  else faults.add('the body', `${show(value)} is no list`);
  return list();
}

function faultList(): { readonly list: () => readonly string[]; readonly faults: Faults } {
  const told: string[] = [];
  let count = 0;
  const faults: Faults = {
    add: (at, message) => {
      if (count++ < FAULTS_MAX) told.push(`${at}: ${message}`);
      return false;
    },
  };
  const list = () => (count > told.length ? [...told, `and ${count - told.length} more faults`] : told);
  return { list, faults };
}

function version([given]: unknown[], faults: Faults): void {
  if (given !== 1) faults.add('[0]', `version ${show(given)} is not known here: 1 is`);
}

function text(value: unknown, at: string, faults: Faults): boolean {
  return isText(value) || faults.add(at, `${show(value)} is no text of 1 to 256 characters`);
}

function moment(value: unknown, at: string, faults: Faults): boolean {
  return number(value, at, [0, TIME_MAX_MS], faults);
}

function source(value: unknown, at: string, faults: Faults): void {
  if (value !== 'measured' && value !== 'modelled')
    faults.add(at, `${show(value)} is neither "measured" nor "modelled"`);
}

function network(value: unknown, at: string, faults: Faults): void {
  const prefix = isText(value) ? parsePrefix(value) : `${show(value)} is no IP prefix`;
  if (typeof prefix === 'string') faults.add(at, prefix);
}

function number(value: unknown, at: string, [min, max]: readonly [number, number], faults: Faults): boolean {
  return isNumber(value, min, max) || faults.add(at, `${show(value)} is no number from ${min} to ${max}`);
}

/** As `number`, or null. */
function optional(value: unknown, at: string, range: readonly [number, number], faults: Faults): void {
  if (value !== null) number(value, at, range, faults);
}

function many(
  value: unknown,
  { at, what, max }: { readonly at: string; readonly what: string; readonly max: number },
  faults: Faults,
): readonly unknown[] {
  if (!Array.isArray(value)) faults.add(at, `${show(value)} is no list of ${what}`);
  else if (value.length > max) faults.add(at, `${value.length} ${what}: at most ${max}`);
  else return value;
  return [];
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value as JSON, cut short. */
function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? 'nothing';
  return shown.length > 60 ? `${shown.slice(0, 59)}…` : shown;
}
