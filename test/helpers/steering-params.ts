import { STEERING_PARAMETERS, type SteeringParams } from '../../src/steering/params.ts';

/** The defaults, with what a test changes. */
export function steeringParams(
  changed: { readonly [Name in keyof SteeringParams]?: number | undefined } = {},
): SteeringParams {
  const values: Record<string, number> = {};
  for (const [name, parameter] of Object.entries(STEERING_PARAMETERS))
    values[name] = changed[name as keyof SteeringParams] ?? parameter.default;
  // Every key of the table was filled just above.
  return values as SteeringParams;
}
