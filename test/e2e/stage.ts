import { openGeoTruth } from '../helpers/geo-truth.ts';
import { type Program, startProgram } from '../helpers/program.ts';
import { freePort } from '../helpers/redis.ts';

/** One `up` with POPs, for all tests of what people see of it. */
export interface Stage {
  readonly program: Program;
  /** TCP port of the POPs. */
  readonly port: string;
  /** Code of the POP that an address belongs to. */
  readonly popAt: (address: string) => string | undefined;
}

/** Started once a process; whoever imports it last ends it. */
export const stage: Promise<Stage> = startStage();
// Who awaits it is told; until then a failure is not nobody's.
stage.catch(() => undefined);

async function startStage(): Promise<Stage> {
  const port = String(await freePort());
  const [program, { popAt }] = await Promise.all([startProgram(['up', '--pop-port', port]), openGeoTruth()]);
  return { program, port, popAt };
}
