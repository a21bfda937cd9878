import { candidate, startsOf } from '../steering/image.ts';
import { TYPE } from '../wire/constants.ts';
import type { AnswerContext } from './context.ts';
import { putRecord } from './message.ts';
import { type Service, steeredRecord } from './service.ts';

const { CNAME: TYPE_CNAME, HTTPS: TYPE_HTTPS } = TYPE;

/**
 * Puts, after the record that was chosen, those of the other POPs that clients of the row start from, up to
 * the service's bound: all that are up, or with none up all, as the chosen one is answered then too. From the
 * chosen one on and around, so that with more POPs than answers have room for each gets its share.
 */
export function putOthers(context: AnswerContext, service: Service): void {
  const { outcome, message, query, table, popState, linkPop } = context;
  // An HTTPS record is one way to the service, complete in itself.
  if (table === undefined || query.qtype === TYPE_HTTPS) return;
  const { image } = table;
  const { row, linkIndex } = outcome;
  const starts = startsOf(image, row);
  // An alias stands alone (RFC 1034 §3.6.2).
  if (isAlias(service, steeredRecord(query.qtype, linkIndex))) return;
  const isOpen = Atomics.load(popState, outcome.popIndex) !== 0;
  let first = 0;
  while (first < starts && candidate(image, row, first) !== linkIndex) first++;
  let left = service.answersMax - 1;
  for (let step = 1; step <= starts && left > 0; step++) {
    const link = candidate(image, row, (first + step) % starts);
    if (link < 0 || link === linkIndex) continue;
    if (!isOpen && Atomics.load(popState, linkPop[link] as number) !== 0) continue;
    const record = steeredRecord(query.qtype, link);
    const octets = service.sizes[record] as number;
    if (octets === 0 || isAlias(service, record)) continue;
    if (!putRecord(message, service.records, service.starts[record] as number, octets, outcome.ttl)) {
      outcome.truncated = true;
      return;
    }
    left--;
  }
}

/** Records begin with a pointer to their owner, then the type. */
function isAlias(service: Service, record: number): boolean {
  return (service.records[service.starts[record] as number] as number) >>> 24 === TYPE_CNAME;
}
