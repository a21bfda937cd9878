import type { Config } from '../config/config.ts';
import type { startAdmin as StartAdminFunction } from '../console/admin.ts';
import type { startKeyCare as StartKeyCareFunction } from './key-care.ts';
import type { startSlowJobs as StartSlowJobsFunction } from './slow-jobs.ts';
import type { startZoneCare as StartZoneCareFunction } from './zone-care.ts';

export type StartAdmin = typeof StartAdminFunction;

/** What is needed only once answers are given. */
export async function loadLater({ listen }: Config): Promise<{
  readonly startSlowJobs: typeof StartSlowJobsFunction;
  readonly startKeyCare: typeof StartKeyCareFunction;
  readonly startZoneCare: typeof StartZoneCareFunction;
  readonly startAdmin?: StartAdmin;
}> {
  const { startSlowJobs } = await import('./slow-jobs.ts');
  const { startKeyCare } = await import('./key-care.ts');
  const { startZoneCare } = await import('./zone-care.ts');
  if (listen.admin === 'off') return { startSlowJobs, startKeyCare, startZoneCare };
  const { startAdmin } = await import('../console/admin.ts');
  return { startSlowJobs, startKeyCare, startZoneCare, startAdmin };
}
