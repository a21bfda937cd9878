import { type FleetPop, fullness } from './fleet.ts';

/** A POP on the picture, CSS pixels. */
export interface Mark {
  readonly pop: FleetPop;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  /** Whether there is room for its code beside it, and on which side. */
  readonly label: 'right' | 'left' | 'none';
}

/** Where POPs are, largest first, so that small ones lie on top and can be reached. */
export function marksOf(
  pops: readonly FleetPop[],
  place: (longitude: number, latitude: number) => readonly [number, number] | undefined,
  picture: {
    readonly width: number;
    readonly height: number;
    readonly chosen: string | undefined;
    /** Size of the page's letters, CSS pixels. */
    readonly letter: number;
  },
): readonly Mark[] {
  const { width, height, chosen, letter } = picture;
  const largestLoad = Math.max(1, ...pops.map(sizeOf));
  const largest = Math.max(5, Math.min(24, Math.sqrt(width * height) / 52));
  const smallest = largest * 0.24;
  const marks: Omit<Mark, 'label'>[] = [];
  for (const pop of pops) {
    const at = place(pop.longitude, pop.latitude);
    if (at === undefined || at[0] < 0 || at[1] < 0 || at[0] > width || at[1] > height) continue;
    const radius = smallest + (largest - smallest) * Math.sqrt(sizeOf(pop) / largestLoad);
    marks.push({
      pop,
      x: at[0],
      y: at[1],
      radius: pop.state === 'up' ? radius : Math.max(radius, largest * 0.6),
    });
  }
  marks.sort((left, right) => right.radius - left.radius);
  return labelled(marks, chosen, { letter, width });
}

/** Its load; where nobody reports one, what its share would be of a hundred thousand. */
const sizeOf = ({ loadRps, share }: FleetPop): number => loadRps ?? 100_000 * share;

interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Of a code, in letters of the page. */
const LABEL_WIDTH = 1.95;
const LABEL_HEIGHT = 0.9;

/** Codes go where they cover nothing: first those of POPs that are out or chosen, then of the largest. */
function labelled(
  marks: readonly Omit<Mark, 'label'>[],
  chosen: string | undefined,
  { letter, width }: { readonly letter: number; readonly width: number },
): readonly Mark[] {
  const [labelWidth, labelHeight] = [LABEL_WIDTH * letter, LABEL_HEIGHT * letter];
  const taken: Box[] = marks.map(({ x, y, radius }) =>
    boxOf(x - radius * 0.8, y - radius * 0.8, 1.6 * radius),
  );
  const labels = new Map<string, Mark['label']>();
  const urgency = ({ pop }: Omit<Mark, 'label'>): number =>
    pop.code === chosen ? 2 : pop.state === 'up' && (fullness(pop) ?? 0) < 1 ? 0 : 1;
  for (const mark of marks.toSorted((left, right) => urgency(right) - urgency(left))) {
    const { pop, x, y, radius } = mark;
    const own = boxOf(x - radius * 0.8, y - radius * 0.8, 1.6 * radius);
    for (const side of ['right', 'left'] as const) {
      const left = side === 'right' ? x + radius + 1 : x - radius - 1 - labelWidth;
      const box = { left, top: y - labelHeight / 2, right: left + labelWidth, bottom: y + labelHeight / 2 };
      if (box.left < 0 || box.right > width) continue;
      const isFree = taken.every((other) => !overlap(other, box) || same(other, own));
      if (!isFree && pop.code !== chosen) continue;
      taken.push(box);
      labels.set(pop.code, side);
      break;
    }
  }
  return marks.map((mark) => ({ ...mark, label: labels.get(mark.pop.code) ?? 'none' }));
}

const boxOf = (left: number, top: number, size: number): Box => ({
  left,
  top,
  right: left + size,
  bottom: top + size,
});

const overlap = (one: Box, other: Box): boolean =>
  one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;

const same = (one: Box, other: Box): boolean =>
  one.left === other.left && one.top === other.top && one.right === other.right;

/** The mark whose middle is nearest to a point: marks lie over each other, and small ones are hard to hit. */
export function markAt(marks: readonly Mark[], x: number, y: number): string | undefined {
  const away = (mark: Mark): number => Math.hypot(mark.x - x, mark.y - y);
  const [first, ...others] = marks;
  if (first === undefined) return undefined;
  return others.reduce((best, one) => (away(one) < away(best) ? one : best), first).pop.code;
}

/** The mark that lies next in the direction of an arrow key; undefined where none does. */
export function nextMark(marks: readonly Mark[], from: string, key: string): string | undefined {
  const here = marks.find(({ pop }) => pop.code === from);
  const direction = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[key];
  if (here === undefined || direction === undefined) return undefined;
  const [right = 0, down = 0] = direction;
  let best: string | undefined;
  let bestCost = Number.POSITIVE_INFINITY;
  for (const { pop, x, y } of marks) {
    const ahead = (x - here.x) * right + (y - here.y) * down;
    const aside = Math.abs((x - here.x) * down) + Math.abs((y - here.y) * right);
    if (ahead <= 0.5 || pop.code === from) continue;
    const cost = ahead + 2.5 * aside;
    if (cost >= bestCost) continue;
    best = pop.code;
    bestCost = cost;
  }
  return best;
}
