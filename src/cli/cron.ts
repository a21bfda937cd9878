import { schedule } from 'node-cron';

/** A job that is done at the times of a cron expression. */
export interface CronJob {
  readonly name: string;
  readonly cron: string;
  readonly run: () => Promise<void>;
}

/** Where a job's log lines go, and by what clock they are rare. */
interface CronLog {
  readonly nowMs?: () => number;
  readonly log: (message: string) => void;
}

/** The same is said of a job so often at most, ms. */
const TOLD_EVERY_MS = 600_000;

/**
 * Does a job from now on; a time that comes while it still runs is passed over, and so is one at which the
 * process stood still or had no time: it is done at the next. The log has that, and what else the scheduler
 * says, as plain lines, the same one each ten minutes at most. Returns how to end it.
 */
export function startCron({ name, cron, run }: CronJob, to: CronLog): () => Promise<void> {
  const say = rarely(name, to);
  const hear = (message: string | Error): void => say(message instanceof Error ? message.message : message);
  const logger = {
    info: () => undefined,
    debug: () => undefined,
    warn: hear,
    error: (message: string | Error, error?: Error) => hear(error ?? message),
  };
  const task = schedule(cron, run, { noOverlap: true, name, logger });
  task.on('execution:missed', () => say('its time was missed: the process was busy or stood still'));
  return async () => {
    await task.destroy();
  };
}

/** Says a thing at once, and again only after a while, with how often it was meant to be said since. */
function rarely(name: string, { nowMs = () => performance.now(), log }: CronLog): (message: string) => void {
  const told = new Map<string, { atMs: number; since: number }>();
  return (message) => {
    const before = told.get(message) ?? { atMs: -Infinity, since: 0 };
    const now = nowMs();
    if (now - before.atMs < TOLD_EVERY_MS) {
      before.since++;
      return;
    }
    if (told.size >= TOLD_MAX) told.clear();
    told.set(message, { atMs: now, since: 0 });
    log(`${name}: ${message}${before.since === 0 ? '' : ` (and ${before.since} times before)`}`);
  };
}

/** Different things to say that are remembered. */
const TOLD_MAX = 100;
