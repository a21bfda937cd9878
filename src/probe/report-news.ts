import { expectedOf } from '../store/expected.ts';
import type { LinkReport, PopReport } from '../store/store.ts';

/** A change of load by this share of the capacity is news, of a link's use likewise. */
const LOAD_SHARE = 0.2;
const LINK_SHARE = 0.2;
/** Of a POP that is filled to this share, a rise by so much of its capacity. */
const FILLED_SHARE = 0.6;
const RISE_SHARE = 0.05;
const QUEUE_MS = 5;
const LOSS_RATE = 0.01;

/** Whether the controller should hear of a report at once: its load or a link changed much since the last. */
export function isReportNews(before: PopReport | undefined, now: PopReport): boolean {
  if (before === undefined) return false;
  const capacityRps = Math.max(1, Math.min(before.capacityRps, now.capacityRps));
  if (Math.abs(now.loadRps - before.loadRps) > LOAD_SHARE * capacityRps) return true;
  if (isSteep(expectedOf(before), expectedOf(now), capacityRps)) return true;
  if (Math.abs(now.capacityRps - before.capacityRps) > LOAD_SHARE * capacityRps) return true;
  return now.links.some((link, i) => isLinkNews(before.links[i], link));
}

/** Whether a POP may be full before the next tick: it will be well filled, and that rose by much. */
export function isSteep(beforeRps: number, nowRps: number, capacityRps: number): boolean {
  return nowRps > FILLED_SHARE * capacityRps && nowRps - beforeRps > RISE_SHARE * capacityRps;
}

function isLinkNews(before: LinkReport | undefined, now: LinkReport): boolean {
  if (before === undefined) return true;
  const useOf = ({ throughputMbps, capacityMbps }: LinkReport): number =>
    throughputMbps / Math.max(1, capacityMbps);
  return (
    Math.abs(useOf(now) - useOf(before)) > LINK_SHARE ||
    Math.abs(now.queueMs - before.queueMs) > QUEUE_MS ||
    Math.abs(now.lossRate - before.lossRate) > LOSS_RATE
  );
}
