/**
 * Lines are laid through so many of the newest counts at least: they show what happens at once; and at most:
 * they tell a slow rise from chance.
 */
const SPAN_MIN = 4;
/** Counts that are looked at. */
export const TREND_COUNTS = 32;
/** A longer line must agree with all shorter ones within so many standard errors of each … */
const AGREE_DEVIATIONS = 2;
/** … and of its slope so many are taken off: a steady load that scatters by chance does not rise. */
const CREDIT_DEVIATIONS = 2.5;

/** A slope by least squares, and its standard error. */
interface Line {
  readonly slope: number;
  readonly error: number;
}

/**
 * By how much counts of equal, successive times rise from one to the next, as far as chance does not explain
 * it: 0 where they are steady or fall. Oldest first. Lines are laid through the newest counts, through more
 * and more of them as long as they agree (intersection of confidence intervals: Goldenshluger and Nemirovski
 * 1997, Katkovnik 1999), and of each slope 2.5 standard errors are taken off: those of a Poisson process, or
 * more where the counts scatter more. They rise if the longest line still does, and by what the one says that
 * says most. After a step only what came since is one line: a step is no rise that goes on.
 */
export function sustainedRise(counts: readonly number[]): number {
  let least = -Infinity;
  let most = Infinity;
  let steepest = 0;
  let longest = 0;
  for (let span = SPAN_MIN; span <= Math.min(TREND_COUNTS, counts.length); span++) {
    const { slope, error } = lineThrough(counts, span);
    const sure = AGREE_DEVIATIONS * error;
    if (slope + sure < least || slope - sure > most) break;
    least = Math.max(least, slope - sure);
    most = Math.min(most, slope + sure);
    longest = slope - CREDIT_DEVIATIONS * error;
    steepest = Math.max(steepest, longest);
  }
  return longest > 0 ? Math.min(steepest, most) : 0;
}

/** Through the newest `span` counts. */
function lineThrough(counts: readonly number[], span: number): Line {
  const first = counts.length - span;
  const middle = (span - 1) / 2;
  const squares = (span * (span * span - 1)) / 12;
  let sum = 0;
  let product = 0;
  for (let i = 0; i < span; i++) {
    const count = counts[first + i] as number;
    sum += count;
    product += (i - middle) * count;
  }
  const mean = sum / span;
  const slope = product / squares;
  let residue = 0;
  for (let i = 0; i < span; i++)
    residue += ((counts[first + i] as number) - mean - slope * (i - middle)) ** 2;
  // Of few that were seen more may be meant: two more over the span.
  const variance = Math.max(mean + 2 / span, residue / (span - 2));
  return { slope, error: Math.sqrt(variance / squares) };
}
