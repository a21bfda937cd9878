import type { Config } from '../config/config.ts';
import type { startKeyCare as StartKeyCareFunction } from './key-care.ts';
import type { startQueryLog as StartQueryLogFunction } from './query-log.ts';
import type { startSlowJobs as StartSlowJobsFunction } from './slow-jobs.ts';
import type { startConsole as StartConsoleFunction } from './start-console.ts';
import type { startZoneCare as StartZoneCareFunction } from './zone-care.ts';

/** What is needed only once answers are given. */
export async function loadLater({ listen }: Config): Promise<{
  readonly startSlowJobs: typeof StartSlowJobsFunction;
  readonly startKeyCare: typeof StartKeyCareFunction;
  readonly startZoneCare: typeof StartZoneCareFunction;
  readonly startQueryLog: typeof StartQueryLogFunction;
  readonly startConsole?: typeof StartConsoleFunction;
}> {
  const { startSlowJobs } = await import('./slow-jobs.ts');
  const { startKeyCare } = await import('./key-care.ts');
  const { startZoneCare } = await import('./zone-care.ts');
  const { startQueryLog } = await import('./query-log.ts');
  const jobs = { startSlowJobs, startKeyCare, startZoneCare, startQueryLog };
  if (listen.admin === 'off') return jobs;
  const { startConsole } = await import('./start-console.ts');
  return { ...jobs, startConsole };
}
