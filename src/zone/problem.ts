import type { Problem } from '../base/errors.ts';

/** Something wrong in a zone. A zone with an error is not served; one with warnings is. */
export type ZoneProblem = Problem & { readonly severity: 'error' | 'warning' };
