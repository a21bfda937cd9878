import { type Prefix, parsePrefix } from '../base/address.ts';
import { readCsv } from '../base/csv.ts';
import { OperatorError, type Problem } from '../base/errors.ts';
import { NETWORK_BITS } from '../base/network-key.ts';

/** A client network of the demo: a row of networks.csv. */
export interface ClientNetwork {
  readonly prefix: Prefix;
  /** As in the file: `203.0.113.0/24`. */
  readonly prefixText: string;
  readonly asn: number;
  readonly asName: string;
  /** Key of its place in places.csv. */
  readonly placeKey: string;
  /** Share of all demand, 0..1; the rows' shares add up to about 1. */
  readonly weight: number;
}

const COLUMNS = 'prefix,asn,asName,placeKey,weight';
/** Bad lines told of at most: a wrong file would fill the screen. */
const PROBLEMS_MAX = 20;

/** Reads networks.csv; `OperatorError('bad-data')` with the first bad lines. */
export function readClientNetworks(csvText: string, file: string): ClientNetwork[] {
  const [header, ...rows] = readCsv(csvText);
  const problems: Problem[] = [];
  if (header?.cells.join() !== COLUMNS)
    problems.push({
      file,
      line: header?.line ?? 1,
      message: `the header must be ${JSON.stringify(COLUMNS)}`,
    });
  const networks: ClientNetwork[] = [];
  for (const { line, cells } of problems.length === 0 ? rows : []) {
    const network = readRow(cells);
    if (typeof network === 'string') problems.push({ file, line, message: network });
    else networks.push(network);
  }
  if (problems.length > 0) throw new OperatorError('bad-data', problems.slice(0, PROBLEMS_MAX));
  return networks;
}

function readRow(cells: readonly string[]): ClientNetwork | string {
  const [prefixText = '', asnText, asName = '', placeKey = '', weightText] = cells;
  if (cells.length !== 5) return `has ${cells.length} fields, not 5`;
  const prefix = parsePrefix(prefixText);
  if (typeof prefix === 'string') return prefix;
  if (prefix.length !== NETWORK_BITS[prefix.address.family])
    return `${prefixText} is no single network: those that are measured are a /24, or a /48 of IPv6`;
  const [asn, weight] = [Number(asnText), Number(weightText)];
  if (!Number.isInteger(asn) || asn < 0 || asn >= 2 ** 32) return `asn ${JSON.stringify(asnText)} is none`;
  if (!(weight >= 0 && weight <= 1)) return `weight ${JSON.stringify(weightText)} must be 0 to 1`;
  return { prefix, prefixText, asn, asName, placeKey, weight };
}
