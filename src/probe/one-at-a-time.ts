/**
 * A function that does the work, or once more after the one under way: two never run at a time. `work` must
 * not reject.
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let underWay: Promise<void> | undefined;
  let isAskedAgain = false;
  const workAll = async () => {
    do {
      isAskedAgain = false;
      await work();
    } while (isAskedAgain);
    underWay = undefined;
  };
  return () => {
    if (underWay !== undefined) isAskedAgain = true;
    else underWay = workAll();
    return underWay ?? Promise.resolve();
  };
}
