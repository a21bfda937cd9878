import { z } from 'zod';

/** A whole number within bounds. `unit` goes into the reference page. */
export function whole(bounds: { min: number; max: number; unit?: string }, description: string) {
  return z.number().int().min(bounds.min).max(bounds.max).meta(meta(bounds.unit, description));
}

/** Any number within bounds. */
export function real(bounds: { min: number; max: number; unit?: string }, description: string) {
  return z.number().min(bounds.min).max(bounds.max).meta(meta(bounds.unit, description));
}

function meta(unit: string | undefined, description: string): { description: string; unit?: string } {
  return unit === undefined ? { description } : { description, unit };
}
