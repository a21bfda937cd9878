import { type Random, seededRandom } from '../../src/base/random.ts';
import { rowsOf } from './geo-truth.ts';

/** Three in four with IPv4, anywhere or nowhere; the rest in known networks with IPv6, any host. */
export function randomClients(count: number): string[] {
  const random = seededRandom(3);
  const blocks = rowsOf('test/vectors/operators.csv')
    .map(({ prefix = '' }) => prefix.split('/')[0] as string)
    .filter((address) => address.includes(':'))
    .map((address) => address.replace(/::$/, ''));
  return Array.from({ length: count }, (_, index) =>
    index % 4 === 0 ? randomSix(random, blocks) : randomFour(random),
  );
}

const below = (random: Random, bound: number): number => Math.floor(random.next() * bound);

function randomFour(random: Random): string {
  return [1 + below(random, 223), ...[256, 256, 256].map((bound) => below(random, bound))].join('.');
}

function randomSix(random: Random, blocks: readonly string[]): string {
  const block = blocks[below(random, blocks.length)] as string;
  const rest = Array.from({ length: 8 - block.split(':').length }, () => below(random, 65_536).toString(16));
  return [block, ...rest].join(':');
}
