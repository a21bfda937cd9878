import { z } from 'zod';
import { type ParameterSpec, STEERING_PARAMETERS, type SteeringParams } from '../steering/params.ts';

/** The parameters of the decision, each with the bounds and the default that `steering` gives it. */
export const steeringSchema = z
  .strictObject(
    Object.fromEntries(
      Object.entries(STEERING_PARAMETERS).map(([name, spec]) => [name, parameter(spec)]),
    ) as Record<keyof SteeringParams, ReturnType<typeof parameter>>,
  )
  .prefault({})
  .describe('How POPs are scored and when a client moves; docs/steering.md has the formula.');

function parameter(spec: ParameterSpec) {
  return z
    .number()
    .min(spec.min)
    .max(spec.max)
    .default(spec.default)
    .meta({ description: spec.meaning, ...(spec.unit === '' ? {} : { unit: spec.unit }) });
}
