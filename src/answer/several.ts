import { candidate, isTogether, type SteeringImage, startsOf } from '../steering/image.ts';
import { TYPE } from '../wire/constants.ts';
import type { AnswerContext } from './context.ts';
import { putRecord } from './message.ts';
import { type Service, steeredRecord } from './service.ts';

const { CNAME: TYPE_CNAME, HTTPS: TYPE_HTTPS } = TYPE;

/**
 * Where the row says so, puts after the record that was chosen those of the other POPs that its clients start
 * from: all that are up, or with none up all, as the chosen one is answered then too.
 */
export function putOthers(context: AnswerContext, service: Service): void {
  const { outcome, query, table } = context;
  if (table === undefined || !isTogether(table.image, outcome.row)) return;
  // An HTTPS record is one way to the service, complete in itself; an alias stands alone (RFC 1034 §3.6.2).
  if (query.qtype === TYPE_HTTPS || isAlias(service, steeredRecord(query.qtype, outcome.linkIndex))) return;
  putAll(context, service, table.image);
}

function putAll(context: AnswerContext, service: Service, image: SteeringImage): void {
  const { outcome, message, query, popState, linkPop } = context;
  const { row, linkIndex } = outcome;
  const starts = startsOf(image, row);
  const isOpen = Atomics.load(popState, outcome.popIndex) !== 0;
  for (let k = 0; k < starts; k++) {
    const link = candidate(image, row, k);
    if (link < 0 || link === linkIndex) continue;
    if (!isOpen && Atomics.load(popState, linkPop[link] as number) !== 0) continue;
    const record = steeredRecord(query.qtype, link);
    const octets = service.sizes[record] as number;
    if (octets === 0 || isAlias(service, record)) continue;
    if (!putRecord(message, service.records, service.starts[record] as number, octets, outcome.ttl)) {
      outcome.truncated = true;
      return;
    }
  }
}

/** Records begin with a pointer to their owner, then the type. */
function isAlias(service: Service, record: number): boolean {
  return (service.records[service.starts[record] as number] as number) >>> 24 === TYPE_CNAME;
}
